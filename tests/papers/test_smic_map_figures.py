"""Pictures of maps: every map on its own scale, with the values of the metric that it belongs to."""

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replication import datasets
from replication.datasets.rated import RatedSet
from replication.papers.smic import gains, map_figures, pictures
from replication.scoring.rated_sets import score_set
from replication.scoring.scored import Scored

ATTENDED = "{}+smic(backbone=squeezenet1_1, taps=[fire3, fire5], weights=random)"
LABELS = {
    "PSNR": ("psnr", ATTENDED.format("psnr")),
    "DISTS": ("dists(weights=random)", "dists+smic(weights=random)"),
    "DeepWSD": ("deepwsd(weights=random)", "deepwsd+smic(weights=random)"),
}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def photos() -> RatedSet:
    return datasets.load("photos-distorted")


@pytest.fixture(scope="module")
def scored() -> Scored:
    labels = [label for pair in LABELS.values() for label in pair]
    return score_set("photos-distorted", labels, options={"images": 2}, show_progress=False)


@pytest.mark.parametrize(("measure", "rows"), [("PSNR", 1), ("DISTS", 2), ("DeepWSD", 2)])
def test_a_pair_shows_each_map_on_its_own_scale(photos: RatedSet, scored: Scored, measure: str, rows: int) -> None:
    plain, local = LABELS[measure]
    family = gains.Family(measure, "", plain, "", "", local, "")
    better, worse = scored.table["distorted"].unique()
    worse_of_same = next(name for name in photos.table["distorted"] if name[:6] == better[:6] and name != better)
    table = scored.table.assign(distorted=scored.table["distorted"].replace(worse, worse_of_same))
    figure = map_figures.draw_pair(photos, Scored(**{**vars(scored), "table": table}), family, better, worse_of_same)
    maps = [axis for axis in figure.axes if axis.images and axis.images[0].colorbar]
    assert len(maps) == 3 * 2 * rows
    reference = pictures.image_of(photos, photos.table.set_index("distorted")["reference"][better])
    expected = pictures.maps_of(local, reference, pictures.image_of(photos, better))
    for number, each in enumerate(expected.values()):
        own = maps[3 * number : 3 * number + 3]
        for axis, values, share in zip(own, each, (0.995, 1, 0.995), strict=True):
            assert np.array_equal(axis.images[0].get_array(), values[0].numpy())
            assert axis.images[0].get_clim() == pytest.approx((0, np.quantile(values, share)))
    score = table.set_index(["distorted", "metric"])["score"][better, local]
    assert any(f"with attention {score:.4g}" in axis.get_title(loc="left") for axis in figure.axes)


def test_the_pipeline_goes_from_slices_to_the_weighted_map(photos: RatedSet) -> None:
    name = photos.table["distorted"].iloc[3]
    figure = map_figures.draw_pipeline(photos, LABELS["PSNR"][1], name)
    drawn = {axis.get_title(loc="left"): axis.images[0] for axis in figure.axes if axis.get_title(loc="left")}
    assert len(drawn) == 15
    product, distortion, attention = (
        np.asarray(drawn[title].get_array()) for title in ("product", "distortion", "attention, fire3 and fire5")
    )
    assert product == pytest.approx(distortion * attention)
    mean = np.asarray(drawn["mean of MIC, 32 slices"].get_array())
    first = np.asarray(drawn["MIC of slice 1"].get_array())
    assert mean.shape == first.shape
    assert 0 <= mean.min() < mean.max() <= 1
    reference, distorted = (drawn[f"slice 2 of the {of}"] for of in ("reference, fire3", "distorted image"))
    assert reference.get_clim() == distorted.get_clim()
