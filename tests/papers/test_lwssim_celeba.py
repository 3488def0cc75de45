"""Tables of LWSSIM's replication on made-up scores whose answers are known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim import celeba, celeba_networks, celeba_sizes, celeba_tables
from replication.papers.lwssim import celeba_figures as figures
from replication.papers.lwssim.celeba_networks import Key
from replication.reporting import published
from replication.reporting.verdicts import compare
from replication.scoring.colour_reconstructions import FIGURES
from replication.scoring.errors import ScoringError
from replication.scoring.linear_baseline import linear_errors
from replication.training.sized import load_sized
from replication.training.trained import Trained

MODELS, LOSSES = ("ae", "vae", "mmd_ae"), ("mse", "ssim", "lwssim")


def scores(
    shifts: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
    *,
    noise: float = 1e-4,
    seeds: tuple[int, ...] = (0, 1, 2),
    models: tuple[str, ...] = MODELS,
    losses: tuple[str, ...] = LOSSES,
    images: int = 40,
) -> pd.DataFrame:
    """All rows the same but for images' difficulty, a little noise and `shifts`: (model, loss) -> figure -> shift."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 0.02, images)
    base = dict.fromkeys(FIGURES, 0.5) | {"mse": 0.02, "mse_brightness": 0.004, "mse_contrast": 0.002}
    base |= {"chroma": 18.0, "chroma_original": 20.0, "chroma_error": 6.0, "lightness_error": 4.0}
    parts = []
    for model in models:
        for loss in losses:
            for seed in seeds:
                own = (shifts or {}).get((model, loss), {})
                columns = {
                    name: value * (1 + difficulty + noise * rng.normal(size=images)) + own.get(name, 0.0)
                    for name, value in base.items()
                }
                about = {"model": model, "loss": loss, "seed": seed, "image": [f"{i:06d}.jpg" for i in range(images)]}
                parts.append(pd.DataFrame({**about, **columns}))
    return pd.concat(parts, ignore_index=True)


def of_all(loss: str, **shifts: float) -> dict[tuple[str, str], dict[str, float]]:
    return {(model, loss): shifts for model in MODELS}


def run(model: str, loss: str, seed: int, **recipe: Any) -> Trained[Autoencoder]:
    network = Autoencoder(model, size=32, width=2, bottleneck=3).eval()  # type: ignore[arg-type]
    options = {"loss_options": {}, "prior_weight": 0.5, "bottleneck": 3, "width": 2, "steps": 20, "batch": 4}
    identity = {
        "recipe": {**options, "learning_rate": 0.1, **recipe},
        "network": {"kind": model, "size": 32, "channels": 3, "bottleneck": 3, "width": 2},
        "unit": 0.25,
    }
    steps = np.arange(2, 21, 2)
    columns = {"step": steps, "validation_ssim": 0.5 + steps / 100 + seed, "validation_mse": 0.1 - steps / 1000}
    return Trained(network, pd.DataFrame(columns), identity)


