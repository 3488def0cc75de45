"""Most apparent distortion (MAD)."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, check_choice, check_least_size, checked_pair
from replication.metrics.chunks import in_chunks, planes_at_a_time, strips
from replication.metrics.moments import BLOCK, BlockStatistics, block_statistics
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
    check_least_size(reference, LEAST_SIZE, "MAD")
    with torch.autocast(reference.device.type, enabled=False):
        return in_chunks(functools.partial(_distortion, variant=variant, scale=255 / data_range), reference, distorted)


def visible_error(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None
) -> Tensor:
    """Map of the visible error, the first of MAD's two stages: (N, C, rows, columns), at least 0.

    One value for each block of 16 x 16 pixels, one block every four pixels from the upper left corner: 200 times the
    visibility of the error times its mean square, of images in [0, 255]; `mad` takes the root mean square over blocks.
    In the variant "paper". Arguments and errors as for `mad`.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    check_least_size(reference, LEAST_SIZE, "MAD")
    with torch.autocast(reference.device.type, enabled=False):
        return _detected(reference, distorted, "paper", 255 / data_range)


def _distortion(x: Tensor, y: Tensor, variant: Variant, scale: float) -> Tensor:
    """MAD of images (N, C, H, W) in [0, 255 / scale]."""
    detected = _root_mean_square(_detected(x, y, variant, scale))
    changed = _root_mean_square(_changed(x, y, variant, scale))
    share = 1 / (1 + math.exp(-2.55 / 3.35) * detected ** (1 / (3.35 * math.log(10))))
    return (detected**share * changed ** (1 - share)).mean(dim=1)


def _detected(x: Tensor, y: Tensor, variant: Variant, scale: float) -> Tensor:
    """Visibility of the error times its mean square, times 200, of every block (N, C, rows, columns)."""
    sensitivity = contrast_sensitivity(x.shape[-2], x.shape[-1], variant).to(x)
    perceived = [_perceived_blocks(a, b, sensitivity, scale) for a, b in _channels(x, y)]
    mean, deviation, deviation_of_error, mean_square_error = (
        torch.cat(blocks, dim=1) for blocks in zip(*perceived, strict=True)
    )
    mean, deviation, deviation_of_error = (_placed(blocks, variant) for blocks in (mean, deviation, deviation_of_error))
    masking = -F.max_pool2d(-deviation, 2, stride=1, padding=1)[..., :-1, :-1] / 2
    contrast, contrast_of_error = (z / mean.clamp(min=_DARK) for z in (masking, deviation_of_error))
    visibility = (contrast_of_error.log() - contrast.log().clamp(min=_VISIBLE)).clamp(min=0)
    visibility = torch.where(mean < _DARK, 0.0, visibility)
    return 200 * visibility * mean_square_error


