"""Convolutional autoencoders: plain (AE), variational (VAE), and with codes pulled to a normal distribution (MMD)."""

import itertools
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

Kind = Literal["ae", "vae", "mmd_ae"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_REDUCTION = 16  # four convolutions of stride two


class Coded(NamedTuple):
    """A batch's codes: `mean` (N, bottleneck) and, from a VAE, the logarithms of their variances; None otherwise."""

    mean: Tensor
    log_variance: Tensor | None


class Autoencoder(nn.Module):
    """Four 4 x 4 convolutions of stride 2 and a linear layer to the bottleneck; the same backwards, then a sigmoid.

    Takes and returns images (N, channels, size, size) in [0, 1]. The papers neither draw nor name layers: number,
    widths and kernels are ours. There is no normalisation between layers, so that an image's code does not depend on
    its batch.

    kind: "ae"; "vae", whose encoder gives a mean and a variance for each unit of the bottleneck; "mmd_ae", a network
        like "ae" (what differs is its training).
    size: of the image, a multiple of 16: 64 for CelebA, 96 for STL-10, 48 for Yale B. channels: 3, or 1 for grey.
    bottleneck: units. width: filters of the first layer, doubled from layer to layer.

    Parameters with a width of 32 and a bottleneck of 64: 1,908,483 for 64 x 64 RGB (a VAE: 2,170,691), 2,566,913 for
    96 x 96 grey, 1,675,265 for 48 x 48 grey.
    """

    def __init__(
        self, kind: Kind = "ae", *, size: int = 64, channels: int = 3, bottleneck: int = 64, width: int = 32
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown kind of autoencoder {kind!r}; known: {', '.join(KINDS)}")
        if size < _REDUCTION or size % _REDUCTION:
            raise ValueError(f"size must be a multiple of {_REDUCTION}, got {size}")
        if min(channels, bottleneck, width) < 1:
            raise ValueError(
                f"channels, bottleneck and width must be positive, got {channels}, {bottleneck} and {width}"
            )
        self.kind, self.size, self.channels, self.bottleneck = kind, size, channels, bottleneck
        widths = [channels, width, 2 * width, 4 * width, 8 * width]
        self.grid = (widths[-1], size // _REDUCTION, size // _REDUCTION)
        units = widths[-1] * (size // _REDUCTION) ** 2
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(widths))
        self.to_code = nn.Linear(units, bottleneck * (2 if kind == "vae" else 1))
        self.from_code = nn.Linear(bottleneck, units)
        self.activation = nn.LeakyReLU(0.2)  # leaky, so that a unit which is negative everywhere still learns
        back = widths[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(back))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                # Each output of a transposed convolution of stride 2 meets a quarter of the 16 taps.
                spread = 4 if isinstance(layer, nn.ConvTranspose2d) else 1
                inputs = (
                    layer.weight[0].numel() if not isinstance(layer, nn.ConvTranspose2d) else 16 * len(layer.weight)
                )
                nn.init.normal_(layer.weight, std=(2 * spread / inputs) ** 0.5)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
        with torch.no_grad():  # start from flat grey images, and a VAE's logarithms of variances near 0
            self.up[-1].weight.mul_(0.1)  # type: ignore[operator]
            self.to_code.weight.mul_(0.5)

    def encode(self, image: Tensor) -> Coded:
        """Return the codes of images (N, channels, size, size); ValueError for another shape."""
        expected = (self.channels, self.size, self.size)
        if image.ndim != 4 or tuple(image.shape[1:]) != expected:
            raise ValueError(f"images must have shape (N, {', '.join(map(str, expected))}), got {tuple(image.shape)}")
        hidden = image - 0.5
        for layer in self.down:
            hidden = self.activation(layer(hidden))
        code = self.to_code(hidden.flatten(1))
        if self.kind != "vae":
            return Coded(code, None)
        mean, log_variance = code.chunk(2, dim=1)
        return Coded(mean, log_variance.clamp(-20, 20))  # exp stays finite

    def decode(self, code: Tensor) -> Tensor:
        """Return the images (N, channels, size, size), in (0, 1), of codes (N, bottleneck)."""
        hidden = self.activation(self.from_code(code)).view(-1, *self.grid)
        *inner, last = self.up
        for layer in inner:
            hidden = self.activation(layer(hidden))
        return torch.sigmoid(last(hidden).float())

    def forward(self, image: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Coded]:
        """Return reconstructions and codes. A VAE decodes mean + noise * deviation; without noise, the mean."""
        coded = self.encode(image)
        code = coded.mean
        if noise is not None and coded.log_variance is not None:
            code = code + noise * torch.exp(0.5 * coded.log_variance)
        return self.decode(code), coded


def kl_divergence(coded: Coded) -> Tensor:
    """Kullback-Leibler divergence of a VAE's codes from the standard normal distribution, in nats, batch mean.

    KL = 1/2 sum over units of  mean^2 + variance - 1 - log variance  (Kingma and Welling 2013)
    """
    if coded.log_variance is None:
        raise ValueError("these codes have no variance: the divergence is for a VAE")
    terms = coded.mean.square() + coded.log_variance.exp() - 1 - coded.log_variance
    return 0.5 * terms.sum(dim=1).mean()


def mmd(codes: Tensor, drawn: Tensor, scale: float | None = None) -> Tensor:
    """Squared maximum mean discrepancy of two samples (n, d) each, unbiased, so that it can be negative.

        MMD^2 = 1/(n (n-1)) sum_{i != j} [k(a_i, a_j) + k(b_i, b_j)] - 2/n^2 sum_ij k(a_i, b_j)

    with the inverse multiquadric kernel k(a, b) = s / (s + |a - b|^2), s = 2 d for samples of a standard normal
    distribution: the mean of |a - b|^2 (Tolstikhin, Bousquet, Gelly, Schoelkopf 2017, section 4).
    """
    if codes.shape != drawn.shape or codes.ndim != 2 or len(codes) < 2:
        raise ValueError(
            f"samples must be of one shape (n, d), n at least 2, got {tuple(codes.shape)} and {tuple(drawn.shape)}"
        )
    n, d = codes.shape
    s = 2.0 * d if scale is None else scale

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = a.square().sum(1)[:, None] + b.square().sum(1)[None, :] - 2 * a @ b.T
        return s / (s + squared.clamp(min=0))

    within = sum(kernel(x, x).sum() - n for x in (codes, drawn))  # k(x, x) = 1
    return within / (n * (n - 1)) - 2 * kernel(codes, drawn).mean()
