"""The best of as many trials for every loss, and people on both sides of the split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from replication.datasets.errors import DataError
from replication.datasets.faces import identities
from replication.datasets.stacks import Stack
from replication.papers.lwssim import celeba_figures, celeba_tables, design_space
from replication.papers.lwssim.identities import NOT_KNOWN, about_identities, acquainted
from replication.training.search import COLUMNS


def runs(lwssim: tuple[float, float]) -> pd.DataFrame:
    """Two trials of each loss; LWSSIM's second has the given MSE and SSIM."""
    rows = [
        (0, "mse", "{}", 0.001, 0.5, 0.70, 0.0050),
        (1, "mse", "{}", 0.002, 0.5, 0.69, 0.0048),
        (0, "ssim", "{}", 0.001, 0.5, 0.75, 0.0060),
        (1, "ssim", '{"window_size": 7}', 0.002, 0.5, 0.76, 0.0070),
        (0, "lwssim", "{}", 0.001, 0.5, 0.60, 0.0090),
        (1, "lwssim", '{"alpha": 2.0}', 0.002, 0.5, lwssim[1], lwssim[0]),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_best_trial_by_each_figure_is_the_one_compared() -> None:
    table = design_space.best(runs((0.0047, 0.74)))
    by = table.set_index(["by", "loss"])
    assert by.loc[("MSE", "MSE"), "MSE"] == 0.0048
    assert by.loc[("SSIM", "MSE"), "SSIM"] == 0.70
    assert by.loc[("SSIM", "SSIM"), "options"] == "window_size 7"
    assert by.loc[("MSE", "LWSSIM"), "options"] == "alpha 2.0"
    assert set(table["trials"]) == {2}
    assert design_space.answer(table) == (
        "The best of LWSSIM's trials beats the best of MSE training in MSE: 0.00470 against 0.00480. "
        "The best of LWSSIM's trials does not beat the best of SSIM training in SSIM: 0.74000 against 0.76000."
    )
    other = design_space.answer(design_space.best(runs((0.0049, 0.77))))
    assert "does not beat the best of MSE training in MSE" in other
    assert "beats the best of SSIM training in SSIM" in other


def test_unequal_budgets_are_not_compared() -> None:
    with pytest.raises(
        ValueError, match="equal numbers of trials to be compared by their best, got mse 2, ssim 2, lwssim 1"
    ):
        design_space.best(runs((0.005, 0.7)).iloc[:-1])
    alone = design_space.best(runs((0.005, 0.7)).iloc[:2])
    assert design_space.answer(alone) == "MSE: not searched with both losses. SSIM: not searched with both losses."


def test_trials_are_read_from_a_file_for_each_loss(tmp_path: Path) -> None:
    assert design_space.read(tmp_path).empty
    for loss, table in runs((0.005, 0.7)).groupby("loss"):
        table.to_csv(tmp_path / f"{loss}.csv", index=False)
    assert len(design_space.read(tmp_path)) == 6


def faces(*names: str) -> Stack:
    return Stack("faces", names, np.zeros((len(names), 3, 4, 4), np.uint8), {})


def test_people_on_both_sides_are_counted_and_their_errors_set_apart() -> None:
    who = {"1": "a", "2": "b", "3": "a", "4": "c"}
    training, test = faces("1", "2"), faces("3", "4")
    assert acquainted(training, test, who).to_dict() == {"3": True, "4": False}
    means = pd.DataFrame(
        [("ae", "mse", "3", 0.001), ("ae", "mse", "4", 0.002)], columns=["model", "loss", "image", "mse"]
    )
    said = about_identities(training, test, who, means)
    assert said.startswith("1 of 2 test images show a person who is on a training image")
    assert said.endswith("on these 0.00100, on others 0.00200.")
    assert about_identities(training, faces("4"), who, means.iloc[1:]).endswith(
        "0 of 1 test images show a person who is on a training image, too."
    )
    assert about_identities(training, test, {}, means) == NOT_KNOWN


@pytest.mark.parametrize("place", ["celeba", "celeba/Anno"])
def test_identities_are_read_where_the_official_layout_has_them(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    images = tmp_path / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    Image.new("RGB", (178, 218)).save(images / "000001.jpg")
    assert identities() == {}
    (tmp_path / place).mkdir(exist_ok=True)
    file = tmp_path / place / "identity_CelebA.txt"
    file.write_text("000001.jpg 2880\n000002.jpg 2937\n")
    assert identities() == {"000001": "2880", "000002": "2937"}
    file.write_text("000001.jpg 2880\nnonsense\n")
    with pytest.raises(
        DataError, match="line 2 of identity_CelebA.txt is 'nonsense', not an image's name and a number"
    ):
        identities()


def test_a_difference_is_dark_where_the_reconstruction_is_too_dark() -> None:
    original = np.full((1, 3, 2, 2), 0.5)
    made = original.copy()
    made[..., 0, 0], made[..., 0, 1], made[:, 0, 1, 1] = 0.4, 0.9, 0.8
    maps = celeba_figures.difference_maps(made, original)[0, 0]
    np.testing.assert_allclose(maps, [[0.5 - 0.3, 1.0], [0.5, 0.5 + 3 * 0.1]])


def test_the_result_is_a_line_for_each_model() -> None:
    rows = [("ae", "mse", 0.8, 0.004), ("ae", "mse", 0.9, 0.006), ("vae", "lwssim", 0.5, 0.02)]
    lines = celeba_tables.in_words(pd.DataFrame(rows, columns=["model", "loss", "ssim", "mse"]))
    assert lines == [
        "AE, SSIM and MSE: MSE training 0.850 and 0.0050.",
        "VAE, SSIM and MSE: LWSSIM training 0.500 and 0.0200.",
    ]
