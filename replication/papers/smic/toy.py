"""A toy example of the maximal information coefficient, as the paper's Figure 2, beside a search over all grids."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from replication.metrics import mic
from replication.reporting.figures import COLOURS, MARKERS

POINTS = 49
"""As many as a patch of 7 x 7 has values."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Grid(NamedTuple):
    """A grid of points by their ranks: how many points are left of each cut and below each cut, and I in nats."""

    columns: tuple[int, ...]
    rows: tuple[int, ...]
    information: float

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along x and along y."""
        return len(self.columns) + 1, len(self.rows) + 1

    @property
    def normalised(self) -> float:
        """I / log of the smaller number of cells, in [0, 1]."""
        return self.information / float(np.log(min(self.shape)))


def relations(seed: int = 0) -> dict[str, tuple[Floats, Floats]]:
    """Samples of two variables in relations of four kinds: x uniform in [0, 1], noise normal."""
    rng = np.random.default_rng(seed)
    x, noise = rng.uniform(size=POINTS), rng.standard_normal(POINTS)
    return {
        "linear": (x, 2 * x + 1),
        "nonlinear": (x, np.sin(2 * np.pi * x)),
        "linear with noise": (x, x + 0.25 * noise),
        "independent": (x, noise),
    }


def best_grids(x: Floats, y: Floats) -> list[Grid]:
    """Of each shape n_x by n_y with n_x n_y < sqrt(N), the grid of most information among all: equation 1 itself.

    Values must differ, so that every cut between two neighbours can be made.
    """
    number, counts, best = len(x), counts_of(x, y), []
    for columns, rows in _shapes(number):
        across, up = (np.array(list(combinations(range(1, number), cells - 1))) for cells in (columns, rows))
        found = information(counts, across, up)
        i, j = np.unravel_index(found.argmax(), found.shape)
        best.append(Grid(tuple(map(int, across[i])), tuple(map(int, up[j])), float(found[i, j])))
    return best


def counts_of(x: Floats, y: Floats) -> Integers:
    """How many points are among the first i in x and the first j in y, (N + 1, N + 1)."""
    counts = np.zeros((len(x) + 1, len(x) + 1), dtype=np.int64)
    counts[x.argsort().argsort() + 1, y.argsort().argsort() + 1] = 1
    return counts.cumsum(axis=0).cumsum(axis=1)


def information(counts: Integers, across: Integers, up: Integers) -> Floats:
    """Mutual information in nats of every grid, (A, B), from cuts across (A, n_x - 1) and up (B, n_y - 1).

    counts: of `counts_of`.
    """
    number = len(counts) - 1
    x, y = (np.pad(cuts, ((0, 0), (1, 1)), constant_values=((0, 0), (0, number))) for cuts in (across, up))
    corners = counts[x[:, None, :, None], y[None, :, None, :]]
    p = np.diff(np.diff(corners, axis=2), axis=3) / number
    expected = p.sum(axis=3, keepdims=True) * p.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / expected), 0.0)
    found: Floats = terms.sum(axis=(2, 3))
    return found


def _shapes(number: int) -> Iterator[tuple[int, int]]:
    most = int(np.sqrt(number)) + 1
    for columns in range(2, most):
        for rows in range(2, most):
            if columns * rows < np.sqrt(number):
                yield columns, rows


def examples(seed: int = 0) -> pd.DataFrame:
    """Of each relation: relation, mic (ours, the heuristic of ApproxMaxMI), exact (the maximum over all grids)."""
    rows = []
    for name, (x, y) in relations(seed).items():
        ours = float(mic(torch.from_numpy(x), torch.from_numpy(y)))
        rows.append((name, ours, max(grid.normalised for grid in best_grids(x, y))))
    return pd.DataFrame(rows, columns=["relation", "mic", "exact"])


def draw_toy(seed: int = 0) -> Figure:
    """Above each sample with two grids of 2 x 2 cells, the halves and the best; below the best grid of each shape."""
    samples, values = relations(seed), examples(seed).set_index("relation")
    figure, axes = plt.subplots(2, len(samples), figsize=(2.45 * len(samples), 4.6), sharey="row")
    for column, (name, (x, y)) in enumerate(samples.items()):
        grids = best_grids(x, y)
        _scatter(axes[0, column], name, x, y, grids[0])
        axis = axes[1, column]
        axis.bar(range(len(grids)), [grid.normalised for grid in grids], color=COLOURS[5], width=0.6)
        axis.axhline(values["mic"][name], color=COLOURS[1], linewidth=1.5)
        axis.set_xticks(range(len(grids)), ["{} \N{MULTIPLICATION SIGN} {}".format(*grid.shape) for grid in grids])
        axis.set_ylim(0, 1.05)
        axis.set_title(
            f"MIC {values['mic'][name]:.3f}\nall grids {values['exact'][name]:.3f}", fontsize=8.5, loc="left"
        )
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("rank of y", fontsize=8.5)
    axes[1, 0].set_ylabel("best I / log min(n$_x$, n$_y$)", fontsize=8.5)
    figure.supxlabel("cells along x \N{MULTIPLICATION SIGN} cells along y", fontsize=8.5)
    return figure


def _scatter(axis: Axes, name: str, x: Floats, y: Floats, best: Grid) -> None:
    """The points by rank, the grid of halves (dashed) and the best one, their information in the title."""
    across, up = (values.argsort().argsort() + 0.5 for values in (x, y))
    half = len(x) // 2
    halved = information(counts_of(x, y), np.array([[half]]), np.array([[half]])).item()
    axis.scatter(across, up, s=9, color="black", marker=MARKERS[0])
    grids = ((half, half, COLOURS[0], "--"), (best.columns[0], best.rows[0], COLOURS[1], "-"))
    for column, row, colour, line in grids:
        axis.axvline(column, color=colour, linestyle=line, linewidth=1.4)
        axis.axhline(row, color=colour, linestyle=line, linewidth=1.4)
    title = f"{name}\nI {halved:.2f} (dashed), {best.information:.2f} (best)"
    axis.set_title(title, fontsize=8.5, loc="left")
    axis.set_xlabel("rank of x", fontsize=8.5)
    axis.tick_params(labelsize=8)
    axis.grid(visible=False)
