"""The papers: each folder holds all that belongs to one, and is found by being there."""
