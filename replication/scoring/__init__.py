"""Scoring: networks or distorted images against references, as score tables.

`score` is imported when it is first used, because it needs torch and what checks a command before it does not.
"""

from typing import TYPE_CHECKING, Any

from replication.scoring.errors import ScoringError

if TYPE_CHECKING:
    from replication.scoring.engine import score

__all__ = ["ScoringError", "score"]


def __getattr__(name: str) -> Any:
    if name == "score":
        from replication.scoring import engine

        return engine.score
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
