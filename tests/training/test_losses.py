"""One table of losses serves every network that is trained."""

import re

import pytest
import torch
from torch import Tensor, nn

from replication.training import losses
from replication.training.losses import LOSSES, Loss

IMAGES = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0))
OPTIONS = {"ms_ssim": {"levels": 2}, "ms_ssim_l1": {"levels": 2}}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_a_scalar_that_is_smallest_for_equal_images_and_has_a_gradient(name: str) -> None:
    loss = losses.create(name, OPTIONS.get(name))
    output = (IMAGES + 0.1 * torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(1))).requires_grad_()
    value = loss(output, IMAGES)
    value.backward()
    assert value.shape == ()
    assert float(value.detach()) > float(loss(IMAGES, IMAGES)) >= -1e-6
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert output.grad.abs().max() > 0


def test_titles_are_those_of_the_papers_tables_and_differ() -> None:
    assert [losses.title(name) for name in ("mse", "mae", "ms_ssim", "lwssim")] == ["MSE", "MAE", "MS-SSIM", "LWSSIM"]
    assert len({entry.title for entry in LOSSES.values()}) == len(LOSSES)


def test_a_loss_added_as_one_entry_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Huber(nn.HuberLoss):
        def __init__(self, threshold: float = 1.0) -> None:
            super().__init__(delta=threshold)

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return super().forward(output, target)

    monkeypatch.setitem(LOSSES, "huber", Loss("Huber", Huber))
    assert losses.title("huber") == "Huber"
    assert losses.create("huber", {"threshold": 0.1})(IMAGES, IMAGES + 1) == pytest.approx(0.1 * (1 - 0.05))


@pytest.mark.parametrize("call", [losses.create, losses.title])
def test_an_unknown_loss_is_refused_with_the_known_ones(call: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"unknown loss 'l3'; known: {', '.join(LOSSES)}")):
        call("l3")  # type: ignore[operator]


def test_an_unknown_option_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match=r"loss 'mse' with options \{'levels': 3\}: .*'levels'"):
        losses.create("mse", {"levels": 3})