class TestTables:
    def test_values_are_keyed_as_the_papers_and_are_means_over_images_and_seeds(self) -> None:
        table = scores()
        values = celeba.table_values(table, note="made up")
        comparison = compare(published.values("lwssim", "celeba"), values)
        assert len(comparison) == 18
        assert not (comparison["verdict"] == "not run").any()
        for row, figure in (("MMD AE (LWSSIM)", "SSIM"), ("AE (MSE)", "MSE")):
            ours = comparison[(comparison["row"] == row) & (comparison["statistic"] == figure)].iloc[0]
            model, loss = {"MMD AE (LWSSIM)": ("mmd_ae", "lwssim"), "AE (MSE)": ("ae", "mse")}[row]
            own = table[(table["model"] == model) & (table["loss"] == loss)][figure.lower()]
            assert ours["ours"] == pytest.approx(own.mean(), rel=1e-5)
            assert ours["low"] < ours["ours"] < ours["high"]
            assert ours["n"] == 40

    def test_tolerances_are_worded_as_published(self) -> None:
        assert "MSE: reproduced within 5% of the published value, close within 20%" in celeba_tables.tolerance_words()
        assert (
            "SSIM: reproduced within 0.01 of the published value, close within 0.03" in celeba_tables.tolerance_words()
        )

    def test_rows_that_were_not_trained_say_so(self) -> None:
        comparison = compare(
            published.values("lwssim", "celeba"), celeba.table_values(scores(models=("ae",), losses=("mse", "ssim")))
        )
        absent = comparison[comparison["verdict"] == "not run"]
        assert len(absent) == 14
        assert set(absent["reason"]) == {"not run: not among models and losses"}

    def test_seeds_have_their_own_means_and_a_t_interval(self) -> None:
        table = scores({("ae", "mse"): {"ssim": 0.1}})
        table.loc[(table["seed"] == 1) & (table["loss"] == "mse"), "ssim"] += 0.03
        found = celeba.seed_table(table, "ssim").set_index("row").loc["AE (MSE)"]
        means = [table.query("model == 'ae' and loss == 'mse' and seed == @s")["ssim"].mean() for s in range(3)]
        np.testing.assert_allclose(found[["seed 0", "seed 1", "seed 2"]].to_numpy(float), means)
        interval = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
        np.testing.assert_allclose(found[["low", "high"]].to_numpy(float), interval)
        alone = celeba.seed_table(scores(seeds=(4,)), "ssim")
        assert alone[["sd", "low", "high"]].isna().all(axis=None)

    def test_vibrancy_and_shares_of_the_error_are_ratios_of_means(self) -> None:
        found = celeba.colour_table(scores(of_all("ssim", chroma=-4.0))).set_index(["row", "statistic"])["value"]
        assert found["VAE (MSE)", "vibrancy"] == pytest.approx(0.9, abs=1e-3)
        assert found["VAE (SSIM)", "vibrancy"] == pytest.approx(0.7, abs=2e-3)
        assert found["AE (MSE)", "brightness"] == pytest.approx(0.2, abs=1e-3)
        assert found["AE (MSE)", "contrast"] == pytest.approx(0.1, abs=1e-3)
        text = celeba_tables.with_intervals(celeba.colour_table(scores()), ["vibrancy", "brightness"])
        assert list(text.columns) == ["row", "vibrancy", "brightness"]
        assert text["vibrancy"][0].startswith("0.900 [0.9")
        assert text["brightness"][0].startswith("20.0% [")

    def test_what_rounding_moves_is_the_difference_of_means(self) -> None:
        found = celeba.protocol_table(scores(of_all("mse", ssim_8bit=-0.01), noise=0)).set_index("row")
        assert found.loc["AE (MSE)", "ssim_rounding"] == pytest.approx(-0.01)
        assert found.loc["AE (SSIM)", "ssim_rounding"] == pytest.approx(0)

    def test_the_scorecards_extensions_have_all_rows(self) -> None:
        table = scores()
        found = celeba.extensions(celeba.colour_table(table), table, note="made up")
        assert len(found) == 9 * 5 + 9
        assert found["value"].notna().all()


