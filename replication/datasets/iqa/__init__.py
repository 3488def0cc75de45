"""Readers of the official layouts of image quality sets: one module for each family, from a folder to `Row`s.

A reader says which images belong together and what the opinion is, as the set's own files have it. Whether that is what
was published, and whether the images are there, is looked at in one place for all: `replication.datasets.rated`.
"""
