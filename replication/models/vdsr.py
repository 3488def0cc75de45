"""VDSR (Kim, Lee & Lee, CVPR 2016): super-resolution of a bicubically enlarged image by a deep residual network."""

import itertools

import torch
from torch import Tensor, nn


class VDSR(nn.Module):
    """y = x + f(x), f being `depth` convolutions 3 x 3 of `width` filters with ReLU between them; by default 20 and 64.

    Takes and returns luminance (N, 1, H, W) in [0, 1]. Convolutions are padded with zeros, as in the original, so that
    the size stays; pixels near the border see the zeros. 664,704 weights and 1,217 biases by default.

    Weights start from He's normal distribution, as in the original, and biases from zero. The last layer starts at a
    tenth of that, so that the first outputs are close to the bicubic enlargement.
    """

    def __init__(self, depth: int = 20, width: int = 64, channels: int = 1) -> None:
        super().__init__()
        if depth < 2 or width < 1 or channels < 1:
            raise ValueError(
                "VDSR needs a depth of at least 2 and a width and channels of at least 1, "
                f"got {depth}, {width}, {channels}"
            )
        widths = [channels, *[width] * (depth - 1), channels]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.activation = nn.ReLU()
        for number, layer in enumerate(self.layers, start=1):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            if number == depth:
                with torch.no_grad():
                    layer.weight.mul_(0.1)

    def forward(self, image: Tensor) -> Tensor:
        *hidden, last = self.layers
        x = image
        for layer in hidden:
            x = self.activation(layer(x))
        # In bfloat16, numbers about 1/2 are as coarse as 8-bit levels: the image is added in float32 at least.
        residual: Tensor = last(x)
        return image + residual.to(torch.promote_types(residual.dtype, torch.float32))

    def enlarge(self, image: Tensor) -> Tensor:
        """The network on a whole image (N, C, H, W), same size out."""
        result: Tensor = self(image)
        return result
