"""What a pass through a network needs is announced where it is much, and refused where it is not there."""

import itertools

import pytest
import torch
from torch import nn

from replication import features, metrics
from replication.metrics import memory


@pytest.fixture(scope="module")
def vgg() -> features.Backbone:
    return features.backbone("vgg16", weights="random")


def test_bytes_are_those_of_the_maps(vgg: features.Backbone) -> None:
    # conv1_2 reads 64 maps of the image's size and writes 64; relu5_1 has 512 maps of a sixteenth of the sides.
    assert memory.bytes_per_pixel(vgg, ["relu5_1"]) == 4 * (64 + 64 + 3 * 512 / 16**2)
    assert memory.bytes_per_pixel(vgg, ["relu1_2", "relu5_1"]) == 4 * (128 + 3 * 64 + 3 * 512 / 16**2)


def test_the_estimate_is_not_below_what_the_network_allocates(vgg: features.Backbone) -> None:
    image, held = torch.rand(1, 3, 64, 96), []

    def count(_: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        held.append(given[0].numel() + made.numel())

    hooks = [layer.register_forward_hook(count) for layer in vgg.layers]
    maps = vgg(image, ["relu1_2"])
    for hook in hooks:
        hook.remove()
    assert memory.bytes_per_pixel(vgg, ["relu1_2"]) * 64 * 96 >= 4 * (max(held) + 2 * maps["relu1_2"].numel())


def test_much_memory_is_announced_and_too_much_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = metrics.create("lpips-squeeze", weights="random")
    image = torch.rand(1, 3, 160, 200)
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "_MUCH", 1e6)
    with pytest.warns(UserWarning, match="squeezenet1_1 needs about 0 GB to compare an image of 160 x 200"):
        metric.prepare(image)
    monkeypatch.setattr(memory, "free_memory", lambda device: 5e5)
    with pytest.raises(MemoryError, match=r"and 0.0 GB are free; reduce the images or use another device"):
        metric.prepare(image)
    with pytest.raises(MemoryError, match="vgg16 needs about"):
        metrics.create("msds", weights="random").prepare(image)


def test_free_memory_is_a_number_of_this_machine() -> None:
    free = memory.free_memory(torch.device("cpu"))
    assert free > 2**20
    assert memory.free_memory(torch.device("meta")) == float("inf")


def test_usual_images_are_not_estimated(vgg: features.Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    called = itertools.count()
    monkeypatch.setattr(memory, "bytes_per_pixel", lambda *_: next(called))
    memory.check_memory(vgg, torch.zeros(1, 3, 512, 768), ["relu5_1"])
    assert next(called) == 0
