"""Score tables: their rows, what goes into a score, and what is said where there is none."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from replication import metrics
from replication.datasets import decoding
from replication.datasets.decoding import Decoder
from replication.metrics import registry
from replication.scoring import ScoringError, engine, score
from replication.scoring.engine import Rated
from replication.scoring.files import pairs
from replication.scoring.wide import COLUMNS
from tests.scoring.pictures import Deadly, Noise, RatedSet, Witness, files, noise_set, rated


@pytest.fixture(autouse=True)
def _leave_the_registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(registry, "_recreated", {})


def quiet(data_set: Rated, *names: str | metrics.Metric, **options: object) -> pd.DataFrame:
    return score(data_set, names, show_progress=False, **options)  # type: ignore[arg-type]


def decibels(reference: np.ndarray, distorted: np.ndarray) -> float:
    """PSNR by its definition, in float64."""
    return float(10 * np.log10(255**2 / np.mean((reference.astype(float) - distorted) ** 2)))


class Counting:
    """A metric that counts how many images it prepared and compared."""

    def __init__(self, name: str = "counting") -> None:
        self.name, self.prepared, self.compared = name, 0, 0

    def metric(self, **options: object) -> metrics.Metric:
        return metrics.Metric(self.name, True, options, self.prepare, self.compare)

    def prepare(self, image: Tensor) -> Tensor:
        self.prepared += len(image)
        return image.mean(dim=(1, 2, 3))

    def compare(self, reference: Tensor, distorted: Tensor) -> Tensor:
        self.compared += len(distorted)
        return distorted - reference


class TestTable:
    def test_rows_are_in_the_order_of_the_set_and_then_of_the_metrics(self) -> None:
        data_set = noise_set()
        table = quiet(data_set, "ssim", "psnr")
        assert tuple(table.columns) == COLUMNS
        expected = [(d, m) for d in data_set.table["distorted"] for m in ("ssim", "psnr")]
        assert list(zip(table["distorted"], table["metric"], strict=True)) == expected
        assert list(table["opinion"]) == [opinion for opinion in range(6) for _ in range(2)]
        assert set(table["data_set"]) == {"tiny"}
        assert (table["problem"] == "").all()
        assert table["level"].dtype == "Int64"

    def test_the_kind_of_an_image_is_in_the_table_of_a_set_that_has_kinds(self) -> None:
        data_set = noise_set()
        assert "kind" not in quiet(replace(data_set, table=data_set.table.assign(kind="")), "psnr")
        found = quiet(replace(data_set, table=data_set.table.assign(kind="exact")), "psnr")
        assert list(found.columns) == [*COLUMNS[:6], "kind", *COLUMNS[6:]]
        assert set(found["kind"]) == {"exact"}

    def test_scores_are_those_of_the_definition_and_of_the_metric_alone(self) -> None:
        data_set = noise_set()
        table = quiet(data_set, "psnr", "ssim(colour=gray)")
        for row in table.itertuples():
            reference, distorted = data_set.images[row.reference].read(), data_set.images[row.distorted].read()
            if row.metric == "psnr":
                assert row.score == pytest.approx(decibels(reference, distorted), rel=1e-6)
            else:
                pair = (torch.tensor(image).movedim(-1, 0)[None].float() / 255 for image in (reference, distorted))
                assert row.score == metrics.create("ssim", colour="gray")(*pair).item()

    def test_identical_images_have_infinite_psnr_and_no_problem(self) -> None:
        table = quiet(rated({"a": Noise(0)}, [("a", "a")]), "psnr")
        assert table["score"].item() == math.inf
        assert table["problem"].item() == ""

    def test_variants_of_a_metric_stand_apart_by_label(self) -> None:
        data_set = noise_set(1, 1)
        text = "ssim(colour=gray, reduction=2004)"
        assert list(quiet(data_set, "ssim", text)["metric"]) == ["ssim", text]
        labelled = {"RGB": "ssim", "SSIM (gray)": metrics.create("ssim", colour="gray")}
        assert list(score(data_set, labelled, show_progress=False)["metric"]) == ["RGB", "SSIM (gray)"]
        assert list(quiet(data_set, metrics.create("psnr", device="cpu"), device="cpu")["metric"]) == ["psnr"]

    def test_a_metric_of_the_users_own_is_scored_like_any_other(self) -> None:
        @metrics.metric("mean-error", higher_is_better=False)
        def mean_error(reference: Tensor, distorted: Tensor, *, power: float = 1.0) -> Tensor:
            return (reference - distorted).abs().pow(power).mean(dim=(1, 2, 3))

        data_set = noise_set(1, 1)
        difference = (data_set.images["r0"].read().astype(float) - data_set.images["d0-0"].read()) / 255
        table = quiet(data_set, "mean-error", "mean-error(power=2)")
        assert table["score"].tolist() == pytest.approx([np.abs(difference).mean(), (difference**2).mean()])

    def test_scores_of_tid2013_images_are_those_of_the_original_implementations(
        self, real_data: Callable[[str], Path]
    ) -> None:
        folder = real_data("tid2013-samples")
        table = quiet(pairs(folder / "reference", folder / "distorted"), "psnr", "ssim(colour=gray, eight_bit=true)")
        published = pd.read_csv(folder / "original_implementations.csv").set_index("metric")
        for name, scores in (("psnr", table["score"][0::2]), ("ssim", table["score"][1::2])):
            expected = published.loc[name, ["I03", "I04", "I06"]].astype(float)
            np.testing.assert_allclose(scores, expected, atol=0.0051 if name == "psnr" else 0.00011)  # as printed


class TestWork:
    @pytest.mark.parametrize("name", ["psnr", "ssim", "ms-ssim(levels=1)"])
    def test_a_score_does_not_depend_on_the_batch(self, name: str) -> None:
        data_set = noise_set(1, 20)
        alone, together = (quiet(data_set, name, batch_pixels=pixels) for pixels in (1, 2**22))
        np.testing.assert_allclose(alone["score"], together["score"], rtol=2e-7)

    def test_a_reference_is_prepared_once_for_all_its_distorted_images(self) -> None:
        counting = Counting()
        quiet(noise_set(2, 40), counting.metric(), batch_pixels=3 * 24 * 30)
        assert (counting.prepared, counting.compared) == (2 + 80, 80)

    def test_batches_hold_as_many_images_as_fit_and_one_at_least(self) -> None:
        sizes: list[int] = []

        def prepare(image: Tensor) -> Tensor:
            sizes.append(len(image))
            return image.mean(dim=(1, 2, 3))

        metric = metrics.Metric("sizes", True, {}, prepare, lambda x, y: y - x)
        quiet(noise_set(1, 5), metric, batch_pixels=2 * 24 * 30 + 1)
        quiet(noise_set(1, 2), metric, batch_pixels=1)
        assert sizes == [1, 2, 2, 1, 1, 1, 1]

    def test_metrics_of_one_source_share_its_pass(self) -> None:
        passes: list[int] = []

        def features(image: Tensor) -> Tensor:
            passes.append(len(image))
            return image.mean(dim=(2, 3))

        def metric(name: str, channel: int) -> metrics.Metric:
            source = metrics.Source("means", features)
            return metrics.Metric(
                name,
                True,
                {},
                lambda image: features(image)[:, channel],
                lambda x, y: y - x,
                source,
                lambda means: means[:, channel],
            )

        data_set = noise_set(1, 4)
        table = quiet(data_set, metric("red", 0), "psnr", metric("blue", 2), batch_pixels=1)
        assert passes == [1] * 5  # the reference and four images
        means = {name: image.read().mean(axis=(0, 1)) / 255 for name, image in data_set.images.items()}
        for name, channel in (("red", 0), ("blue", 2)):
            expected = [means[f"d0-{c}"][channel] - means["r0"][channel] for c in range(4)]
            assert table.loc[table["metric"] == name, "score"].tolist() == pytest.approx(expected, abs=1e-6)

    def test_nothing_is_computed_with_gradients(self) -> None:
        seen: list[bool] = []

        def prepare(image: Tensor) -> Tensor:
            seen.append(torch.is_grad_enabled())
            return image.mean(dim=(1, 2, 3))

        quiet(noise_set(1, 1), metrics.Metric("x", True, {}, prepare, lambda x, y: y - x))
        assert seen == [False, False]

    @pytest.mark.gpu
    def test_on_a_gpu_scores_agree(self) -> None:
        data_set = noise_set(2, 20)
        tables = [quiet(data_set, "psnr", "ssim", device=device) for device in (None, "cuda")]
        np.testing.assert_allclose(tables[0]["score"], tables[1]["score"], rtol=1e-5, atol=1e-6)


class TestDecoding:
    def test_worker_processes_give_the_same_table_and_do_not_import_torch(self) -> None:
        data_set = noise_set(3, 20)
        black = rated(
            {**data_set.images, "w": Witness(0)}, [*data_set.table.iloc[:, :2].itertuples(index=False), ("w", "w")]
        )
        brightness = metrics.Metric("brightness", True, {}, lambda x: x.mean(dim=(1, 2, 3)), lambda x, y: y)
        here, elsewhere = (quiet(black, "psnr", brightness, workers=workers) for workers in (0, 2))
        assert here["score"].tolist()[-1] == 1
        assert elsewhere["score"].tolist()[-1] == 0
        pd.testing.assert_frame_equal(here[:-1], elsewhere[:-1])

    def test_metrics_leave_the_decoding_processes_their_cores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.cpu_count", lambda: 4)
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(4)
            for processes, threads in ((1, 3), (3, 1), (9, 1)):
                with engine._threads_beside(processes):
                    assert torch.get_num_threads() == threads
                assert torch.get_num_threads() == 4
        finally:
            torch.set_num_threads(before)

    def test_dead_workers_cost_time_only(self, caplog: pytest.LogCaptureFixture) -> None:
        images = {"r": Noise(0), **{f"d{i}": Noise(i) for i in range(1, 9)}}
        images["d4"] = Deadly(4, survivor=os.getpid())
        data_set = rated(images, [("r", f"d{i}") for i in range(1, 9)])
        pd.testing.assert_frame_equal(quiet(data_set, "psnr", workers=2), quiet(data_set, "psnr", workers=0))
        assert "decoding goes on in this one" in caplog.text

    def test_as_many_images_are_read_ahead_as_memory_allows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decoding, "_PIXELS_AHEAD", 3 * 24 * 30)
        images = [Noise(i) for i in range(40)]
        taken = 0

        def order() -> Iterator[Noise]:
            nonlocal taken
            for image in images:
                taken += 1
                yield image

        with Decoder(order(), 2) as decoder:
            for number, image in enumerate(images, 1):
                if number % 7:  # the others are passed over
                    assert np.array_equal(decoder.read(image), image.read())
                    assert taken <= number + 3
        assert taken == 40


class TestProblems:
    def table(self, folder: Path, **options: object) -> pd.DataFrame:
        """Two references, one of them damaged, and everything that can be wrong with a distorted image."""
        good = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
        alpha = np.dstack([good, np.full((24, 30), 99, np.uint8)])
        images = files(
            folder,
            {"a.png": good, "b.png": good, "good.png": good // 2, "cut.png": good, "turned.png": good.swapaxes(0, 1)}
            | {"alpha.png": alpha, "gone.png": good, "grey.png": good[..., 0]},
        )
        for name in ("b.png", "cut.png"):
            (folder / name).write_bytes((folder / name).read_bytes()[:200])
        (folder / "gone.png").unlink()
        distorted = ["good.png", "cut.png", "turned.png", "alpha.png", "gone.png", "grey.png"]
        pairs = [("a.png", name) for name in distorted] + [("b.png", "good.png"), ("b.png", "turned.png")]
        return quiet(rated(images, pairs), "psnr", "ms-ssim", **options)

    def test_what_cannot_be_scored_says_why_and_the_rest_is_scored(self, tmp_path: Path) -> None:
        table = self.table(tmp_path)
        said = table[table["metric"] == "psnr"].set_index(["reference", "distorted"])["problem"].to_dict()
        assert said["a.png", "good.png"] == ""
        assert said["a.png", "grey.png"] == ""
        assert said["a.png", "cut.png"].startswith("cut.png: the file is truncated")
        assert said["a.png", "alpha.png"].startswith("alpha.png: has transparent pixels")
        assert said["a.png", "gone.png"] == "gone.png: no such file"
        assert said["a.png", "turned.png"] == (
            "turned.png: is 24 x 30 pixels, its reference a.png 30 x 24; the two must have one size"
        )
        for name in ("good.png", "turned.png"):
            assert said["b.png", name].startswith("reference b.png: the file is truncated")
        assert (table["score"].isna() == (table["problem"] != "")).all()
        assert not table["problem"].str.contains(str(tmp_path), regex=False).any()

    def test_processes_that_decode_change_nothing(self, tmp_path: Path) -> None:
        pd.testing.assert_frame_equal(self.table(tmp_path, workers=2), self.table(tmp_path, workers=0))

    def test_an_image_that_a_metric_refuses_says_why(self, tmp_path: Path) -> None:
        table = self.table(tmp_path)
        refused = table[(table["metric"] == "ms-ssim") & (table["distorted"] == "good.png")].iloc[0]
        assert math.isnan(refused["score"])
        assert "too small for 5 level(s)" in refused["problem"]

    def test_grey_images_are_compared_with_colour_as_three_equal_channels(self, tmp_path: Path) -> None:
        table = self.table(tmp_path)
        good = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
        expected = decibels(good, np.repeat(good[..., :1], 3, axis=2))
        assert table.loc[table["distorted"] == "grey.png", "score"].iloc[0] == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("error", [ValueError, RuntimeError, IndexError])
    def test_one_image_that_fails_in_a_batch_takes_no_other_with_it(self, error: type[Exception]) -> None:
        data_set = noise_set(1, 6)
        worst = data_set.images["d0-3"].read().mean() / 255

        def compare(reference: Tensor, distorted: Tensor) -> Tensor:
            if ((distorted - worst).abs() < 1e-6).any():
                raise error("not this one\nwith details")
            return distorted - reference

        metric = metrics.Metric("picky", True, {}, lambda x: x.mean(dim=(1, 2, 3)), compare)
        table = quiet(data_set, metric, "psnr", batch_pixels=2**20).query("metric == 'picky'")
        said = "not this one" if error is ValueError else f"{error.__name__}: not this one"
        assert table["problem"].tolist() == ["", "", "", said, "", ""]
        assert table["score"].isna().tolist() == [False, False, False, True, False, False]

    def test_a_failing_metric_leaves_those_that_share_its_source_alone(self) -> None:
        def fail(_: object) -> object:
            raise ValueError("no")

        source = metrics.Source("mean", lambda image: image.mean(dim=(1, 2, 3)))
        good, bad = (
            metrics.Metric(name, True, {}, source.compute, lambda x, y: y - x, source, finish)
            for name, finish in (("good", lambda mean: mean), ("bad", fail))
        )
        table = quiet(noise_set(1, 2), good, bad)
        assert table["problem"].tolist() == ["", "no", "", "no"]

    def test_a_metric_that_gives_no_number_or_the_wrong_count_is_a_problem(self) -> None:
        nan = metrics.Metric("nan", True, {}, lambda x: x, lambda x, y: torch.full((len(y),), torch.nan))
        scalar = metrics.Metric("scalar", True, {}, lambda x: x, lambda x, y: (x - y).mean())
        table = quiet(noise_set(1, 1), nan, scalar)
        assert table["problem"][0] == "the metric gave no number (NaN)"
        assert "must give a score for each of 1 images, got shape ()" in table["problem"][1]

    def test_on_request_the_first_problem_stops(self, tmp_path: Path) -> None:
        images = files(tmp_path, {"a.png": Noise(0).read(), "cut.png": Noise(1).read()})
        (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:100])
        data_set = rated(images, [("a.png", "a.png"), ("a.png", "cut.png")])
        with pytest.raises(ScoringError, match=r"tiny, cut.png, psnr: cut.png: the file is truncated"):
            quiet(data_set, "psnr", on_error="stop")


class TestMistakes:
    @pytest.mark.parametrize("text", ["[" * 3000, "x" * 3000, f"ssim(k1={'x' * 3000})"])
    def test_of_a_very_long_metric_only_the_beginning_is_repeated(self, text: str) -> None:
        with pytest.raises(ScoringError) as error:
            engine.create_metrics([text])
        assert len(str(error.value)) < 1200

    @pytest.mark.parametrize("text", ["ssim(", "ssim(gray)", "ssim(k1=0.01, k1=0.5)", "psnr(x=" + "[" * 3000 + ")"])
    def test_what_is_no_metric_is_refused(self, text: str) -> None:
        with pytest.raises(ScoringError, match="is no metric; write it as NAME or as|gives the option k1 twice"):
            quiet(noise_set(1, 1), text)

    def test_unknown_metrics_and_options_are_named_with_the_known(self) -> None:
        with pytest.raises(ScoringError, match="unknown metric 'sim'; known: .*ms-ssim, .*psnr, .*ssim"):
            quiet(noise_set(1, 1), "sim")
        with pytest.raises(ScoringError, match=r"'ssim\(color=gray\)' has no option 'color'; known: colour"):
            quiet(noise_set(1, 1), "ssim(color=gray)")
        with pytest.raises(ScoringError, match="no metric was given; known: "):
            quiet(noise_set(1, 1))
        with pytest.raises(ScoringError, match="two metrics have the label 'psnr'"):
            quiet(noise_set(1, 1), "psnr", "psnr")
        with pytest.raises(ScoringError, match="must be a list or a mapping of metrics, got the text 'psnr'"):
            score(noise_set(1, 1), "psnr")

    def test_a_set_without_images_or_with_others_than_it_names(self) -> None:
        with pytest.raises(ScoringError, match="tiny has no images to score"):
            quiet(rated({}, []), "psnr")
        with pytest.raises(ScoringError, match="the table of tiny names 'b', which is not among its images"):
            quiet(rated({"a": Noise(0)}, [("a", "b")]), "psnr")
        columns = noise_set(1, 1)
        with pytest.raises(ScoringError, match="the table of tiny lacks the column 'opinion'"):
            quiet(RatedSet("tiny", columns.table.drop(columns="opinion"), columns.images), "psnr")

    def test_a_device_that_is_not_there(self) -> None:
        with pytest.raises(ScoringError, match="cannot compute on device 'nonsense'"):
            quiet(noise_set(1, 1), "psnr", device="nonsense")


class TestProgress:
    def test_rate_and_estimate_go_to_standard_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        score(noise_set(1, 3), ["psnr"])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("tiny: 3 of 3 images, ")
        assert captured.err.endswith(" images/s, 0.0 min left\n")
