"""Most apparent distortion (MAD)."""

import functools
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, check_choice, checked_pair
from replication.metrics.chunks import in_chunks
from replication.metrics.moments import BLOCK, block_statistics
from replication.metrics.registry import metric

Variant = Literal["port", "paper"]

LEAST_SIZE = BLOCK

_SCALES, _ORIENTATIONS = 5, 4
_WEIGHTS = (0.5, 0.75, 1.0, 5.0, 6.0)  # of the scales, finest first
_VISIBLE = -5.0  # log contrast below which nothing is seen or masks
_DARK = 0.5  # mean perceived luminance below which nothing is seen


@metric("mad", higher_is_better=False)
@torch.no_grad()
def mad(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    variant: Variant = "port",
    validate: Validate = None,
) -> Tensor:
    """MAD of each image, shape (N,), 0 for identical images; lower is better.

        MAD = D^a A^(1 - a),  a = 1 / (1 + exp(-2.55 / 3.35) D^(1 / (3.35 ln 10)))

    of what can be detected (D) and how appearance has changed (A), each a root mean square over blocks of 16 x 16
    pixels, one every four (Larson, Chandler 2010):

        D = 200 rms(mean squared error * max(0, log contrast of the error - max(log contrast of the reference, -5)))

    with contrasts, deviation / mean, of the perceived luminance .02874 I^(2.2 / 3) behind a contrast sensitivity filter
    (that of the reference: half the least deviation of the block and those before it), and none where that mean is
    under 0.5; and

        A = rms(sum of w (|difference of deviations| + 2 |of skewnesses| + |of kurtoses|)) / 13.25

    of the magnitudes of log-Gabor responses at five scales (3 to 243 pixels) and four orientations.

    With channels, the score is the mean of theirs. `create("mad")` takes RGB as it is, since the values that can be
    compared with are pyiqa's of RGB; the authors took 8-bit grey (colour="gray", eight_bit=True), on which two of the
    three sample pairs, changed in colour only, score 0.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 16 x 16 at least; computed in float32 (float64 if
        given), whatever the autocast. No loss: the score has no gradient, which would not be finite everywhere.
    variant: "port" has the values of pyiqa, to seven digits where sides are even; the authors' program is no longer
        distributed. It departs from that program in four ways, which "paper" does not: the weights w of the five
        scales, (.5, .75, 1, 5, 6), are given to the four orientations, in order; the sensitivity filter of an image
        that is not square is read with the wrong row length; one low frequency is taken for a high one in the
        log-Gabor filters; and the block statistics of several channels are interleaved, so that the squared error of
        a block meets the contrast of another. On the sample pairs they raise the score by 27, 3 and 1 %.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    check_choice("variant", variant, ("port", "paper"))
    _check_size(reference)
    with torch.autocast(reference.device.type, enabled=False):
        x, y = (255 / data_range * image for image in (reference, distorted))
        return in_chunks(functools.partial(_distortion, variant=variant), x, y)


def visible_error(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None
) -> Tensor:
    """Where the error can be seen, by the first of MAD's two stages: (N, C, rows, columns), at least 0.

    One value for each block of 16 x 16 pixels, one block every four pixels from the upper left corner: 200 times the
    visibility of the error times its mean square, of images in [0, 255]; `mad` takes the root mean square over blocks.
    In the variant "paper". Arguments and errors as for `mad`.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    _check_size(reference)
    with torch.autocast(reference.device.type, enabled=False):
        return _detected(255 / data_range * reference, 255 / data_range * distorted, "paper")


def _check_size(image: Tensor) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < LEAST_SIZE:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for MAD: "
            f"the least size is {LEAST_SIZE} x {LEAST_SIZE}"
        )


def _distortion(x: Tensor, y: Tensor, variant: Variant) -> Tensor:
    """MAD of images (N, C, H, W) in [0, 255]."""
    detected, changed = _root_mean_square(_detected(x, y, variant)), _root_mean_square(_changed(x, y, variant))
    share = 1 / (1 + math.exp(-2.55 / 3.35) * detected ** (1 / (3.35 * math.log(10))))
    return (detected**share * changed ** (1 - share)).mean(dim=1)


