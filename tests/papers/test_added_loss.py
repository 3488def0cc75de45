"""An added loss is an extension in every table and figure, and leaves the rows of the paper's losses as they are."""

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from replication.evaluation.paired import holm
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim import celeba, celeba_figures, celeba_networks, celeba_tables, luminance
from replication.papers.lwssim import rules as lwssim_rules
from replication.papers.lwssim.celeba_networks import Key
from replication.papers.msssim import preference, reconstruction_figures, representation_figures, rules
from replication.papers.msssim import reconstructions as study
from replication.papers.msssim import representations as report
from replication.papers.msssim.losses import METHODS, PAIRS
from replication.papers.msssim.super_resolution import loss_differences, table_values
from replication.reporting import published
from replication.reporting.losses import pairs, titles
from replication.reporting.tables import side_by_side
from replication.reporting.verdicts import compare
from replication.scoring.reconstructions import detail
from replication.training.losses import LOSSES, Loss
from tests.papers import test_lwssim_celeba as faces
from tests.papers import test_msssim_reconstructions as crops
from tests.papers import test_msssim_representations as lit
from tests.papers import test_msssim_super_resolution as enlarged

TITLES = [*METHODS.values(), "Toy loss"]


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(LOSSES, "toy", Loss("Toy loss", nn.L1Loss))
    yield
    plt.close("all")


def words(figure: Figure) -> set[str]:
    """All words of a figure's legends, titles and axes."""
    figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(plt.Text)}


def same_rows(table: pd.DataFrame, without: pd.DataFrame) -> None:
    """The rows of `table` that the extension does not appear in are those of `without`."""
    own = table[~(table == "Toy loss").any(axis=1) & ~(table == "toy").any(axis=1)]
    assert len(own) < len(table)
    pd.testing.assert_frame_equal(own.reset_index(drop=True), without.reset_index(drop=True))


def test_titles_have_the_papers_losses_first_and_all_of_them() -> None:
    assert list(titles({"toy": {}, "ms_ssim": {}, "mae": {}, "mse": {}}, METHODS).values()) == TITLES
    with pytest.raises(ValueError, match="add mae to `losses` in the parameters"):
        titles(["mse", "ms_ssim", "toy"], METHODS)
    with pytest.raises(ValueError, match="unknown loss 'typo'"):
        titles([*METHODS, "typo"], METHODS)


def test_two_losses_cannot_share_a_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOSSES, "toy", Loss("MSE", nn.L1Loss))
    with pytest.raises(ValueError, match="two losses have the title 'MSE': give 'toy' one of its own"):
        titles([*METHODS, "toy"], METHODS)


def test_an_extension_is_compared_with_each_of_the_papers_losses_after_their_own_comparisons() -> None:
    added = pairs(PAIRS, TITLES)
    assert added[:3] == list(PAIRS)
    assert added[3:] == [("Toy loss", other) for other in ("MS-SSIM", "MSE", "MAE")]
    assert len(pairs(PAIRS, [*TITLES, "another"])) == 9  # extensions are not compared with each other


def test_super_resolution() -> None:
    own = enlarged.scores(**enlarged.AS_PUBLISHED)
    toy = own[own["method"] == "MSE"].assign(method="Toy loss")
    toy["score"] += np.random.default_rng(1).normal(0.0001, 0.001, len(toy))
    both = pd.concat([own, toy], ignore_index=True)
    values, extensions = table_values(both)
    pd.testing.assert_frame_equal(values, table_values(own)[0])
    assert set(extensions["row"]) == {"Toy loss"}
    assert len(extensions) == 6
    shown = side_by_side(compare(published.values("msssim", "super_resolution"), values), extensions).html
    assert "Not in the paper" in shown
    assert "<th scope='row'>Toy loss</th><td>Set5</td><td>PSNR</td>" in shown
    assert "Toy" not in side_by_side(compare(published.values("msssim", "super_resolution"), values)).html
    differences = loss_differences(both)
    same_rows(differences, loss_differences(own))
    added = differences[(differences["first"] == "Toy loss") & (differences["metric"] == "SSIM")]
    assert len(added) == 9
    np.testing.assert_allclose(added["p_holm"], holm(added["p"].to_numpy()))  # a family of their own
    assert rules.super_resolution(differences) == rules.super_resolution(loss_differences(own))


