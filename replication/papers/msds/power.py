"""The smallest difference that the tests find on a set of each size, with scores like those of a study."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from replication.evaluation.power import TESTS, Size, pearson_of, possible, shared_by_reference, simulated_power
from replication.papers.msds.rules import BENCHMARKS
from replication.papers.msds.study import LEARNED, LEVEL_0, Study
from replication.reporting.paper_sets import paper_set

SIZES = {  # of the paper's sets: references, and distorted images of each on average
    "LIVE": Size(29, 27),
    "CSIQ": Size(30, 29),
    "TID2013": Size(25, 120),
    "KADID-10k": Size(81, 125),
    "PIPAL": Size(200, 116),
}


def sizes_of(studies: Sequence[Study]) -> dict[str, tuple[Study, Size]]:
    """The paper's sets and the sets that were studied: title -> the study that is simulated, and the size.

    A studied set is simulated after its own study; a set of the paper after that of its part, else after the first.
    studies: of one network each set.
    """
    own = {}
    for of in studies:
        references = len(np.unique(of.references))
        own[of.title] = of, Size(references, round(len(of.opinions) / references))
    parts = {BENCHMARKS[whole]: of for of in reversed(studies) if (whole := paper_set(of.name)) in BENCHMARKS}
    return {title: (parts.get(title, studies[0]), size) for title, size in SIZES.items()} | own


def power_model(of: Study) -> dict[str, float]:
    """Parameters of the simulation, from data: SRCC of level 0, correlation of learned MSDS with it, and the share of
    the difference of their errors (ranks minus what the opinions explain) that belongs to the reference."""
    y, one, two = (stats.rankdata(x) for x in (of.opinions, of.methods[LEARNED], of.methods[LEVEL_0]))
    rest = [x - np.polyval(np.polyfit(y, x, 1), y) for x in (one, two)]
    return {
        "base": float(np.corrcoef(two, y)[0, 1]),
        "between": float(np.corrcoef(one, two)[0, 1]),
        "shared": shared_by_reference(rest[0] - rest[1], of.references),
    }


def in_words(model: Mapping[str, float]) -> str:
    """`power_model` in a sentence."""
    return (
        f"level 0 has SRCC {model['base']:.3f}, MSDS correlates with it by {model['between']:.3f}, and "
        f"{model['shared']:.0%} of the difference of their errors belongs to the reference"
    )


def power_of(studies: Sequence[Study], *, simulations: int = 1000, seed: int = 0) -> pd.DataFrame:
    """`power_table` of each of `sizes_of`, with the model of the study that it is simulated after."""
    return pd.concat(
        [
            power_table(power_model(of), {title: size}, simulations=simulations, seed=seed)
            for title, (of, size) in sizes_of(studies).items()
        ],
        ignore_index=True,
    )


def power_table(
    model: Mapping[str, float],
    sizes: Mapping[str, Size] = SIZES,
    differences: Sequence[float] = (0, 0.0025, 0.005, 0.01, 0.02, 0.04),
    *,
    simulations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Power of each test at each set's size: data_set, difference (of SRCC, from the model's base up), test, power.

    Differences that two metrics so alike cannot have are left out.
    """
    rows = []
    between = pearson_of(model["between"])
    for name, size in sizes.items():
        for difference in differences:
            better, worse = pearson_of(min(model["base"] + difference, 0.999)), pearson_of(model["base"])
            if not possible(better, worse, between):
                continue
            found = simulated_power(size, better, worse, between, model["shared"], simulations=simulations, seed=seed)
            rows += [(name, difference, test, found[test]) for test in TESTS]
    return pd.DataFrame(rows, columns=["data_set", "difference", "test", "power"])


def detectable(power: pd.DataFrame, wanted: float = 0.8) -> pd.DataFrame:
    """The least difference that each test finds with this power, between the simulated ones by straight lines."""
    rows = []
    for (name, test), part in power.groupby(["data_set", "test"], sort=False):
        known = np.maximum.accumulate(part["power"].to_numpy())
        reached = known.max() >= wanted
        least = float(np.interp(wanted, known, part["difference"])) if reached else float("nan")
        rows.append((name, test, least))
    table = pd.DataFrame(rows, columns=["data_set", "test", "least"])
    wide = table.pivot(index="data_set", columns="test", values="least")
    return wide.reindex(index=list(dict.fromkeys(power["data_set"])), columns=list(TESTS))
