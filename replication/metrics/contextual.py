"""Contextual similarity and loss (Mechrez, Talmi, Shama, Zelnik-Manor, ACCV 2018), plain and with weighted channels.

It compares two sets of feature vectors and not two grids of them: the position of a vector in the map does not matter.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from replication.features import Backbone, imagenet_normalised
from replication.metrics.checks import check_choice, check_layout

Variant = Literal["paper", "released"]

_PAIRS = 2**24  # distances worked on at a time, 64 MiB in float32: a bound on memory, a few times this
_LEAST_NORM = 1e-12  # a vector shorter than this has no direction: it is at distance 1 (1/2) from everything


def contextual_similarity(
    target: Tensor,
    output: Tensor,
    *,
    weights: Tensor | None = None,
    bandwidth: float = 0.5,
    epsilon: float = 1e-5,
    variant: Variant = "paper",
    pairs: int = _PAIRS,
) -> Tensor:
    """Contextual similarity of each pair of feature maps, shape (N,), in (0, 1]; 1: every target vector has its match.

    With y_j the Q vectors of the target, x_i the P vectors of the output, their channels multiplied by the weights w,
    and m the mean of the y_j:

        d_ij = 1 - cos(x_i - m, y_j - m)                  distance
        r_ij = d_ij / (min_k d_ik + epsilon)              relative to the nearest target of output vector i
        A_ij = exp((1 - r_ij) / h) / sum_k exp((1 - r_ik) / h)    affinity, normalised over the targets of i
        CX   = 1/Q sum_j max_i A_ij                       the best output vector of each target, averaged over targets

    (A is what equations 2 to 4 of the paper call so: their exp(1 - r / h) differs by a factor that the normalisation
    cancels.) Row i is a softmax of -r / h, and is computed as one.

    target: (N, C, H, W); output: (N, C, H', W'), floating-point, on one device; the maps may differ in size.
    weights: (C,) at least 0, not all 0; None weights all channels alike. Only their ratios matter, as the cosine has no
        scale. They multiply the features, so inner products count channel c by w_c^2; with w.sqrt(), by w_c.
    bandwidth: h > 0, 0.5 as in the authors' code. Small: only the nearest vectors count.
    variant: "paper", or "released", whose distances are half of these, so that epsilon counts twice. (The released code
        also takes one mean for a whole batch; here each image has its own, so that no score depends on its batch.)
    pairs: distances held at a time, a bound on memory. Rows are independent of each other, so a smaller number changes
        nothing but time: with a gradient, each part is computed a second time on the way back.

    Computed in float32 at least, whatever the autocast; differentiable in both maps. A vector equal to the mean has no
    direction and cosine 0 to all.
    Raises ValueError naming what was wrong.
    """
    _check(target, output, weights, bandwidth, epsilon, variant, pairs)
    precision = torch.promote_types(torch.promote_types(target.dtype, output.dtype), torch.float32)
    with torch.autocast(target.device.type, enabled=False):
        y, x = target.to(precision).flatten(2), output.to(precision).flatten(2)
        mean = y.mean(dim=2, keepdim=True)
        y, x = y - mean, x - mean
        if weights is not None:
            scale = (weights / weights.max()).to(x.device, precision)[:, None]
            y, x = y * scale, x * scale
        y, x = (F.normalize(v, dim=1, eps=_LEAST_NORM) for v in (y, x))
        half = 0.5 if variant == "released" else 1.0

        def best(part: Tensor, y: Tensor) -> Tensor:
            """max_i A_ij over the rows of a part of x, (N, Q)."""
            distance = half * (1 - part.transpose(1, 2) @ y).clamp_min(0)  # rounding can make it negative
            nearest = distance.amin(dim=2, keepdim=True)
            return torch.softmax(distance / ((nearest + epsilon) * -bandwidth), dim=2).amax(dim=1)

        rows = max(1, pairs // (y.shape[0] * y.shape[2] or 1))
        if rows >= x.shape[2]:
            return best(x, y).mean(dim=1)
        parts = [checkpoint(best, part, y, use_reentrant=False) for part in torch.split(x, rows, dim=2)]
        return torch.stack(parts).amax(dim=0).mean(dim=1)


class PerceptualContextualLoss(nn.Module):
    """alpha * L2 + (1 - alpha) * contextual loss: equation 9 of Tariq et al. (ECCV 2020), batch mean.

    L2 is the mean squared error of the pixels, which are in [0, 1]. The contextual loss is -log CX, see
    `contextual_similarity`, of the maps of one layer, their channels weighted alike or by `weights`.

    Called with (output, target), images (N, 3, H, W) or (N, 1, H, W) in [0, 1]. Of one channel the network is shown the
    grey picture, R = G = B. Values are not checked: a network's output may leave the range.
    alpha: from 0 to 1; at 1 the features are not computed.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        alpha: float,
        tap: str = "relu2_2",
        weights: Tensor | None = None,
        bandwidth: float = 0.5,
        epsilon: float = 1e-5,
        variant: Variant = "paper",
    ) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
        if tap not in backbone.taps:
            raise ValueError(f"{backbone.name} has no tap {tap}; it has {', '.join(backbone.taps)}")
        if weights is not None:
            _check_weights(weights, backbone.channels[tap])
        self.backbone, self.alpha, self.tap = backbone, alpha, tap
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.bandwidth, self.epsilon, self.variant = bandwidth, epsilon, variant

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        squares = F.mse_loss(output, target)
        if self.alpha == 1:
            return squares
        return self.alpha * squares + (1 - self.alpha) * self.contextual(output, target)

    def contextual(self, output: Tensor, target: Tensor) -> Tensor:
        """The contextual loss alone, batch mean."""
        similarity = contextual_similarity(
            self._features(target),
            self._features(output),
            weights=self.weights,
            bandwidth=self.bandwidth,
            epsilon=self.epsilon,
            variant=self.variant,
        )
        return -similarity.log().mean()

    def _features(self, image: Tensor) -> Tensor:
        maps: dict[str, Tensor] = self.backbone(imagenet_normalised(image.expand(-1, 3, -1, -1)), [self.tap])
        return maps[self.tap]


def _check(
    target: Tensor, output: Tensor, weights: Tensor | None, bandwidth: float, epsilon: float, variant: str, pairs: int
) -> None:
    check_layout("target", target)
    check_layout("output", output)
    if target.shape[:2] != output.shape[:2]:
        raise ValueError(
            "target and output must be as many maps of as many channels, "
            f"got {tuple(target.shape)} and {tuple(output.shape)}"
        )
    if target.device != output.device:
        raise ValueError(f"target and output must be on one device, got {target.device} and {output.device}")
    if weights is not None:
        _check_weights(weights, target.shape[1])
    if not bandwidth > 0 or not epsilon > 0:
        raise ValueError(f"bandwidth and epsilon must be positive, got {bandwidth} and {epsilon}")
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, got {pairs}")
    check_choice("variant", variant, ("paper", "released"))


def _check_weights(weights: Tensor, channels: int) -> None:
    if weights.shape != (channels,) or not weights.is_floating_point():
        raise ValueError(
            f"weights must be {channels} floating-point numbers, one for each channel, "
            f"got {weights.dtype} of shape {tuple(weights.shape)}"
        )
    if weights.device.type == "cpu" and not (
        bool(torch.isfinite(weights).all()) and bool((weights >= 0).all()) and bool((weights > 0).any())
    ):
        raise ValueError("weights must be finite, at least 0 and not all 0")