def test_representations() -> None:
    both = lit.errors(dict(zip(TITLES, (0.0, 1.0, -3.0, -9.0), strict=True)))
    own = both[both["method"] != "Toy loss"]
    summary, guessed = report.summary(both, lit.GROUPS, resamples=200), report.always_guessed(lit.LIT)
    values, before = (report.values(table, "") for table in (summary, report.summary(own, lit.GROUPS, resamples=200)))
    pd.testing.assert_frame_equal(values.reset_index(drop=True), before.reset_index(drop=True))
    extensions = report.extensions(summary, summary, guessed, "")
    assert {"Toy loss"} < set(extensions.loc[extensions["table"] == "representations, by groups of lights", "row"])
    options: Any = {"lights": lit.GROUPS, "people": lit.LIT.identity, "resamples": 200}
    differences = report.differences(both, TITLES, **options)
    before = report.differences(own, METHODS.values(), **options)
    same_rows(differences, before)
    added = differences[differences["first"] == "Toy loss"]
    np.testing.assert_allclose(added["p_holm"], holm(added["p"].to_numpy()))
    assert rules.representations(differences, differences) == rules.representations(before, before)
    one_seed = both[both["seed"] == 0]
    assert set(report.of_networks(one_seed, TITLES)["method"]) == set(TITLES)
    table = report.sensitivity(both, {}, TITLES)
    assert ("identity", "Toy loss") in table
    assert table["MS-SSIM lowest for", ""].tolist() == ["identity, azimuth, elevation"]  # of the paper's losses
    assert "Toy loss minus MAE" in set(representation_figures.readable_differences(differences)["difference"])
    assert "Toy loss" in representation_figures.readable(summary, guessed).index
    printed = published.values("msssim", "representations")
    assert "Toy loss" in words(representation_figures.draw_overview(summary, summary, guessed, printed))
    assert "Toy loss" in set(representation_figures.draw_by_azimuth(both, lit.LIT, TITLES)["method"])
    assert "Toy loss" in words(plt.gcf())


def trained(recipe: dict[str, Any]) -> Any:
    history = pd.DataFrame({"step": [1, 2], "validation_loss": [1.0, 0.5], "validation_mse": [0.2, 0.1]})
    network = Autoencoder("ae", size=16, channels=1, bottleneck=4, width=4).eval()
    identity = {"recipe": recipe, "precision": "32-true"}
    return SimpleNamespace(network=network, history=history.assign(validation_ssim=[0.2, 0.4]), identity=identity)


def test_curves_and_reconstructions_of_the_networks() -> None:
    names = titles([*METHODS, "toy"], METHODS)
    recipe = {"loss_options": {}, "bottleneck": 4, "width": 4, "steps": 2, "batch": 8, "learning_rate": 0.1, "seed": 0}
    networks = {(loss, 0): trained(recipe) for loss in names}
    assert "Toy loss" in report.about(names, networks)
    assert "Toy loss" in words(representation_figures.draw_curves(names, networks))
    assert "Toy loss" in words(representation_figures.draw_reconstructions(names, networks, lit.LIT.stack, 2))
    runs = {(names[loss], seed): run for (loss, seed), run in networks.items()}
    assert "Toy loss" in words(reconstruction_figures.draw_curves(runs))


def test_reconstructions_in_numbers() -> None:
    own = crops.scores(0.05)
    toy = own[own["loss"] == "MAE"].assign(loss="Toy loss").reset_index(drop=True)
    toy.loc[7, "score"] = np.nan  # undefined for an image with the added loss alone
    both = pd.concat([own, toy], ignore_index=True)
    means = study.means(both, "score", ["metric"])
    same_rows(means, study.means(own, "score", ["metric"]))
    assert means.set_index("loss")["n"].to_dict() == dict.fromkeys(METHODS.values(), 60) | {"Toy loss": 59}
    differences = study.differences(both, "score", ["metric"])
    same_rows(differences, study.differences(own, "score", ["metric"]))
    assert list(differences["second"]) == ["MSE", "MAE", "MS-SSIM", "MSE", "MAE"]
    assert differences["mean"].iloc[-1] == pytest.approx(0)
    assert "Toy loss" in reconstruction_figures.readable(means, ["metric"], "loss", "mean", "{:.2f}")


def test_fine_detail() -> None:
    generator = torch.Generator().manual_seed(0)
    originals = torch.rand(6, 1, 32, 32, generator=generator)
    noise = {loss: 0.1 * torch.randn(originals.shape, generator=generator) for loss in TITLES}
    made = {(loss, 0): (originals + noise[loss]).clamp(0, 1) for loss in TITLES}
    own = {key: images for key, images in made.items() if key[0] != "Toy loss"}
    names, edges, fine = crops.NAMES[:18:3], [0.05, 0.1, 0.25, 0.5], [0.1, 0.5]
    both, before = (detail(originals, images, names, edges) for images in (made, own))
    cut_off, apart = study.cut_offs(both)
    same_rows(cut_off, study.cut_offs(before)[0])
    same_rows(apart, study.cut_offs(before)[1])
    choices = study.detail_choices(originals, made, names, both, fine)
    same_rows(choices, study.detail_choices(originals, own, names, before, fine))
    bands = study.means(both, "correlation", ["band_low", "band_high"])
    assert "Toy loss" in words(reconstruction_figures.draw_bands(bands, bands, (0.1, 0.5)))
    judged = [
        rules.reconstructions(
            None,
            study.differences(study.mean_correlation(table, 0.1, 0.5), "correlation", []),
            study.cut_offs(table)[1],
            note="",
        )
        for table in (both, before)
    ]
    assert judged[0] == judged[1]