class TestDifferences:
    def test_they_are_paired_over_images_and_count_the_seeds_that_agree(self) -> None:
        table = scores(of_all("lwssim", ssim=0.01))
        table.loc[(table["seed"] == 2) & (table["loss"] == "lwssim"), "ssim"] -= 0.02
        found = celeba.differences(table).set_index(["figure", "model", "first", "second"])
        row = found.loc[("ssim", "vae", "lwssim", "mse")]
        assert row["mean"] == pytest.approx(0.01 / 3, abs=1e-4)
        assert row["low"] < row["mean"] < row["high"]
        assert (row["agree"], row["seeds"], row["n"]) == (2, 3, 40)
        assert row["effect"] == 1
        assert (found["p_holm"] >= found["p"]).all()
        again = found.loc[("ssim", "vae", "ssim", "mse")]
        assert abs(again["mean"]) < 1e-4

    def test_as_text_they_keep_sign_and_interval(self) -> None:
        text = celeba_tables.readable(celeba.differences(scores(of_all("lwssim", mse=-0.001), noise=0)))
        row = text[(text["measure"] == "MSE") & (text["losses"] == "LWSSIM minus SSIM")].iloc[0]
        assert row["difference"] == "−0.00100 [−0.00100, −0.00100]"
        assert row["p (Holm)"] == "< 0.0001"
        assert row["same sign"] == "3 of 3"


class TestTrainings:
    def test_a_missing_network_is_an_error_that_names_the_stage(self, tmp_path: Path) -> None:
        folder = tmp_path / "lwssim_training"
        for loss in LOSSES:
            run("ae", loss, 0).save(folder / f"ae-{loss}-0")
        found = celeba_networks.load(folder, ["ae"], ["lwssim", "ssim", "mse"], [0])
        assert list(found) == [Key("ae", loss, 0) for loss in LOSSES]
        with pytest.raises(
            FileNotFoundError, match=r"6 of 9 .* lwssim_training, the first is ae-mse-1; .* `dvc repro`"
        ):
            celeba_networks.load(folder, ["ae"], LOSSES, [0, 1, 2])

    def test_recipes_tell_what_differs_from_what_all_share(self) -> None:
        trained = {
            Key("ae", "mse", 0): run("ae", "mse", 0),
            Key("ae", "mse", 1): run("ae", "mse", 1),
            Key("vae", "mse", 0): run("vae", "mse", 0, loss_options={"levels": 3}),
        }
        said, table = celeba_tables.in_common(celeba_tables.recipes(trained))
        assert "steps 20" in said
        assert table["seeds"].tolist() == ["0, 1", "0"]
        assert table["loss options"].tolist() == ["defaults", "levels 3"]
        assert table["prior weight"].isna().tolist() == [True, False]

    def test_epochs_and_the_change_of_the_last_fifth(self) -> None:
        trained = {Key("ae", "mse", seed): run("ae", "mse", seed) for seed in (0, 1)}
        curves = celeba_networks.histories(trained, images=40)
        assert curves["epoch"].max() == 2  # 20 steps of 4 images
        found = celeba_networks.flatness(curves).iloc[0]
        assert found["ssim"] == pytest.approx(0.7 + 0.5)
        assert found["ssim_change"] == pytest.approx(0.04)  # from step 16 to 20
        assert found["mse_change"] == pytest.approx(-5)  # of 0.08
        plt.close(figures.training_curves(curves))


