"""Units that never respond are counted, layer by layer."""

import pytest
import torch
from torch import Tensor, nn

from replication.models import SRCNN, VDSR, Autoencoder
from replication.training.dead_units import dead_units

IMAGES = [torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(n)) for n in range(3)]


def killed(activation: str) -> SRCNN:
    """An SRCNN whose units 3 and 5 of the first layer and 7 of the second are negative everywhere."""
    torch.manual_seed(0)
    network = SRCNN(activation=activation)  # type: ignore[arg-type]
    with torch.no_grad():
        network.layers[0].bias[[3, 5]] = -1e3
        network.layers[1].bias[7] = -1e4
    return network


def test_units_that_are_zero_everywhere_are_counted_layer_by_layer() -> None:
    assert dead_units(killed("relu"), IMAGES) == [2, 1]


def test_no_gradient_reaches_a_dead_unit_and_every_other_gets_one() -> None:
    network = killed("relu")
    sum(network(image).square().sum() for image in IMAGES).backward()
    for layer, dead in zip(network.layers, dead_units(network, IMAGES), strict=False):
        assert int((layer.weight.grad.abs().amax(dim=(1, 2, 3)) == 0).sum()) == dead


def test_a_leaky_relu_leaves_no_unit_dead() -> None:
    network = killed("leaky_relu")
    assert dead_units(network, IMAGES) == [0, 0]
    sum(network(image).square().sum() for image in IMAGES).backward()
    assert all((layer.weight.grad.abs().amax(dim=(1, 2, 3)) > 0).all() for layer in network.layers)


def test_a_unit_that_responds_to_one_image_of_many_is_alive() -> None:
    network = SRCNN()
    with torch.no_grad():
        network.layers[0].weight[0] = 1.0
        network.layers[0].bias[0] = -30.0  # of 81 pixels, each 0.9 - 0.5: 32.4
    dark, bright = torch.full((1, 1, 24, 24), 0.2), torch.full((1, 1, 30, 20), 0.9)
    assert dead_units(network, [dark, *IMAGES])[0] == 1
    assert dead_units(network, [dark, bright, *IMAGES])[0] == 0


@pytest.mark.parametrize(
    ("network", "layers"), [(VDSR(depth=5, width=4), 4), (Autoencoder(size=16, channels=1, bottleneck=2, width=2), 8)]
)
def test_every_hidden_layer_of_every_network_is_counted(network: nn.Module, layers: int) -> None:
    assert len(dead_units(network, [torch.rand(4, 1, 16, 16)])) == layers


def test_the_network_is_left_as_it_was() -> None:
    network, image = killed("relu"), IMAGES[0]
    before: Tensor = network(image)
    dead_units(network, IMAGES)
    assert torch.equal(network(image), before)
    assert not network.activation._forward_hooks


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no module `activation`"):
        dead_units(nn.Linear(1, 1), IMAGES)
    with pytest.raises(ValueError, match="on at least one image"):
        dead_units(SRCNN(), [])
