"""Channel distances over data sets: eq. 1 pair by pair, resumed, on a cluster, and the files they are saved in."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from distributed import LocalCluster
from torch import Tensor

from replication import datasets, features
from replication.datasets.catalogue import JUDGED, Opinion
from replication.metrics import channel_distances
from replication.scoring import ScoringError, channels
from replication.scoring.channel_sets import channel_distances_of
from replication.scoring.channel_tables import Activity, ChannelDistances
from replication.scoring.channels import Measured, Network, activity, measure
from tests.scoring.pictures import Noise

NETWORK = Network("squeezenet1_1", ("relu1", "fire3"), weights="random")
IMAGES = {f"{i}": Noise(i) for i in range(12)}
PAIRS = [("0", "1"), ("0", "2"), ("0", "0"), ("3", "4"), ("5", "6"), ("3", "7")]


def tensor(image: Noise) -> Tensor:
    return torch.from_numpy(image.read()).permute(2, 0, 1)[None].float() / 255


def quiet(pairs: list[tuple[str, str]] = PAIRS, images: dict[str, Noise] = IMAGES, **options: object) -> Measured:
    return measure(pairs, images, NETWORK, show_progress=False, **options)  # type: ignore[arg-type]


def test_rows_are_the_channel_distances_of_each_pair() -> None:
    found = quiet()
    backbone = features.backbone("squeezenet1_1", weights="random")
    for row, (first, second) in enumerate(PAIRS):
        alone = channel_distances(
            tensor(IMAGES[first]), tensor(IMAGES[second]), backbone=backbone, taps=["relu1", "fire3"]
        )
        for tap, expected in alone.items():
            assert found.distances[tap].dtype == np.float32
            np.testing.assert_allclose(found.distances[tap][row], expected[0].numpy(), rtol=1e-4, atol=1e-7)
    assert found.problems == [""] * 6
    assert not found.distances["fire3"][2].any()


def test_a_reference_goes_through_the_network_once_for_its_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[int] = []
    original = channels._pass
    monkeypatch.setattr(channels, "_pass", lambda net, taps, x: (passed.append(len(x)), original(net, taps, x))[1])
    monkeypatch.setitem(channels._BATCH_PIXELS, "cpu", 1)  # a pair at a time, as for photographs
    whole = quiet([("0", str(i)) for i in range(1, 12)])
    assert passed == [1] * 12
    passed.clear()
    monkeypatch.setitem(channels._BATCH_PIXELS, "cpu", 2**18)  # patches go through together
    together = quiet([("0", str(i)) for i in range(1, 12)])
    assert passed == [1, 11]
    np.testing.assert_allclose(together.distances["fire3"], whole.distances["fire3"], rtol=1e-4, atol=1e-7)


def test_what_cannot_be_measured_is_a_row_of_nan_with_the_reason() -> None:
    images = {**IMAGES, "wide": Noise(1, (24, 31)), "tiny": Noise(2, (4, 4)), "small": Noise(3, (4, 4))}
    found = quiet([("0", "wide"), ("tiny", "small"), ("0", "1")], images)
    assert found.problems[0] == "is 31 x 24 pixels, its reference 0 30 x 24; the two must have one size"
    assert "too small for fire3" in found.problems[1]
    assert found.problems[2] == ""
    assert np.isnan(found.distances["relu1"]).all(axis=1).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="a pair names 'nobody'"):
        quiet([("0", "nobody")])


class Interrupting(Noise):
    """Noise that interrupts whoever reads it."""

    def read(self, mode: str = "RGB") -> np.ndarray:
        raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_to_the_same_matrices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_TASK_PAIRS", 2)
    reads: list[int] = []
    original = channels._pass
    monkeypatch.setattr(channels, "_pass", lambda net, taps, x: (reads.append(len(x)), original(net, taps, x))[1])
    with pytest.raises(KeyboardInterrupt):
        quiet(images={**IMAGES, "6": Interrupting(6)}, store=tmp_path)
    assert len(list(tmp_path.glob("*.done"))) == 2
    reads.clear()
    resumed = quiet(store=tmp_path)
    assert sum(reads) == 4  # the last task alone: two references, two images
    again = quiet(store=tmp_path)
    assert sum(reads) == 4
    fresh = quiet()
    for other in (resumed, again):
        assert all((other.distances[tap] == fresh.distances[tap]).all() for tap in fresh.distances)
    reads.clear()
    quiet(images={**IMAGES, "1": Noise(99)}, store=tmp_path)  # another image of that name
    assert sum(reads) == 3  # one reference, two images
    for path in tmp_path.glob("*.done"):
        path.write_bytes(b"cut off")
    reads.clear()
    quiet(store=tmp_path)
    assert sum(reads) == 11


def test_an_image_swapped_while_it_is_measured_gives_no_distance_to_the_one_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_TASK_PAIRS", 2)
    whole = quiet(store=tmp_path)
    for path in list(tmp_path.glob("*.done"))[1:]:
        path.unlink()  # an interrupted call, of which one task is stored
    original = channels.digests

    class Swapping(Noise):
        """Other pixels, with their own digest, once the digests of all images are known."""

        def read_hashed(self, mode: str = "RGB") -> tuple[np.ndarray, str]:
            return (Noise(99) if swapped else self).read(), (Noise(99) if swapped else self).digest()

        def digest(self) -> str:
            return Noise(self.seed).digest()

    swapped: list[bool] = []
    monkeypatch.setattr(channels, "digests", lambda *of: (original(*of), swapped.append(True))[0])
    other = quiet(images={**IMAGES, "2": Swapping(2), "4": Swapping(4), "7": Swapping(7)}, store=tmp_path)
    assert any((other.distances[tap] != whole.distances[tap]).any() for tap in whole.distances)
    monkeypatch.setattr(channels, "digests", original)
    again = quiet(store=tmp_path)
    assert all((again.distances[tap] == whole.distances[tap]).all() for tap in whole.distances)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster


def test_a_cluster_gives_the_same_matrices(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_TASK_PAIRS", 2)
    there, here = quiet(scheduler=cluster.scheduler_address), quiet()
    assert there.problems == here.problems
    for tap in here.distances:
        np.testing.assert_allclose(there.distances[tap], here.distances[tap], rtol=1e-4, atol=1e-7)


def test_activity_is_the_mean_square_and_variance_over_pixels() -> None:
    images = {"a": Noise(1), "b": Noise(2, (40, 20))}
    found = activity(["a", "b"], images, NETWORK)
    backbone = features.backbone("squeezenet1_1", weights="random")
    maps = [backbone(features.imagenet_normalised(tensor(image)))["fire3"][0].double() for image in images.values()]
    energy = np.mean([(x**2).mean(dim=(1, 2)) for x in maps], axis=0)
    # Convolutions in float32 differ in the sixth digit with the layout of what they are given.
    np.testing.assert_allclose(found["fire3"].energy, energy, rtol=2e-5)
    expected = np.mean([x.flatten(1).numpy().var(axis=1) for x in maps], axis=0)
    np.testing.assert_allclose(found["fire3"].variance, expected, rtol=2e-5)


def test_a_damaged_reference_costs_its_rows_and_a_set_without_any_row_says_why(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("r1", "r2", "d1", "d2"):
        Image.fromarray(Noise(len(name)).read()).save(tmp_path / f"{name}.png")
    (tmp_path / "r2.png").write_bytes(b"not an image")
    rows = "reference,distorted,opinion\nr1.png,d1.png,1\nr2.png,d2.png,2\n"
    (tmp_path / "own.csv").write_text(rows)
    options = {"kind": "MOS", "higher_is_better": True}
    found = channel_distances_of(str(tmp_path / "own.csv"), NETWORK, options=options)
    assert found.table["problem"].tolist()[0] == ""
    assert "r2.png" in found.table["problem"].tolist()[1]
    assert found.activity["relu1"].energy.shape == (64,)
    (tmp_path / "r1.png").write_bytes(b"not an image")
    nothing = channel_distances_of(str(tmp_path / "own.csv"), NETWORK, options=options)
    assert "no pair could be measured; the first: reference r1.png" in str(nothing.absent)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ScoringError, match="cannot compute on device 'cuda:77'"):
        measure(PAIRS, IMAGES, dataclasses.replace(NETWORK, device="cuda:77"))


def test_weights_or_sets_that_are_absent_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    weights = channel_distances_of("photos-distorted", Network("alexnet"))
    assert weights.absent is not None
    assert weights.absent.kind == "weights"
    assert str(tmp_path) not in str(weights.absent)
    for name in ("live-md", "bapps-jnd"):
        data_set = channel_distances_of(name, NETWORK)
        assert data_set.absent is not None
        assert data_set.absent.kind == "data set"
        assert str(tmp_path) not in str(data_set.absent)
        data_set.save(tmp_path / name)
        assert ChannelDistances.load(tmp_path / name).absent == data_set.absent
    with pytest.raises(ValueError, match="squeezenet1_1 has no tap relu7"):
        channel_distances_of("photos-distorted", Network("squeezenet1_1", ("relu7",), weights="random"))


def test_what_is_saved_is_what_is_loaded_and_the_same_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "reference": ["001", "001"],
            "distorted": ["a", "b"],
            "distortion": ["None", "blur"],
            "level": pd.array([1, None], dtype="Int64"),
            "opinion": [0.1 + 0.2, 3.0],
            "problem": ["", "why, exactly"],
        }
    )
    matrix = np.array([[1e-30, np.pi, 3], [np.nan] * 3], np.float32)
    opinion = Opinion("MOS", 0, 9, higher_is_better=True)
    made = ChannelDistances(
        "set",
        "Set",
        "",
        "",
        opinion,
        ("a",),
        "d",
        "net",
        "w",
        table,
        {"relu1": matrix},
        {"relu1": Activity(*np.eye(2))},
    )
    for folder in ("one", "two"):
        made.save(tmp_path / folder)
        made = ChannelDistances.load(tmp_path / folder)
    for file in ("facts.json", "pairs.csv", "distances.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    pd.testing.assert_frame_equal(made.table, table)
    np.testing.assert_array_equal(made.distances["relu1"], matrix)
    assert made.opinion == opinion
    assert made.activity["relu1"].variance.tolist() == [0, 1]
    with pytest.raises(FileNotFoundError, match="compute them first"):
        ChannelDistances.load(tmp_path / "nowhere")


def test_the_stand_in_is_measured_with_its_facts() -> None:
    found = channel_distances_of("photos-distorted", Network("squeezenet1_1", ("relu1",), weights="random"))
    rated = datasets.load("photos-distorted")
    assert found.digest == rated.digest
    assert found.weights == "random, seed 0"
    assert found.distances["relu1"].shape == (len(rated), 64)
    assert (found.distances["relu1"] > 0).any(axis=1).all()
    assert (found.table["problem"] == "").all()


@pytest.fixture
def bapps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/bapps with two comparisons of 24 x 24 patches in every subset."""
    from PIL import Image

    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    for name, entry in JUDGED.items():
        few = tuple((subset, 2) for subset, _ in entry.counts)
        monkeypatch.setitem(JUDGED, name, dataclasses.replace(entry, counts=few))
        parts = ("ref", "p0", "p1") if name == "bapps-2afc" else ("p0", "p1")
        for number, (subset, _) in enumerate(few):
            for part in (*parts, "judge" if name == "bapps-2afc" else "same"):
                folder = tmp_path / entry.folder / subset / part
                folder.mkdir(parents=True)
                for index in range(2):
                    if part in parts:
                        pixels = Noise(10 * number + 3 * index + len(part) + int(part == "p1"), (24, 24)).read()
                        Image.fromarray(pixels).save(folder / f"00000{index}.png")
                    else:
                        np.save(folder / f"00000{index}.npy", np.array([0.2 + index / 2], np.float32))
    return tmp_path


