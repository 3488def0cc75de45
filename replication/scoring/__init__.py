"""Scoring: networks or distorted images against references, as long-form score tables."""

from replication.scoring.engine import score
from replication.scoring.errors import ScoringError

__all__ = ["ScoringError", "score"]