class TestOpenChoices:
    def test_a_variant_is_compared_with_the_default_image_by_image_and_an_absent_one_says_why(self) -> None:
        default = scores(seeds=(0,), models=("ae",), losses=("lwssim",)).drop(columns=["model", "loss", "seed"])
        worse = default.assign(ssim=default["ssim"] - 0.02)[::-1]  # whatever the order of the images
        table = celeba.variant_table(
            default, {"one": worse, "two": "not run: no network"}, {"one": {"window_sizes": [11, 13], "alpha": 2.0}}
        )
        one = table[(table["variant"] == "one") & (table["figure"] == "ssim")].iloc[0]
        assert one["mean"] == pytest.approx(-0.02)
        assert one["options"] == "window_sizes 11, 13; alpha 2.0"
        text = celeba_tables.readable_variants(table).set_index(["variant", "measure"])
        assert text.loc[("two", "MSE"), "minus default"] == "not run: no network"
        assert text.loc[("one", "SSIM"), "minus default"] == "−0.0200 [−0.0200, −0.0200]"
        plt.close(figures.variant_points(table, {"ssim": (-0.01, 0.0)}))

    def test_variants_need_the_default_of_their_seed(self, tmp_path: Path) -> None:
        with pytest.raises(ScoringError, match="variants are compared with ae-lwssim-0, which is not trained"):
            celeba.measure_variants({}, {}, Stack("none", (), np.zeros((0, 3, 32, 32), np.uint8), {}))
        assert celeba_networks.load_variants(tmp_path / "lwssim_variants", ["a"]) == {
            "a": "not run: no network in lwssim_variants"
        }

    def test_the_spread_over_seeds_is_measured_from_the_first(self) -> None:
        table = scores(noise=0, models=("ae",))
        table.loc[(table["seed"] == 1) & (table["loss"] == "lwssim"), "ssim"] += 0.03
        assert celeba.spread_over_seeds(table, "ae", "lwssim")["ssim"] == (0.0, pytest.approx(0.03))
        assert celeba.spread_over_seeds(scores(seeds=(0,)), "ae", "lwssim") == {}

    def test_the_weight_that_the_rule_picks_stands_beside_the_one_used(self, tmp_path: Path) -> None:
        rows = [("mse", 0.1, 40.0), ("mse", 1.0, 11.0), ("ssim", 0.1, 12.0), ("ssim", 1.0, 3.0)]
        pd.DataFrame(rows, columns=["loss", "prior_weight", "validation_prior"]).to_csv(tmp_path / "vae.csv")
        runs = celeba_networks.prior_runs(tmp_path)
        weights = {"vae": {"mse": 1.0, "ssim": 1.0, "lwssim": 1.0}}
        found = celeba_networks.prior_choices(runs, {"vae": 12.0}, weights).set_index("row")
        assert found["agrees"].tolist() == ["yes", "no", "not known: no short runs"]
        assert found.loc["VAE (SSIM)", "picked"] == 0.1
        assert celeba_networks.prior_runs(tmp_path / "absent").empty