def test_judged_sets_have_a_row_for_every_comparison(bapps: Path) -> None:
    found = channel_distances_of("bapps-2afc", NETWORK, subsets=["cnn", "frameinterp"])
    assert found.table["subset"].tolist() == ["cnn"] * 4 + ["frameinterp"] * 4
    assert [name.split("/")[1] for name in found.table["distorted"]] == ["p0", "p1"] * 4
    assert found.table["fraction"].tolist() == pytest.approx([0.2, 0.2, 0.7, 0.7] * 2)
    assert found.distances["relu1"].shape == (8, 64)
    assert found.opinion is None
    judged = datasets.load_judgements("bapps-2afc")
    row = found.table.iloc[5]
    direct = measure([(row["reference"], row["distorted"])], judged.images, NETWORK, show_progress=False)
    np.testing.assert_allclose(found.distances["fire3"][5], direct.distances["fire3"][0], rtol=1e-4, atol=1e-7)
    found.save(bapps / "saved")
    pd.testing.assert_frame_equal(ChannelDistances.load(bapps / "saved").table, found.table)
    noticed = channel_distances_of("bapps-jnd", NETWORK)
    assert noticed.table["subset"].tolist() == ["traditional"] * 2 + ["cnn"] * 2
    assert "has no subset tiles; it has traditional, cnn" in str(
        channel_distances_of("bapps-jnd", NETWORK, subsets=["tiles"]).absent
    )
