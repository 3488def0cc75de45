"""The optimisers compute what torch's classes compute, to the bit."""

import pytest
import torch
from torch import nn

from replication.training import optimisers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("adam", lambda parameters, rate: torch.optim.Adam(parameters, lr=rate)),
        ("sgd", lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9)),
    ],
)
def test_updates_are_those_of_torch_optim(name: str, expected: object) -> None:
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 3)).to(memory_format=torch.channels_last)
        networks.append(network)
    ours = optimisers.create(name, networks[0].parameters())
    theirs = expected(networks[1].parameters(), 1.0)  # type: ignore[operator]
    for step in range(6):
        rate = 0.01 / (1 + step)
        images = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(step))
        for network in networks:
            network(images).square().mean().backward()
        ours.step(rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
        theirs.zero_grad()
        for first, second in zip(*(network.parameters() for network in networks), strict=True):
            assert torch.equal(first, second)
            assert first.grad is None


def test_parameters_without_a_gradient_stay_as_they_are() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimiser = optimisers.create("adam", [used, unused])
    used.sum().backward()
    optimiser.step(0.1)
    assert not torch.equal(used, torch.ones(2))
    assert torch.equal(unused, torch.ones(2))
    assert [float(steps) for steps in optimiser.state["steps"]] == [1, 0]


def test_an_unknown_optimiser_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown optimiser 'adagrad'; known: adam, sgd"):
        optimisers.create("adagrad", [])
