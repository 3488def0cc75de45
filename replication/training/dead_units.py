"""Units of a network that no longer contribute: their output is the same everywhere, on every image."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def dead_units(network: nn.Module, images: Iterable[Tensor]) -> list[int]:
    """The number of dead units after each activation of `network`, in the order in which they are computed.

    A unit is a channel (N, C, H, W), or a component (N, C). It is dead if its activation has a single value over all
    positions of all `images`: after a ReLU that is 0, and no gradient reaches the unit's weights. A leaky ReLU leaves
    different values below 0, so a unit that is merely negative everywhere is not dead.

    network: called with each of the images, tensors (N, C, H, W) of any sizes; its activations are those of its module
        `activation`, as in the networks of `replication.models`. ValueError without such a module, or without images.
    """
    activation = getattr(network, "activation", None)
    if not isinstance(activation, nn.Module):
        raise ValueError(f"{type(network).__name__} has no module `activation` whose units could be counted")
    lowest: list[Tensor] = []
    highest: list[Tensor] = []
    layer = 0

    def watch(_: nn.Module, __: object, output: Tensor) -> None:
        nonlocal layer
        values = output.transpose(0, 1).flatten(1)
        low, high = values.amin(dim=1), values.amax(dim=1)
        if layer == len(lowest):
            lowest.append(low)
            highest.append(high)
        lowest[layer], highest[layer] = torch.minimum(lowest[layer], low), torch.maximum(highest[layer], high)
        layer += 1

    handle = activation.register_forward_hook(watch)
    try:
        with torch.inference_mode():
            for image in images:
                layer = 0
                network(image)
    finally:
        handle.remove()
    if not lowest:
        raise ValueError("dead units can be counted on at least one image only")
    return [int((low == high).sum()) for low, high in zip(lowest, highest, strict=True)]
