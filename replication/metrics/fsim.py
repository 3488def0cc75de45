"""Feature similarity (FSIM), with colour (FSIMc)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from replication.metrics.blocks import block_means
from replication.metrics.checks import Validate, checked_pair
from replication.metrics.libraries import piq
from replication.metrics.registry import metric
from replication.metrics.roots import square_root

LEAST_SIZE = 16


@metric("fsim", higher_is_better=True)
def fsim(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    chromatic: bool = True,
    validate: Validate = None,
) -> Tensor:
    """FSIMc of each image, shape (N,), in [0, 1]; higher is better, 1 for identical images.

        FSIMc = sum of p S_p S_g (S_i S_q)^.03 / sum of p,   S = (2 a b + T) / (a^2 + b^2 + T)

    with S_p, S_g, S_i, S_q for phase congruency (T = .85), Scharr gradient (160) and the colour planes I and Q (200) of
    images in [0, 255], and p the greater phase congruency of a pixel (Zhang, Zhang, Mou, Zhang 2011). Images are
    first reduced by round(min side / 256) with block means.

    piq's implementation, which agrees with the authors' MATLAB code to the four printed digits, except where a colour
    is inverted (S_i S_q negative): it takes the absolute value, and they the real part of the complex power, .9956 of
    it. That concerns three images of TID2013, of the strongest change of saturation. The reduction is our own, as in
    MATLAB (zeros beyond the border, blocks centred, halves rounded up): piq's leaves out the last row of odd sides, and
    places the blocks elsewhere for sides of 640 pixels and more.

    reference, distorted: (N, C, H, W) floats in [0, data_range], one channel or RGB, 16 x 16 at least; computed in
        float32 (float64 if given), whatever the autocast. One channel has FSIM: the same without S_i and S_q.
    chromatic: False for FSIM of RGB too, on luminance (Y of YIQ, not rounded).
    validate: whether values are checked, see `checks.checked_pair`.
    Differentiable, with finite gradients. The threshold below which responses count as noise follows from the median of
    a map: the part of the gradient that passes through it falls on one pixel, and where float32 rounds to another than
    float64, the gradients differ, by up to a half of their norm.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    channels, height, width = reference.shape[1:]
    if channels not in (1, 3):
        raise ValueError(f"reference and distorted have {channels} channels; FSIM is for one channel or RGB")
    if min(height, width) < LEAST_SIZE:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for FSIM: "
            f"the least size is {LEAST_SIZE} x {LEAST_SIZE}"
        )
    factor = max(1, math.floor(min(height, width) / 256 + 0.5))  # leaves fewer than 384 pixels: piq reduces no more
    with torch.autocast(reference.device.type, enabled=False):
        x, y = ((block_means(image, factor) / data_range).clamp(max=1) for image in (reference, distorted))
        options = {"data_range": 1.0, "chromatic": chromatic and channels == 3, "reduction": "none"}
        # One by one: 64 maps of each image are held at once, and a batch is not faster.
        score = piq().fsim
        with _DifferentiableRoots():
            scores = [score(y[i : i + 1], x[i : i + 1], **options) for i in range(len(x))]
        return torch.cat(scores) if scores else x.new_zeros(0)


class _DifferentiableRoots(TorchFunctionMode):
    """Within it torch.sqrt has derivative zero at zero, so that piq's gradient is finite where nothing responds."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return (square_root if function is torch.sqrt else function)(*args, **(kwargs or {}))
