"""Placed errors, controls of place and the steps of the gain, on images and tables whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats

from replication import datasets
from replication.papers.smic import decomposition, gains, place, place_effects, place_figures, placed_errors
from replication.papers.smic.place import Measure, Seen
from replication.scoring.rated_sets import score_set
from replication.scoring.store import Store
from tests.metrics.photos import photo_pair

OPTIONS = "backbone=squeezenet1_1, taps=[relu1, fire3], weights=random"
LABELS = {"PSNR": ("psnr", f"psnr+smic({OPTIONS})"), "SSIM": ("ssim", f"ssim+smic({OPTIONS})")}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Nearly flat on the left, a texture on the right, and a bright patch in a corner of the flat part."""
    rng = np.random.default_rng(0)
    grey = np.full((96, 128), 90.0) + rng.normal(0, 1.5, (96, 128))
    grey[:, 64:] += rng.normal(0, 30, (96, 64))
    grey[4:14, 4:14] += 120
    return np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.fixture(scope="module")
def measures() -> list[Measure]:
    found, lacking = place.measures(LABELS)
    assert not lacking
    return found


def test_regions_are_where_they_are_plain_to_see(photo: np.ndarray) -> None:
    found = {region.kind: region for region in placed_errors.regions(photo, "noise", 36)}
    assert set(found) == set(placed_errors.REGIONS)
    assert (found["salient"].top, found["salient"].left) == (0, 0)
    assert found["flat"].left + found["flat"].width <= 64
    assert found["textured"].left >= 60
    assert not any(a.overlaps(b) for a in found.values() for b in found.values() if a is not b)


def test_blur_only_goes_where_it_makes_the_error(photo: np.ndarray) -> None:
    widest = ndimage.gaussian_filter(photo.astype(float), (6, 6, 0), mode="nearest")
    for region in placed_errors.regions(photo, "blur", 60):
        assert np.square(widest[region.window] - photo[region.window]).mean() > 59  # rounding to 8 bits moves it
    assert placed_errors.regions(photo, "blur", 1e4) == []


@pytest.mark.parametrize("error", placed_errors.ERRORS)
def test_an_error_has_its_mean_square_in_its_region_and_none_elsewhere(photo: np.ndarray, error: str) -> None:
    for region in placed_errors.regions(photo, error, 40):
        changed = placed_errors.with_error(photo, region, error, 40, 0)
        difference = np.square(changed.astype(float) - photo)
        assert difference[region.window].mean() == pytest.approx(40, rel=0.01)  # 8-bit rounding of 1,700 samples
        assert difference.sum() == difference[region.window].sum()


def test_noise_is_the_same_in_every_region_but_for_its_strength(photo: np.ndarray) -> None:
    flat, textured = placed_errors.regions(photo, "noise", 40)[1:]
    a, b = (
        (placed_errors.with_error(photo, r, "noise", 40, 3).astype(float) - photo)[r.window].ravel()
        for r in (flat, textured)
    )
    assert np.corrcoef(a, b)[0, 1] > 0.99  # but for rounding and clipping


def test_an_error_that_cannot_be_made_is_refused(photo: np.ndarray) -> None:
    region = placed_errors.regions(photo, "noise", 36)[1]
    with pytest.raises(ValueError, match="no blur makes a mean squared error of 5000 in this region"):
        placed_errors.with_error(photo, region, "blur", 5000, 0)
    with pytest.raises(ValueError, match="error must be one of noise, blur"):
        placed_errors.with_error(photo, region, "jpeg", 36, 0)
    assert placed_errors.everywhere(photo, "blur", 1e4, 0) is None


