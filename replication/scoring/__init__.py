"""Scoring: networks or distorted images against references, as long-form score tables."""
