"""Which weights a metric reads is what it asks for when it is created in earnest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from replication import metrics
from replication.features import weights
from replication.metrics.weights_read import weights_read


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("ssim", {}, ()),
        ("dists", {}, ("vgg16", "dists-coefficients")),
        ("dists", {"weights": "random"}, ("dists-coefficients",)),
        ("lpips-alex", {}, ("alexnet", "lpips-alex-heads")),
        ("lpips-squeeze+smic", {}, ("squeezenet1_1", "lpips-squeeze-heads")),
        ("dists+mic", {}, ("vgg16", "dists-coefficients")),
        ("psnr+smic", {"backbone": "alexnet", "taps": ["relu3", "relu4"]}, ("alexnet",)),
        ("msds", {"network": "googlenet_bvlc"}, ("googlenet_bvlc",)),
        ("deepssim", {"weights": "/some/vgg16.pth"}, ("/some/vgg16.pth",)),
        ("feature-distance", {"backbone": "vgg16", "weights": "vgg16_conv2_2", "tap": "relu2_2"}, ("vgg16_conv2_2",)),
        ("pieapp", {}, ("pieapp",)),
    ],
)
def test_names_of_networks_and_trained_coefficients(
    name: str, options: dict[str, object], expected: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))  # nothing needs to be present
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert weights_read(name, **options) == expected
    assert weights_read(name, **options) == expected  # again: nothing is cached that would hide a name


def test_the_files_opened_in_earnest_are_those(
    real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_data("weights/squeezenet1_1.safetensors")
    found, find = [], weights.find

    def watched(name: str, *, download: bool = False) -> Path:
        found.append(name)
        return find(name, download=download)

    monkeypatch.setattr(weights, "find", watched)
    metrics.create("lpips-squeeze")
    assert weights_read("lpips-squeeze") == tuple(dict.fromkeys(found))
    assert not weights.recording()


def test_wrong_names_and_options_are_errors_as_in_create() -> None:
    with pytest.raises(ValueError, match="unknown metric 'dits'"):
        weights_read("dits")
    with pytest.raises(ValueError, match="no option 'weight'"):
        weights_read("dists", weight="random")
