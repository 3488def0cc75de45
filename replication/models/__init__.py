"""Networks the papers train: plain torch modules, no data and no training code."""

from replication.models.srcnn import SRCNN

__all__ = ["SRCNN"]