def test_errors_by_size_of_the_code_stand_beside_those_of_a_linear_code(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    training, test = (
        Stack("noise", tuple(map(str, range(n))), rng.integers(0, 256, (n, 3, 32, 32), np.uint8), {}) for n in (12, 5)
    )
    for size, loss in ((2, "mse"), (2, "ssim")):
        other = Autoencoder("ae", size=32, width=2, bottleneck=size)
        about = {**run("ae", loss, 0).identity, "network": {"size": 32, "width": 2, "bottleneck": size}}
        Trained(other, run("ae", loss, 0).history, about).save(tmp_path / f"{size}-{loss}-0")
    sized = load_sized(tmp_path, [2, 7], ["mse", "ssim"], [0])
    assert list(sized) == [(2, "mse", 0), (2, "ssim", 0)]
    trained = {Key("ae", "mse", 0): run("ae", "mse", 0), Key("ae", "mse", 1): run("ae", "mse", 1)}
    table = celeba_sizes.size_table(trained | {Key("vae", "mse", 0): run("vae", "mse", 0)}, sized, training, test)
    assert table[["units", "loss", "seeds"]].to_numpy().tolist() == [
        [2, "linear code", 1],
        [2, "MSE", 1],
        [2, "SSIM", 1],
        [3, "linear code", 1],
        [3, "MSE", 2],
    ]
    linear = linear_errors(training, test, 3).iloc[0]
    assert table.loc[3, "mse"] == pytest.approx(linear["mse"])


class TestPrintedAmongSizes:
    BY_SIZE = pd.DataFrame(
        [
            (64, "linear code", 1, 0.60, 0.0080),
            (64, "MSE", 2, 0.62, 0.0080),
            (64, "SSIM", 2, 0.70, 0.0160),
            (256, "linear code", 1, 0.75, 0.0040),
            (256, "MSE", 2, 0.72, 0.0040),
            (256, "SSIM", 2, 0.86, 0.0090),
        ],
        columns=["units", "loss", "seeds", "ssim", "mse"],
    )
    PRINTED = pd.DataFrame(
        [("MSE", "ssim", 0.645), ("MSE", "mse", 0.0100), ("SSIM", "ssim", 0.86), ("SSIM", "mse", 0.0030)],
        columns=["loss", "measure", "value"],
    )

    def test_a_printed_value_lies_where_the_curve_passes_it(self) -> None:
        found = celeba_sizes.placed(self.BY_SIZE, self.PRINTED)
        assert found["units"].tolist() == ["91", "below 64", "256", "above 256"]  # 2^6.5: a quarter of the way
        only = celeba_sizes.placed(self.BY_SIZE[self.BY_SIZE["units"] == 64], self.PRINTED)
        assert only["units"].tolist() == ["above 64", "below 64", "above 64", "above 64"]

    def test_sizes_at_which_a_network_loses_to_a_linear_code_are_named(self) -> None:
        assert celeba_sizes.against_linear(self.BY_SIZE, "MSE") == (
            "MSE training errs no more than a linear code at any size."
        )
        one = self.BY_SIZE.assign(mse=[0.008, 0.008, 0.016, 0.003, 0.004, 0.009])
        assert "a linear code of 256 units**" in celeba_sizes.against_linear(one, "MSE")
        assert celeba_sizes.against_linear(one, "MAE") == ""
        assert "a linear code of 64 and 256 units**" in celeba_sizes.against_linear(self.BY_SIZE, "SSIM")

    def test_orders_of_the_losses_are_compared_with_the_printed_one_at_every_size(self) -> None:
        found = celeba_sizes.orders(self.BY_SIZE, self.PRINTED).to_numpy().tolist()
        assert found == [
            ["ssim", "printed", "SSIM, MSE", ""],
            ["ssim", "64", "SSIM, MSE", "yes"],
            ["ssim", "256", "SSIM, MSE", "yes"],
            ["mse", "printed", "SSIM, MSE", ""],
            ["mse", "64", "MSE, SSIM", "no"],
            ["mse", "256", "MSE, SSIM", "no"],
        ]
        without = celeba_sizes.orders(self.BY_SIZE.drop(index=5), self.PRINTED)
        assert without["units"].tolist() == ["printed", "64", "printed", "64"]

    def test_the_paper_prints_six_values_for_plain_autoencoders(self) -> None:
        found = celeba_sizes.printed_errors(published.values("lwssim", "celeba"))
        assert found.to_numpy().tolist() == [
            ["MSE", "ssim", 0.80],
            ["MSE", "mse", 0.0042],
            ["SSIM", "ssim", 0.86],
            ["SSIM", "mse", 0.0057],
            ["LWSSIM", "ssim", 0.89],
            ["LWSSIM", "mse", 0.0054],
        ]

    def test_curves_have_a_line_for_each_loss_and_the_printed_values(self) -> None:
        left, right = figures.size_curves(self.BY_SIZE, self.PRINTED).axes
        assert [line.get_linestyle() for line in left.lines].count(":") == 2
        assert len(right.lines) == 5
        assert [text.get_text() for text in left.get_legend().get_texts()] == [
            "MSE training",
            "SSIM training",
            "linear code",
        ]


def test_faces_are_shown_for_the_first_seed_of_every_row() -> None:
    trained = {Key(*key): run(*key) for key in (("ae", "mse", 0), ("ae", "mse", 1), ("vae", "mse", 0))}
    images = Stack("noise", ("000000.jpg", "000001.jpg"), np.full((2, 3, 32, 32), 90, np.uint8), {})
    html = figures.faces(images, trained, scores()).html
    assert html.count("<img") == 5  # originals; reconstructions and their differences of two networks
    assert 'width="136"' in html  # two faces of 32 pixels and a gap of 4, twice their size
    assert "VAE (MSE): SSIM 0.5" in html