def test_rankings() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((60, 4)) + np.array([0.0, 0.0, 0.2, 0.4])
    ranked = preference.ranked_by_observers({"metric": {0: np.argsort(-scores, axis=1)}}, crops.NAMES)
    alone = preference.ranked_by_observers({"metric": {0: np.argsort(-scores[:, :3], axis=1)}}, crops.NAMES)
    assert preference.groups(list(METHODS.values())) == {"": list(METHODS.values())}
    (_, own), (label, everything) = preference.groups(TITLES).items()
    assert (own, label, everything) == (TITLES[:3], ", extensions among the losses", TITLES)
    np.testing.assert_array_equal(preference.among(ranked, 3)["metric"].rankings, alone["metric"].rankings)
    same_rows(preference.preferences(ranked, TITLES), preference.preferences(alone, own))
    preferred = preference.preferences(ranked, TITLES).set_index("ranked")["share"]
    assert preferred["Toy loss above MSE"] == pytest.approx(np.mean(scores[:, 3] > scores[:, 0]))
    figure = reconstruction_figures.draw_ranks(preference.rank_shares(ranked, TITLES), TITLES)
    assert "Toy loss" in words(figure)
    bars = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches)
    assert all(right <= left for (_, right), (left, _) in pairwise(bars))  # none covers another
    assert "Toy loss" in words(reconstruction_figures.draw_worths(preference.worths(ranked, TITLES), TITLES))
    captions = preference.captions(preference.among(ranked, 3), TITLES, 0, dict.fromkeys(TITLES, 0.5))
    assert captions["Toy loss"] == "Toy loss\nSSIM 0.500"
    table = pd.DataFrame(columns=["loss", "metric", "mean", "low", "high", "n"])
    found = study.extensions(table, table, table, preference.preferences(ranked, TITLES), note="")
    assert ("Toy loss", "share ranked above MSE") in set(zip(found["row"], found["statistic"], strict=True))


def test_faces() -> None:
    both = faces.scores(faces.of_all("lwssim", ssim=0.01), losses=(*faces.LOSSES, "toy"), noise=0.01)
    own = both[both["loss"] != "toy"]
    values = celeba.table_values(both)
    pd.testing.assert_frame_equal(values, celeba.table_values(own))
    assert len(compare(published.values("lwssim", "celeba"), values)) == 18
    differences = celeba.differences(both)
    same_rows(differences, celeba.differences(own))
    added = differences[(differences["first"] == "toy") & (differences["figure"] == "mse")]
    assert len(added) == 9
    np.testing.assert_allclose(added["p_holm"], holm(added["p"].to_numpy()))
    assert "Toy loss minus LWSSIM" in set(celeba_tables.readable(differences)["losses"])
    colours = celeba.colour_table(both)
    extensions = celeba.extensions(colours, both)
    toy = extensions[extensions["row"].str.endswith("(Toy loss)")]
    assert set(toy["statistic"]) == {*colours["statistic"], "SSIM on luminance", "SSIM", "MSE"}
    windows = {celeba_networks.row_name(m, loss): 0.1 for m in faces.MODELS for loss in (*faces.LOSSES, "toy")}
    windows["mean training image"] = 0.1
    contrast = luminance.contrast_table()
    assert lwssim_rules.outcomes(differences, contrast) == lwssim_rules.outcomes(celeba.differences(own), contrast)
    figure = celeba_figures.colour_bars(colours)
    assert "MMD AE (Toy loss)" in words(figure)
    drawn = [line.get_marker() for line in figure.axes[0].lines if len(np.atleast_1d(line.get_xdata())) == 3]
    assert len(set(drawn)) == 4  # a marker for each loss
    shares = {row: np.full(len(luminance.BINS) - 1, 0.025) for row in windows}
    assert {"Toy loss", "LWSSIM", "mean training image"} < words(celeba_figures.structure_histograms(shares, 0.5))
    curves = celeba_networks.histories({Key("ae", "toy", 0): faces.run("ae", "toy", 0)}, images=40)
    assert "Toy loss training" in words(celeba_figures.training_curves(curves))