def test_distances_are_zero_for_identical_images_and_the_mean_squared_error_for_psnr(measures: list[Measure]) -> None:
    x, y = photo_pair(72, 96)
    reference, distorted = Seen(x, measures, reference=True), Seen(y, measures, reference=False)
    same = place.distances(measures, reference, Seen(x, measures, reference=False))
    assert max(abs(value) for value in same.values()) < 1e-9
    found = place.distances(measures, reference, distorted, (reference.attended, distorted.attended))
    assert found["PSNR", "plain"] == pytest.approx((x - y).square().mean().item(), rel=1e-4)
    smoothed = ndimage.uniform_filter((x - y).square().mean(1)[0].numpy(), 7)[3:-3, 3:-3].mean()
    assert found["PSNR", "none"] == pytest.approx(smoothed, rel=1e-4)
    for measure in LABELS:  # attention of the same image as another one
        assert found[measure, "other"] == pytest.approx(found[measure, "local"], rel=1e-4)
    assert ("PSNR", "other") not in place.distances(measures, reference, distorted)


def test_placed_and_local_scores_have_every_weighting_and_resume(measures: list[Measure], tmp_path: Path) -> None:
    photos = datasets.images("photos-a")
    whole = place.placed_scores(photos, 2, measures, 150, 0, Store(tmp_path))
    assert whole["photo"].nunique() == 2
    first, second = (part for _, part in whole.groupby("photo", sort=False))
    assert set(second["weighting"]) - set(first["weighting"]) == {"other"}  # of the photo before it
    # The first photo is in the store, the second is made again: what it takes of the first is prepared for it.
    store = Store(tmp_path / "half")
    place.placed_scores(photos, 2, measures, 150, 0, store)
    newest = max((tmp_path / "half").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    pd.testing.assert_frame_equal(place.placed_scores(photos, 2, measures, 150, 0, store), whole)
    local = place.local_scores(datasets.load("photos-distorted"), ["impulse noise"], 3, measures, Store(tmp_path))
    assert set(local["weighting"]) == {*place.WEIGHTINGS, ""}
    assert local["distorted"].nunique() == 3


def table_of(distances: dict[tuple[str, str], tuple[float, float, float]], photos: int = 4) -> pd.DataFrame:
    rows = [
        (f"p{number}", "noise", region, *key, value * (number + 1))
        for number in range(photos)
        for key, values in distances.items()
        for region, value in zip(placed_errors.REGIONS, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["photo", "error", "region", "measure", "weighting", "distance"])


def test_dependence_on_place_and_agreement_are_those_of_the_definition() -> None:
    table = table_of(
        {
            ("MAD", ""): (2, 4, 1),
            ("PSNR", "plain"): (1, 1.001, 0.999),
            ("PSNR", "level"): (4, 2, 1),
            ("PSNR", "local"): (2, 8, 0.5),
            ("PSNR", "zero"): (1, 1, 1),
        }
    )
    found = place_effects.dependence(table).set_index(["measure", "weighting"])
    assert found.loc[("PSNR", "local"), "spread"] == pytest.approx(math.sqrt((0 + 4 + 4) / 3))  # log2: 0, 2, -2
    assert found.loc[("PSNR", "level"), "spread"] == pytest.approx(math.sqrt(2 / 3))
    assert found["agreement"].to_dict() == pytest.approx(
        {("MAD", ""): 1, ("PSNR", "plain"): 0, ("PSNR", "level"): 1 / 3, ("PSNR", "local"): 1}
    )
    assert found.loc[("PSNR", "local"), "change"] == pytest.approx(2 / 3)
    means = place_effects.region_means(table).set_index(["measure", "weighting", "region"])
    assert means.loc[("PSNR", "local", "flat"), ["mean", "rank"]].tolist() == pytest.approx([2, 1])
    assert "PSNR" in place_figures.show_dependence(found.reset_index().assign(error="noise")).html


def test_a_region_in_which_mad_sees_nothing_counts_in_the_order_but_has_no_logarithm() -> None:
    table = table_of({("MAD", ""): (0, 4, 1), ("PSNR", "level"): (1, 3, 2)})
    found = place_effects.dependence(table).set_index("measure")
    assert found.loc["PSNR", "agreement"] == 1
    assert math.isnan(found.loc["MAD", "spread"])


def local_table(judged: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for image in range(24):
        quality = rng.normal()
        scores = {("MAD", ""): math.exp(quality), ("LPIPS", "level"): quality + rng.normal(), ("LPIPS", "zero"): 1.0}
        scores |= {("LPIPS", "local"): quality + 0.2 * rng.normal(), ("LPIPS", "none"): 4.0}
        worse = quality if judged else math.nan
        rows += [
            ("Set", f"r{image // 4}", f"d{image}", "fast fading", worse, *key, value, 512, 768)
            for key, value in scores.items()
        ]
    return pd.DataFrame(rows, columns=place.NO_LOCAL_SCORES.columns)


@pytest.mark.parametrize("judged", [True, False])
def test_local_gains_are_differences_of_correlations_with_opinions_or_else_mad(judged: bool) -> None:
    table = local_table(judged)
    found = place_effects.local_gains(table).set_index("weighting")
    wide = table.pivot(index="distorted", columns=["measure", "weighting"], values="distance")
    rho = {
        each: stats.spearmanr(wide["LPIPS", each], wide["MAD", ""]).statistic for each in ("level", "local")
    }  # the opinion is the logarithm of MAD's
    assert found.loc["local", "difference"] == pytest.approx(rho["local"] - rho["level"])
    assert found.loc["level", "srcc"] == pytest.approx(rho["level"])
    assert found.loc["local", "against"] == ("opinions" if judged else "MAD")
    assert found.loc["local", "low"] < found.loc["local", "difference"] < found.loc["local", "high"]


def test_the_share_of_the_stages_with_attention_is_what_is_lost_without_them() -> None:
    table = local_table(True)
    table = table[table["distorted"] == "d0"].assign(
        distance=lambda t: t["weighting"].map({"zero": 1, "none": 4, "local": 2})
    )
    shares = place.stage_shares(table.dropna()).set_index("weighting")["share"]
    assert shares.to_dict() == {"none": 0.75, "local": 0.5}
    sums = {"zero": 1.0, "none": 4.0, "local": 2.0}
    logs = table.dropna().assign(measure="DeepWSD", distance=lambda t: t["weighting"].map(sums).map(math.log1p))
    assert place.stage_shares(logs).set_index("weighting")["share"].to_dict() == pytest.approx(
        {"none": 0.75, "local": 0.5}
    )
    squared = logs.assign(distance=logs["distance"] ** 2, height=384, width=512)  # reduced by two, then squared
    assert place.stage_shares(squared).set_index("weighting")["share"].to_dict() == pytest.approx(
        {"none": 0.75, "local": 0.5}
    )


def test_finished_rows_are_read_from_the_store(tmp_path: Path) -> None:
    calls = []
    for _ in range(2):
        rows = place.stored(Store(tmp_path), lambda: calls.append(1) or [["a", 1.5]], "key")
        assert rows == [["a", 1.5]]
    assert len(calls) == 1
    place.stored(Store(tmp_path), lambda: calls.append(1) or [], "another")
    assert len(calls) == 2


def test_steps_with_the_resized_images_add_up(tmp_path: Path) -> None:
    weightings = {"none": ", weighting=none", "level": ", weighting=level", "local": ""}
    labels = ["ssim", *(f"ssim+smic({OPTIONS}{each})" for each in weightings.values())]
    scored = score_set("photos-distorted", labels, store=tmp_path / "scores")
    some = decomposition.of_some_images(scored, 24)
    assert some.table["distorted"].nunique() == 24
    families = gains.families(some, {})
    joined, (family,) = decomposition.with_resized(some, families, datasets.load("photos-distorted"), Store(tmp_path))
    table = gains.steps(joined, [family], decomposition.STEPS)
    srcc = table[table["statistic"] == "SRCC"].set_index("step")["difference"]
    assert srcc["all"] == pytest.approx(sum(srcc[step] for step in list(decomposition.STEPS)[1:]))
    assert srcc["resizing"] == 0  # photos of 128 pixels are not resized
    assert decomposition.draw_decomposition(table).axes


def test_steps_with_another_networks_attention_are_those_of_its_own_scores(tmp_path: Path) -> None:
    own = [f"ssim+smic({OPTIONS}{each})" for each in (", weighting=none", ", weighting=level", "")]
    data_set = datasets.load("photos-distorted")
    plain = decomposition.of_some_images(score_set("photos-distorted", ["ssim"]), 24)
    some = decomposition.with_metrics(plain, own, data_set, Store(tmp_path))
    other = "backbone=shufflenet_v2_x1_0, taps=[stage2, stage3], weights=random, patch=4, stride=4"
    labels = [f"ssim+smic({other}{each})" for each in ("", ", weighting=level")]
    wider = decomposition.with_metrics(some, [own[2], *labels], data_set, Store(tmp_path))
    assert wider.table.groupby("metric")["distorted"].nunique().to_dict() == dict.fromkeys(["ssim", *own, *labels], 24)
    assert len(wider.table) == 24 * (4 + len(labels))  # none is there twice
    (family,) = [each for each in gains.families(wider, {}) if each not in gains.families(some, {})]
    assert (family.network, family.none, family.local) == ("shufflenet_v2_x1_0", own[0], labels[0])
    joined, with_resized = decomposition.with_resized(wider, [family], data_set, Store(tmp_path))
    table = gains.steps(joined, with_resized, decomposition.STEPS)
    srcc = table[table["statistic"] == "SRCC"].set_index("step")
    part = wider.table.pivot(index="distorted", columns="metric", values="score")
    opinions = wider.table.drop_duplicates("distorted").set_index("distorted")["opinion"][part.index]
    agreement = {
        label: abs(stats.spearmanr(part[label], opinions).statistic) for label in (labels[0], labels[1], own[0])
    }
    assert srcc.loc["where in the image", "difference"] == pytest.approx(agreement[labels[0]] - agreement[labels[1]])
    assert srcc.loc["one weight for the whole image", "before"] == pytest.approx(agreement[own[0]])
    steps = list(decomposition.STEPS)[1:]
    assert srcc.loc["all", "difference"] == pytest.approx(srcc.loc[steps, "difference"].sum())


def test_another_network_without_weights_is_named_with_the_reason(tmp_path: Path) -> None:
    some = decomposition.of_some_images(score_set("photos-distorted", ["ssim"]), 4)
    label = "ssim+smic(backbone=googlenet_bvlc, weights=/no/such/file.safetensors, taps=[conv2, inception_3b])"
    wider = decomposition.with_metrics(some, [label], datasets.load("photos-distorted"), Store(tmp_path))
    assert wider.metrics[label].absent
    pd.testing.assert_frame_equal(wider.table, some.table)


def test_sentences_say_what_the_tables_show() -> None:
    depends = place_effects.dependence(
        table_of(
            {
                ("MAD", ""): (2, 4, 1),
                ("PSNR", "plain"): (1, 1, 1),
                ("PSNR", "level"): (4, 2, 1),
                ("PSNR", "local"): (2, 8, 0.5),
            }
        )
    )
    maps = pd.DataFrame(
        [("p", "noise", first, "MAD", 0.5) for first in ("attention", "turned", "squared error", "NVF")],
        columns=["photo", "error", "first", "second", "correlation"],
    )
    said = place_effects.conclusions(
        depends, place_effects.map_means(maps), place_effects.local_gains(local_table(True))
    )
    assert "in 1 of 1 cases" in said[0]
    assert "noise: attention 0.50" in said[1]
    assert "fast fading (against opinions)" in said[2]