def _detected(x: Tensor, y: Tensor, variant: Variant) -> Tensor:
    """Visibility of the error times its mean square, times 200, of every block."""
    perceived_x, perceived_y = (0.02874 * image ** (2.2 / 3) for image in (x, y))
    sensitivity = contrast_sensitivity(x.shape[-2], x.shape[-1], variant).to(x)
    seen, error = (
        torch.fft.ifft2(torch.fft.fft2(image) * sensitivity).real for image in (perceived_x, perceived_y - perceived_x)
    )
    statistics = block_statistics(seen)
    mean, deviation, deviation_of_error = (
        _placed(blocks, variant)
        for blocks in (statistics.mean, statistics.deviation, block_statistics(error).deviation)
    )
    masking = -F.max_pool2d(-deviation, 2, stride=1, padding=1)[..., :-1, :-1] / 2
    contrast, contrast_of_error = (z / mean.clamp(min=_DARK) for z in (masking, deviation_of_error))
    visibility = (contrast_of_error.log() - contrast.log().clamp(min=_VISIBLE)).clamp(min=0)
    visibility = torch.where(mean < _DARK, 0.0, visibility)
    mean_square_error = block_statistics((x - y).square()).mean
    return 200 * visibility * mean_square_error


def _changed(x: Tensor, y: Tensor, variant: Variant) -> Tensor:
    """Weighted differences of the statistics of log-Gabor responses, of every block."""
    height, width = x.shape[-2:]
    radial, angular = (filters.to(x) for filters in log_gabor_filters(height, width, variant))
    # The filters do not see the mean; without it rounding errors are smaller, and none on flat images.
    spectra = [torch.fft.fft2(image - image.mean(-1, keepdim=True).mean(-2, keepdim=True)) for image in (x, y)]
    change = torch.zeros((), dtype=x.dtype, device=x.device)
    for orientation in range(_ORIENTATIONS):
        for scale in range(_SCALES):
            response = radial[scale] * angular[orientation]
            a, b = (block_statistics(torch.fft.ifft2(spectrum * response).abs()) for spectrum in spectra)
            weight = _WEIGHTS[orientation if variant == "port" else scale] / sum(_WEIGHTS)
            change = change + weight * (
                (a.deviation - b.deviation).abs()
                + 2 * (a.skewness - b.skewness).abs()
                + (a.kurtosis - b.kurtosis).abs()
            )
    return _placed(change, variant)


def contrast_sensitivity(height: int, width: int, variant: Variant = "paper") -> Tensor:
    """Gain of each frequency, (height, width) in the order of `fft2`, float64.

        2.6 (.0192 + .114 f) exp(-(.114 f)^1.1),  and .9809 below the peak at f = 7.8909 cycles per degree

    with f raised on the diagonals, and 32 cycles per degree the highest frequency across. As in the authors' program, a
    frequency down counts in units of the width too, and the grid lies half a step beside zero where a side is even.
    """
    down, across = (
        (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * (64 / width) for side in (height, width)
    )
    frequency, angle = torch.hypot(down[:, None], across), torch.atan2(down[:, None], across)
    frequency = frequency / (0.15 * torch.cos(4 * angle) + 0.85)
    gain = 2.6 * (0.0192 + 0.114 * frequency) * torch.exp(-((0.114 * frequency) ** 1.1))
    gain = torch.where(frequency < 7.8909, 0.9809, gain)
    if variant == "port":
        gain = gain.T.reshape(height, width)
    shifted: Tensor = torch.fft.ifftshift(gain)
    return shifted


def log_gabor_filters(height: int, width: int, variant: Variant = "paper") -> tuple[Tensor, Tensor]:
    """Radial factors (5, height, width) and angular ones (4, height, width), in the order of `fft2`, float64."""
    down, across = (2 * torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    radius, angle = torch.hypot(down[:, None], across), torch.atan2(-down[:, None], across)
    radius[0, 0] = 1.0
    if variant == "port":
        radius[1, 1] = 1.0  # meant for the zero frequency, where the logarithm is infinite
    octaves = torch.log(radius)
    centres = [math.log(2 / 3 ** (scale + 1)) for scale in range(_SCALES)]
    radial = torch.stack([torch.exp(-((octaves - centre) ** 2) / (2 * math.log(0.55) ** 2)) for centre in centres])
    radial[:, 0, 0] = 0.0
    spread = math.pi / _ORIENTATIONS / 1.5
    apart = [
        torch.remainder(angle - orientation * math.pi / _ORIENTATIONS + math.pi, 2 * math.pi) - math.pi
        for orientation in range(_ORIENTATIONS)
    ]
    return radial, torch.stack([torch.exp(-(distance**2) / (2 * spread**2)) for distance in apart])


def _placed(blocks: Tensor, variant: Variant) -> Tensor:
    """Blocks (N, C, rows, columns) where the variant has them: the port interleaves channels."""
    if variant == "paper":
        return blocks
    return blocks.flatten(2).mT.reshape(blocks.shape)


def _root_mean_square(blocks: Tensor) -> Tensor:
    return blocks.square().mean(-1).mean(-1).sqrt()
