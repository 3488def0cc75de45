"""Means, rankings and verdicts on autoencoder reconstructions, on tables whose answer is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from replication.evaluation.plackett_luce import plackett_luce
from replication.evaluation.simulated_raters import simulate_session
from replication.papers.msssim import preference, rules
from replication.papers.msssim import reconstructions as study
from replication.papers.msssim.preference import Ranked
from replication.papers.msssim.ranking import COLUMNS, RankingError, RankingSession
from replication.scoring.reconstructions import detail

LOSSES = ["MSE", "MAE", "MS-SSIM"]
NAMES = [f"set/{photo:02}@{left},0" for photo in range(20) for left in (0, 96, 192)]


def scores(gain: float, seeds: int = 2, noise: float = 0.01) -> pd.DataFrame:
    """Scores of three crops of each of 20 photos: photos differ, MS-SSIM has `gain` more than the others."""
    rng = np.random.default_rng(0)
    photo = np.repeat(rng.normal(0.5, 0.1, 20), 3)
    return pd.concat(
        pd.DataFrame(
            {
                "loss": loss,
                "seed": seed,
                "image": NAMES,
                "metric": "SSIM",
                "score": photo + (gain if loss == "MS-SSIM" else 0) + rng.normal(0, noise, 60),
            }
        )
        for loss in LOSSES
        for seed in range(seeds)
    )


def test_crops_of_one_photo_are_one_item_of_the_interval() -> None:
    table = scores(0.05)
    assert study.photo_of(NAMES)[:4] == ["set/00", "set/00", "set/00", "set/01"]
    assert study.photo_of(["test000001"]) == ["test000001"]
    found = study.means(table, "score", ["metric"]).set_index("loss")
    own = table[table["loss"] == "MAE"].groupby("image")["score"].mean()
    assert found.loc["MAE", "mean"] == pytest.approx(own.mean())
    assert found.loc["MAE", "n"] == 60
    by_photo = own.groupby(own.index.str[:6]).mean()
    width = found.loc["MAE", "high"] - found.loc["MAE", "low"]
    assert width == pytest.approx(2 * 2.09 * by_photo.std() / np.sqrt(20), rel=0.15)  # t with 19 degrees of freedom
    assert found.loc["MAE", "least"] <= found.loc["MAE", "mean"] <= found.loc["MAE", "most"]


def test_differences_are_paired_by_image() -> None:
    found = study.differences(scores(0.05, seeds=4), "score", ["metric"])
    assert list(found["second"]) == ["MSE", "MAE"]
    np.testing.assert_allclose(found["mean"], 0.05, atol=0.006)
    assert (found["low"] > 0.04).all()  # photos differ twenty times as much as losses do on a photo
    assert (found["least"] < found["mean"]).all()


def test_an_image_without_a_value_is_left_out_for_all_losses() -> None:
    table = scores(0.05).reset_index(drop=True)
    table.loc[5, "score"] = np.nan
    found = study.means(table, "score", ["metric"])
    assert (found["n"] == 59).all()
    table.loc[table["image"] != NAMES[0], "score"] = np.inf
    with pytest.raises(ValueError, match="defined for 1 images"):
        study.means(table, "score", ["metric"])


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, dict[tuple[str, int], torch.Tensor]]:
    """Noise, and what low-pass filters leave of it: MS-SSIM's reaches twice as far as the others'."""
    originals = torch.rand(60, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    frequency = torch.fft.fftfreq(64)
    radius = (frequency[:, None] ** 2 + frequency**2).sqrt()

    def made(reach: float, seed: int) -> torch.Tensor:
        noise = 0.1 * torch.randn(originals.shape, generator=torch.Generator().manual_seed(seed))
        kept = torch.fft.ifft2(torch.fft.fft2(originals - 0.5) * (radius < reach)).real
        return (0.5 + kept + noise).clamp(0, 1)

    reach = {"MSE": 0.1, "MAE": 0.1, "MS-SSIM": 0.2}
    return originals, {
        (loss, seed): made(reach[loss], 9 * seed + i) for i, loss in enumerate(LOSSES) for seed in (1, 2)
    }


EDGES = [0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.24, 0.3, 0.4, 0.5]


def test_the_cut_off_is_where_the_filter_cuts(
    images: tuple[torch.Tensor, dict[tuple[str, int], torch.Tensor]],
) -> None:
    found, apart = study.cut_offs(detail(*images, NAMES, EDGES))
    found = found.set_index("loss")
    assert found.loc["MSE", "mean"] == pytest.approx(0.1, abs=0.02)
    assert found.loc["MS-SSIM", "mean"] == pytest.approx(0.2, abs=0.02)
    assert (found["low"] <= found["mean"]).all()
    assert (found["mean"] <= found["high"]).all()
    np.testing.assert_allclose(apart["mean"], found.loc["MS-SSIM", "mean"] - found.loc[apart["second"], "mean"])
    assert (apart["low"] > 0.05).all()


def test_fine_detail_is_judged_by_the_bands_and_then_by_the_cut_off(
    images: tuple[torch.Tensor, dict[tuple[str, int], torch.Tensor]],
) -> None:
    table = detail(*images, NAMES, EDGES)

    def verdict(table: pd.DataFrame, low: float) -> str:
        fine = study.differences(study.mean_correlation(table, low, 0.5), "correlation", [])
        return rules.reconstructions(None, fine, study.cut_offs(table)[1], note="made here")["fine-detail"][0]

    assert verdict(table, 0.12) == "reproduced"
    assert verdict(table, 0.3) == "close"  # nothing is left of these bands with any loss, but the cut-off is higher
    swapped = table.replace({"loss": {"MSE": "MS-SSIM", "MS-SSIM": "MSE"}})
    assert verdict(swapped, 0.12) == "not reproduced"


def test_other_choices_of_fine_detail_stand_beside_the_one_in_use(
    images: tuple[torch.Tensor, dict[tuple[str, int], torch.Tensor]],
) -> None:
    table = detail(*images, NAMES, EDGES)
    choices = study.detail_choices(*images, NAMES, table, [0.12, 0.5])
    assert set(choices["what"]) == {"mean correlation", "cut-off frequency"}
    assert choices["choice"].str.contains("in use").sum() == 4
    in_use = choices[choices["choice"] == "0.12 to 0.5 cycles per pixel (in use)"]
    expected = study.differences(study.mean_correlation(table, 0.12, 0.5), "correlation", [])
    np.testing.assert_allclose(in_use["mean"], expected["mean"])
    with pytest.raises(ValueError, match="no band lies between 0.31 and 0.39"):
        study.mean_correlation(table, 0.31, 0.39)


def simulated(ahead: float, *, taste: float = 0.0) -> Ranked:
    session = simulate_session([0.0, 0.0, ahead], raters=20, images=50, taste=taste, seed=1)
    return Ranked(session.rankings, session.raters.astype(str), np.zeros(1000, dtype=np.intp))


@pytest.mark.parametrize(
    ("ahead", "taste", "expected"),
    [(0.6, 0.0, "reproduced"), (0.12, 0.6, "close"), (-0.5, 0.0, "not reproduced")],
)
def test_preference_is_judged_by_people_alone(ahead: float, taste: float, expected: str) -> None:
    fine = pd.DataFrame(
        [("MS-SSIM", "MSE", 0.1, 0.0, 0.2, 0.1, 0.1, 60)],
        columns=["first", "second", "mean", "low", "high", "least", "most", "n"],
    )
    people = preference.preferences({"people": simulated(ahead, taste=taste)}, LOSSES)
    verdict, evidence = rules.reconstructions(people, fine, fine, note="made here")["human-preference"]
    assert verdict == expected
    assert "1000 rankings by people" in evidence
    verdict, evidence = rules.reconstructions(None, fine, fine, note="made here")["human-preference"]
    assert verdict == "not run"
    assert "Needs people" in evidence


def test_a_sessions_answers_are_read_and_clustered_by_participant(tmp_path: Path) -> None:
    path = tmp_path / "rankings.csv"
    flat = {name: np.zeros((2, 2)) for name in NAMES}
    for participant in range(3):
        own = preference.images_of_participant(NAMES, participant, 10)
        session = RankingSession({n: flat[n] for n in own}, dict.fromkeys(LOSSES, flat), path, rater=f"P{participant}")
        while session.current is not None:
            order = session.shown(session.current)
            session.answer("".join("ABC"[order.index(loss)] for loss in ("MS-SSIM", "MSE", "MAE")))
    people = preference.read_people(str(path), LOSSES, NAMES, seed=0)
    assert people is not None
    assert people.rankings.tolist() == [[2, 0, 1]] * 30
    assert sorted(set(people.clusters)) == ["P0", "P1", "P2"]
    shares = preference.rank_shares({"people": people}, LOSSES).set_index(["loss", "rank"])["share"]
    assert shares["MS-SSIM", 1] == shares["MSE", 2] == shares["MAE", 3] == 1
    worths = preference.worths({"people": people}, LOSSES)
    assert worths["worth"].isna().all()
    assert (worths["note"] == "the worths have no maximum of likelihood").all()
    assert (preference.preferences({"people": people}, LOSSES)["share"] == 1).all()


def test_answers_that_do_not_belong_here_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rankings.csv"

    def write(*rows: tuple[str, str]) -> None:
        lines = [f'{rater},"{image}",MSE MAE MS-SSIM,MS-SSIM MSE MAE' for rater, image in rows]
        path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")

    assert preference.read_people("", LOSSES, NAMES, seed=0) is None
    write(("P0", NAMES[0]), ("P1", "elsewhere"))
    with pytest.raises(RankingError, match="elsewhere is not among the 60 held-out images"):
        preference.read_people(str(path), LOSSES, NAMES, seed=0)
    write(("P0", NAMES[0]), ("P0", NAMES[1]))
    with pytest.raises(RankingError, match="an interval needs two"):
        preference.read_people(str(path), LOSSES, NAMES, seed=0)


def test_no_two_participants_share_an_image() -> None:
    hands = [preference.images_of_participant(NAMES, participant, 20) for participant in range(3)]
    assert sorted(name for hand in hands for name in hand) == sorted(NAMES)
    assert hands[0] == preference.images_of_participant(NAMES, 0, 20)
    with pytest.raises(ValueError, match="3 participants with 20 each"):
        preference.images_of_participant(NAMES, 3, 20)


def test_worths_and_preferences_of_observers_are_clustered_by_photo_over_seeds() -> None:
    rng = np.random.default_rng(0)
    orders = {seed: np.argsort(rng.random((60, 3)) - [0, 0, 0.3], axis=1) for seed in (4, 5)}
    ranked = preference.ranked_by_observers({"metric": orders}, NAMES)
    assert list(ranked["metric"].clusters) == study.photo_of(NAMES) * 2
    worths = preference.worths(ranked, LOSSES).set_index("loss")
    expected = plackett_luce(np.concatenate(list(orders.values())), study.photo_of(NAMES) * 2)
    np.testing.assert_allclose(worths["worth"], expected.worth)
    np.testing.assert_allclose(worths["high"], expected.high)
    preferred = preference.preferences(ranked, LOSSES).set_index("second")
    above = [np.mean([list(row).index(2) < list(row).index(0) for row in order]) for order in orders.values()]
    assert preferred.loc["MSE", "share"] == pytest.approx(np.mean(above))
    assert (preferred.loc["MSE", "least"], preferred.loc["MSE", "most"]) == pytest.approx((min(above), max(above)))
    table = preference.observer_agreement({"a": ranked["metric"], "b": ranked["metric"]})
    assert (table.to_numpy() == 1).all()


def test_examples_are_images_of_different_photos_that_most_observers_rank_so() -> None:
    first = np.tile([2, 0, 1], (60, 1))
    last = np.tile([0, 1, 2], (60, 1))
    split = np.where(np.arange(60)[:, None] < 30, first, last)
    ranked = preference.ranked_by_observers({"a": {0: split}, "b": {0: first}, "c": {0: split}}, NAMES)
    found = preference.examples(ranked, LOSSES, NAMES)
    assert all(position < 30 for position in found["ranked first"])
    assert all(position >= 30 for position in found["ranked second or third"])
    assert len({NAMES[p][:6] for p in found["ranked first"]}) == len(found["ranked first"]) == 10
    captions = preference.captions(ranked, LOSSES, 40, dict.fromkeys(LOSSES, 0.5))
    assert captions["MS-SSIM"] == "MS-SSIM\nmean rank 2.3, SSIM 0.500"


def test_simulations_are_labelled_by_what_is_known() -> None:
    recovered = preference.recovery({"MSE": 0.0, "MS-SSIM": 1.0}, raters=20, images=200, taste=0.0, seed=0)
    np.testing.assert_allclose(recovered["known"], [1 / (1 + np.e), np.e / (1 + np.e)])
    np.testing.assert_allclose(recovered["worth"], recovered["known"], atol=0.03)
    power = preference.power_table(raters=10, images=20, differences=[0.0, 1.0], tastes=[0.0], repetitions=20, seed=0)
    assert power["share"].tolist() == pytest.approx([0.5, np.e / (1 + np.e)])
    assert power["found"].tolist() == [0.0, 1.0]


def test_the_papers_losses_must_be_among_those_in_the_parameters() -> None:
    with pytest.raises(ValueError, match="the paper compares mse, mae, ms_ssim; add mae, ms_ssim to `losses`"):
        study.load_runs(Path(), ["mse"], [0])


def test_the_result_names_interior_and_border() -> None:
    rows = [
        (metric, loss, value + (loss == "MAE"))
        for loss in ("MSE", "MAE")
        for metric, value in (("SSIM", 0.5), ("MSE", 0.01), ("MSE, interior", 0.02), ("MSE, border", 0.03))
    ]
    similarity, error = study.in_words(pd.DataFrame(rows, columns=["metric", "loss", "mean"]))
    assert similarity == "SSIM by training loss: MSE 0.500; MAE 1.500."
    assert "MSE 0.01000 (0.02000, 0.03000); MAE 1.01000" in error