def _perceived_blocks(x: Tensor, y: Tensor, sensitivity: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and deviation of the perceived reference, deviation of the perceived error, mean squared error, by block."""

    def seen(luminance: Tensor) -> BlockStatistics:
        return block_statistics(_filtered(torch.fft.fft2(luminance), sensitivity).real)

    x, y = scale * x, scale * y
    perceived_x, perceived_y = (0.02874 * image ** (2.2 / 3) for image in (x, y))
    reference, error = seen(perceived_x), seen(perceived_y - perceived_x)
    return reference.mean, reference.deviation, error.deviation, block_statistics((x - y).square()).mean


def _changed(x: Tensor, y: Tensor, variant: Variant, scale: float) -> Tensor:
    """Weighted differences of the statistics of log-Gabor responses, of every block (N, C, rows, columns)."""
    radial: Callable[[int], Tensor] = functools.partial(
        radial_filter, x.shape[-2], x.shape[-1], variant=variant, like=x
    )
    if planes_at_a_time(x) >= x.shape[1]:  # else the five take as much memory as the images
        radial = functools.cache(radial)
    return _placed(torch.cat([_response_blocks(a, b, radial, variant, scale) for a, b in _channels(x, y)], 1), variant)


def _response_blocks(x: Tensor, y: Tensor, radial: Callable[[int], Tensor], variant: Variant, scale: float) -> Tensor:
    """Weighted differences of the statistics of the responses of some channels, in the order of the blocks."""
    # The filters do not see the mean; without it rounding errors are smaller, and none on flat images.
    centred = (scale * image - (scale * image).mean(-1, keepdim=True).mean(-2, keepdim=True) for image in (x, y))
    spectra = [torch.fft.fft2(image) for image in centred]
    change = torch.zeros((), dtype=x.dtype, device=x.device)
    for orientation in range(_ORIENTATIONS):
        angular = angular_filter(x.shape[-2], x.shape[-1], orientation, like=x)
        for number in range(_SCALES):
            response = radial(number) * angular
            a, b = (block_statistics(_filtered(spectrum, response).abs()) for spectrum in spectra)
            weight = _WEIGHTS[orientation if variant == "port" else number] / sum(_WEIGHTS)
            change = change + weight * (
                (a.deviation - b.deviation).abs()
                + 2 * (a.skewness - b.skewness).abs()
                + (a.kurtosis - b.kurtosis).abs()
            )
    return change


def _filtered(spectrum: Tensor, gain: Tensor) -> Tensor:
    """The image, complex, of a spectrum times the real gain of each frequency.

    A product of a complex and a real tensor would first make the real one complex, a copy of twice its size.
    """
    product = torch.view_as_real(spectrum) * gain[..., None]
    image: Tensor = torch.fft.ifft2(torch.view_as_complex(product))
    return image


def _channels(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The channels of both images, all at once, or one after the other where images are large."""
    together = planes_at_a_time(x)
    yield from zip(torch.split(x, together, dim=1), torch.split(y, together, dim=1), strict=True)


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


def radial_filter(height: int, width: int, scale: int, *, variant: Variant = "paper", like: Tensor) -> Tensor:
    """Gain of each frequency at scale 0 (the finest) to 4: (height, width), in the order of `fft2`.

        exp(-(ln(r) - ln(2 / 3^(scale + 1)))^2 / (2 ln(.55)^2)),  0 for r = 0;  r = 1 is the highest frequency across

    Computed in float64, returned in the type and on the device of `like`.
    """
    centre = math.log(2 / 3 ** (scale + 1))

    def ring(rows: slice) -> Tensor:
        radius = torch.hypot(*_frequencies(height, width, rows))
        if rows.start == 0:
            radius[0, 0] = 1.0
            if variant == "port":
                radius[1, 1] = 1.0  # meant for the zero frequency, where the logarithm is infinite
        gain = torch.exp(-((torch.log(radius) - centre) ** 2) / (2 * math.log(0.55) ** 2))
        if rows.start == 0:
            gain[0, 0] = 0.0
        return gain

    return _by_strips(height, width, ring, like)


def angular_filter(height: int, width: int, orientation: int, *, like: Tensor) -> Tensor:
    """Gain of each frequency for orientation 0 to 3 (0, 45, 90, 135 degrees): (height, width), as `radial_filter`.

    exp(-d^2 / (2 (pi / 6)^2)),  d the difference of the two angles, in [-pi, pi]
    """
    spread = math.pi / _ORIENTATIONS / 1.5

    def wedge(rows: slice) -> Tensor:
        down, across = _frequencies(height, width, rows)
        angle = torch.atan2(-down, across)
        difference = torch.remainder(angle - orientation * math.pi / _ORIENTATIONS + math.pi, 2 * math.pi) - math.pi
        return torch.exp(-(difference**2) / (2 * spread**2))

    return _by_strips(height, width, wedge, like)


def _frequencies(height: int, width: int, rows: slice) -> tuple[Tensor, Tensor]:
    """Frequency down and across, 1 the highest, for these rows of a spectrum; (rows, 1) and (1, width), float64."""
    down, across = (2 * torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    return down[rows, None], across[None, :]


def _by_strips(height: int, width: int, values: Callable[[slice], Tensor], like: Tensor) -> Tensor:
    """The values of all rows, (height, width), a strip of rows at a time."""
    whole = like.new_empty(height, width)
    for rows in strips(height, width):
        whole[rows] = values(rows).to(like)
    return whole


def _placed(blocks: Tensor, variant: Variant) -> Tensor:
    """Blocks (N, C, rows, columns) where the variant has them: the port interleaves channels."""
    if variant == "paper":
        return blocks
    return blocks.flatten(2).mT.reshape(blocks.shape)


def _root_mean_square(blocks: Tensor) -> Tensor:
    return blocks.square().mean(-1).mean(-1).sqrt()
