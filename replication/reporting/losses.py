"""The losses on a page: the paper's own first, then every other one in the parameters, as an extension."""

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from replication.evaluation.paired import holm
from replication.training.losses import title


def titles(losses: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """Titles by name of loss, the paper's `own` losses first.

    Raises ValueError if one of `own` is not among `losses`, or if two losses have the same title.
    """
    given, needed = list(losses), list(own)
    if absent := [name for name in needed if name not in given]:
        raise ValueError(
            f"the paper compares {', '.join(needed)}; add {', '.join(absent)} to `losses` in the parameters, which may "
            "name others beside them"
        )
    found: dict[str, str] = {}
    for name in dict.fromkeys([*needed, *given]):
        if title(name) in found.values():
            raise ValueError(f"two losses have the title {title(name)!r}: give {name!r} one of its own")
        found[name] = title(name)
    return found


def pairs(own: Sequence[tuple[str, str]], losses: Iterable[str]) -> list[tuple[str, str]]:
    """The paper's `own` comparisons, then every other loss against each loss of these."""
    compared = dict.fromkeys(loss for pair in own for loss in pair)
    return [*own, *((loss, other) for loss in losses if loss not in compared for other in compared)]


def holm_by_family(comparisons: pd.DataFrame, own: Collection[str], by: Sequence[str] = ()) -> pd.Series:
    """Adjusted p-values: Holm's method within each group of `by`, extensions apart from the paper's comparisons.

    comparisons: columns first, p and `by`. own: the paper's losses; a comparison of which the first loss is another one
    belongs to the extensions, so that adding a loss leaves the paper's p-values as they are.
    """
    extension = ~comparisons["first"].isin(own)
    return comparisons.groupby([*by, extension])["p"].transform(lambda p: holm(p.to_numpy()))
