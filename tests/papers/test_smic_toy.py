"""The toy example of MIC: the search over all grids against scikit-learn's mutual information, and our MIC below it."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.metrics import mutual_info_score

from replication.papers.smic import toy


def information(x: np.ndarray, y: np.ndarray, columns: tuple[int, ...], rows: tuple[int, ...]) -> float:
    """By scikit-learn, of points binned at cuts by rank."""
    return mutual_info_score(
        *(np.searchsorted(cuts, each.argsort().argsort(), side="right") for cuts, each in ((columns, x), (rows, y)))
    )


@pytest.mark.parametrize("relation", ["nonlinear", "linear with noise", "independent"])
def test_the_best_grid_of_each_shape_is_the_best_of_all(relation: str) -> None:
    x, y = toy.relations(3)[relation]
    x, y = x[:26], y[:26]  # 5 cells at most: 2 x 2 only
    (best,) = toy.best_grids(x, y)
    assert best.shape == (2, 2)
    everything = {(i, j): information(x, y, (i,), (j,)) for i in range(1, 26) for j in range(1, 26)}
    assert best.information == pytest.approx(max(everything.values()))
    assert everything[best.columns[0], best.rows[0]] == pytest.approx(best.information)


def test_grids_of_49_points_have_up_to_six_cells() -> None:
    x, y = toy.relations()["linear with noise"]
    grids = toy.best_grids(x, y)
    assert [grid.shape for grid in grids] == [(2, 2), (2, 3), (3, 2)]
    for grid in grids:
        assert grid.information == pytest.approx(information(x, y, grid.columns, grid.rows))
        assert grid.normalised == pytest.approx(grid.information / np.log(2))
    random = np.random.default_rng(0)
    for _ in range(200):
        columns = tuple(sorted(random.choice(np.arange(1, 49), 2, replace=False)))
        assert information(x, y, columns, (int(random.integers(1, 49)),)) <= grids[2].information + 1e-12


def test_mic_is_at_most_that_of_all_grids_and_finds_functions() -> None:
    found = toy.examples().set_index("relation")
    assert (found["mic"] <= found["exact"] + 1e-6).all()
    halves = -(24 / 49 * np.log(24 / 49) + 25 / 49 * np.log(25 / 49)) / np.log(2)  # 49 points do not halve
    assert found.loc["linear"].tolist() == pytest.approx([halves, halves])
    assert found.loc["nonlinear", "mic"] > 0.99
    assert found.loc["independent", "mic"] < found.loc["linear with noise", "mic"] < 0.9


def test_the_figure_has_both_values_of_each_relation() -> None:
    figure = toy.draw_toy()
    values = toy.examples().set_index("relation")
    for column, name in enumerate(values.index):
        above, below = figure.axes[column], figure.axes[len(values) + column]
        assert above.get_title(loc="left").startswith(name)
        assert len(above.lines) == 4  # two grids
        assert max(bar.get_height() for bar in below.patches) == pytest.approx(values["exact"][name])
        assert below.lines[0].get_ydata()[0] == pytest.approx(values["mic"][name])
    plt.close(figure)
