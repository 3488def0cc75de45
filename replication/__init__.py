"""Replication of five papers on perceptual image similarity: metrics, losses, data sets, statistics and reports."""

__version__ = "0.1.0"
