"""Large images are worked on in strips and channel by channel; scores are the same as of whole images."""

import importlib
import itertools

import pytest
import torch

from replication import metrics
from replication.metrics import chunks
from tests.metrics.photos import photo_pair


@pytest.mark.parametrize("pixels", [400, 4000])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gmsd", {}),
        ("gmsd", {"colour": "rgb", "eight_bit": False}),
        ("mad", {}),
        ("mad", {"variant": "paper"}),
        ("nlpd", {}),
        ("vif", {}),
        ("vif", {"colour": "rgb", "eight_bit": False}),
        ("vif-pixel", {}),
        ("vif-pixel", {"colour": "rgb", "eight_bit": False}),
    ],
)
def test_strips_change_scores_by_rounding_only(
    name: str, options: dict[str, object], pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, distorted = photo_pair(99, 131)
    metric = metrics.create(name, **options)
    whole = metric(reference, distorted)
    monkeypatch.setattr(chunks, "_STRIP", pixels)
    monkeypatch.setattr(importlib.import_module("replication.metrics.gmsd"), "_STRIP_CPU", pixels)
    # Float32 has seven digits; sums of strips are taken in float64.
    torch.testing.assert_close(metric(reference, distorted), whole, rtol=1e-6, atol=0)


def test_strips_cover_all_rows_in_order() -> None:
    found = list(chunks.strips(10_000, 1000))
    assert [found[0].start, found[-1].stop] == [0, 10_000]
    assert all(first.stop == second.start for first, second in itertools.pairwise(found))
    assert {part.stop - part.start for part in found[:-1]} == {2**21 // 1000}
    assert list(chunks.strips(3, 10**9)) == [slice(0, 2), slice(2, 3)]


def test_colours_converted_in_strips_keep_their_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, distorted = photo_pair(40, 50)
    metric = metrics.create("psnr", colour="gray")
    gradients = []
    for pixels in (2**21, 300):
        monkeypatch.setattr(chunks, "_STRIP", pixels)
        image = distorted.clone().requires_grad_()
        gradients.append(torch.autograd.grad(metric(reference, image).sum(), image)[0])
    assert torch.equal(*gradients)
