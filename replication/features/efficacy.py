"""Perceptual efficacy, how well a channel of a network responds as human vision does (Tariq et al., ECCV 2020).

scores = perceptual_efficacy(backbone("squeezenet1_1"))
channel_sets(scores["fire2"].pe)["H-10"]  # the channels with the highest tenth of scores

other = GratingProbe(backbone("squeezenet1_1")).efficacy(csf="barten")  # one probe serves several choices

The network is shown gratings. a_m(I) is the mean of channel m over space, and over the phases of the grating, as the
paper gives no phase. With gratings I_f of all orientations at once (rings) and I_t of one frequency, that of the CSF's
peak, and orientation t:

    mu1_m = sum over f of CSF(f) |d a_m(I_f) / d f|                    (2)
    mu2_m = sum over t of (a_m(I_t) - max over t of a_m(I_t))^2        (3, 4)
    PE_m  = mu1_m mu2_m / (sum over m of mu1_m  sum over m of mu2_m)   (5)

The derivative is numpy.gradient's on the grid of frequencies: central differences inside, one-sided at both ends. PE
is a product of two fractions of a layer's sums: scaling all its channels together changes nothing, scaling one channel
by c multiplies its mu1 by c and its mu2 by c^2.

A channel whose response is zero or constant has mu1 = mu2 = PE = 0; in a layer of such channels only, PE is 0 for all.
Constant means up to a millionth of its largest response, as float32 has seven digits: in first layers some channels are
linear in luminance, their mean over phases is constant, and without this rule rounding errors would rank them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from replication.features.backbones import Backbone, imagenet_normalised
from replication.features.csf import CSFS, peak, sensitivity
from replication.features.gratings import oriented_grating, radial_grating

Array = NDArray[np.float64]

# Of a channel's largest response: smaller differences count as none. Measured: rounding 2e-7, real ones from 8e-4.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Choices:
    """Parameters that the paper does not give. Raises ValueError for what cannot be drawn or measured.

    pixels_per_degree: of visual angle. 32 is that of LIVE's observers: 2 to 2.5 screen heights from 768 lines.
    csf: a name of `csf.CSFS`.
    frequencies: how many, evenly spaced from Nyquist/count up to Nyquist, half of pixels_per_degree.
    orientations: how many, evenly spaced over [0, pi).
    orientation_frequency: of the oriented gratings, in cycles per degree; the CSF's peak where it is None.
    phases: how many, evenly spaced over a cycle; with two or more, the mean of every pixel over them is `mean`.
    contrast: Michelson's. mean: grey value in [0, 1] around which gratings vary.
    size: side of the gratings in pixels. 224 covers the receptive field of VGG16 up to relu5_3 (196 pixels).
    batch: gratings in one pass; changes time and memory only.
    """

    pixels_per_degree: float = 32.0
    csf: str = "mannos-sakrison"
    frequencies: int = 32
    orientations: int = 16
    orientation_frequency: float | None = None
    phases: int = 4
    contrast: float = 0.5
    mean: float = 0.5
    size: int = 224
    batch: int = 8

    def __post_init__(self) -> None:
        if self.csf not in CSFS:
            raise ValueError(f"unknown contrast sensitivity function {self.csf!r}; known: {', '.join(CSFS)}")
        for name, least in (("frequencies", 3), ("orientations", 2), ("phases", 1), ("size", 1), ("batch", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
        if not (math.isfinite(self.pixels_per_degree) and self.pixels_per_degree > 0):
            raise ValueError(f"pixels_per_degree must be positive, got {self.pixels_per_degree!r}")
        if self.tested_frequency() > self.pixels_per_degree / 2:
            raise ValueError(
                f"oriented gratings of {self.tested_frequency():g} cycles per degree cannot be drawn at "
                f"{self.pixels_per_degree:g} pixels per degree; raise pixels_per_degree or set orientation_frequency "
                f"to at most {self.pixels_per_degree / 2:g}"
            )
        self.radial(self.pixels_per_degree / 2, 0.0)  # refuses contrasts and means that leave [0, 1]

    def grid(self) -> Array:
        """The frequencies in cycles per degree."""
        return np.arange(1, self.frequencies + 1) * self.pixels_per_degree / (2 * self.frequencies)

    def angles(self) -> Array:
        """The orientations in radians."""
        return np.arange(self.orientations) * math.pi / self.orientations

    def shifts(self) -> Array:
        """The phases in radians."""
        return np.arange(self.phases) * 2 * math.pi / self.phases

    def tested_frequency(self) -> float:
        """The frequency of the oriented gratings in cycles per degree."""
        return peak(self.csf) if self.orientation_frequency is None else self.orientation_frequency

    def radial(self, frequency: float, phase: float) -> Tensor:
        """The picture I_f."""
        return radial_grating(frequency, phase=phase, **self._drawn())

    def oriented(self, orientation: float, phase: float) -> Tensor:
        """The picture I_t."""
        return oriented_grating(self.tested_frequency(), orientation, phase=phase, **self._drawn())

    def gratings(self) -> dict[tuple[object, ...], Callable[[], Tensor]]:
        """All pictures, drawn when called: rings of every frequency, then bars of every orientation, phases running
        fastest; by all that the grey values depend on, so that a picture is known again under other choices.
        """
        look = (self.size, self.contrast, self.mean)
        rings = [("rings", _same(f / self.pixels_per_degree), 0.0, partial(self.radial, f)) for f in self.grid()]
        tested = _same(self.tested_frequency() / self.pixels_per_degree)
        bars = [("bars", tested, _same(angle), partial(self.oriented, angle)) for angle in self.angles()]
        return {
            (kind, frequency, angle, _same(phase), *look): partial(draw, phase)
            for kind, frequency, angle, draw in (*rings, *bars)
            for phase in self.shifts()
        }

    def _drawn(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("size", "pixels_per_degree", "contrast", "mean")}


@dataclass(frozen=True)
class ChannelScores:
    """Responses of the M channels of one tap to gratings, and their scores; float64 numpy.

    frequencies: (F,), cycles per degree. frequency_response: (M, F), mean activation a_m(I_f).
    orientations: (O,), radians. orientation_response: (M, O), mean activation a_m(I_t).
    mu1, mu2, pe: (M,), equations 2, 4 and 5, none negative.
    """

    tap: str
    frequencies: Array
    frequency_response: Array
    orientations: Array
    orientation_response: Array
    mu1: Array
    mu2: Array
    pe: Array

    @property
    def preferred_frequency(self) -> Array:
        """The frequency of each channel's largest response in cycles per degree, (M,); NaN where it is constant."""
        return _preferred(self.frequencies, self.frequency_response)

    @property
    def preferred_orientation(self) -> Array:
        """The orientation of each channel's largest response in radians, (M,); NaN where it is constant."""
        return _preferred(self.orientations, self.orientation_response)

    def with_csf(self, csf: str) -> "ChannelScores":
        """Scores of the same responses with another contrast sensitivity function."""
        return scores(
            self.tap, self.frequencies, self.frequency_response, self.orientations, self.orientation_response, csf
        )


class GratingProbe:
    """A network and the mean activations of its channels to gratings: each is shown once, however many choices need it.

    Choices share gratings in part: another number of phases, frequencies or orientations often draws some of the same,
    and another sensitivity function or other pixels per degree draw the same rings.

    backbone, taps: the network and the maps that are scored, all by default.
    normalise: from pictures in [0, 1] to what the network expects.
    """

    def __init__(
        self,
        backbone: Backbone,
        taps: Sequence[str] | None = None,
        *,
        normalise: Callable[[Tensor], Tensor] = imagenet_normalised,
    ) -> None:
        self.backbone, self.taps = backbone, tuple(backbone.taps if taps is None else taps)
        self._normalise = normalise
        self._known: dict[tuple[object, ...], dict[str, Array]] = {}

    def efficacy(
        self, *, progress: Callable[[int, int], None] | None = None, **choices: Any
    ) -> dict[str, ChannelScores]:
        """`perceptual_efficacy` of the network. progress counts the gratings that were not shown before."""
        chosen = choose(**choices)
        wanted = chosen.gratings()
        new = {grating: draw for grating, draw in wanted.items() if grating not in self._known}
        if new:
            found = mean_activations(
                self.backbone,
                (draw() for draw in new.values()),
                self.taps,
                normalise=self._normalise,
                batch=chosen.batch,
                step=_Counter(len(new), progress),
            )
            for number, grating in enumerate(new):
                self._known[grating] = {tap: found[tap][number] for tap in self.taps}
        rings = chosen.frequencies * chosen.phases
        scored = {}
        for tap in self.taps:
            shown = np.stack([self._known[grating][tap] for grating in wanted])
            by_frequency, by_angle = (_over_phases(part, chosen.phases) for part in (shown[:rings], shown[rings:]))
            scored[tap] = scores(tap, chosen.grid(), by_frequency, chosen.angles(), by_angle, chosen.csf)
        return scored


def perceptual_efficacy(
    backbone: Backbone,
    taps: Sequence[str] | None = None,
    *,
    normalise: Callable[[Tensor], Tensor] = imagenet_normalised,
    progress: Callable[[int, int], None] | None = None,
    **choices: Any,
) -> dict[str, ChannelScores]:
    """Perceptual efficacy of every channel of the given taps, all by default. For several choices: `GratingProbe`.

    normalise: from pictures in [0, 1] to what the network expects.
    progress: called with (gratings done, gratings in all) after every pass.
    choices: fields of `Choices`.
    Raises ValueError for unknown choices or taps, a size too small for a tap, or responses that are not finite.
    """
    return GratingProbe(backbone, taps, normalise=normalise).efficacy(progress=progress, **choices)


def choose(**choices: Any) -> Choices:
    """`Choices` from keywords. Raises ValueError for an unknown name, listing the known ones."""
    known = [field.name for field in fields(Choices)]
    unknown = [name for name in choices if name not in known]
    if unknown:
        raise ValueError(f"unknown choice {', '.join(unknown)}; known: {', '.join(known)}")
    return Choices(**choices)


def scores(
    tap: str,
    frequencies: ArrayLike,
    frequency_response: ArrayLike,
    orientations: ArrayLike,
    orientation_response: ArrayLike,
    csf: str = "mannos-sakrison",
) -> ChannelScores:
    """Equations 2 to 5 of mean activations (M, F) and (M, O). Raises ValueError unless they are finite and fit."""
    f, t = (np.asarray(x, dtype=np.float64) for x in (frequencies, orientations))
    by_f, by_t = (np.asarray(x, dtype=np.float64) for x in (frequency_response, orientation_response))
    if by_f.ndim != 2 or by_t.ndim != 2 or by_f.shape != (len(by_t), len(f)) or by_t.shape[1] != len(t):
        raise ValueError(
            f"responses of {tap} must be (channels, {len(f)}) and (channels, {len(t)}), "
            f"got {by_f.shape} and {by_t.shape}"
        )
    if not (np.isfinite(by_f).all() and np.isfinite(by_t).all()):
        raise ValueError(f"the responses of {tap} to gratings are not finite; check the network's weights")
    mu1 = (sensitivity(csf, f) * np.abs(np.gradient(by_f, f, axis=1))).sum(axis=1)
    mu1[_flat(by_f)] = 0
    mu2 = ((by_t - by_t.max(axis=1, keepdims=True)) ** 2).sum(axis=1)
    mu2[_flat(by_t)] = 0
    whole = mu1.sum() * mu2.sum()
    pe = mu1 * mu2 / whole if whole > 0 else np.zeros_like(mu1)
    return ChannelScores(tap, f, by_f, t, by_t, mu1, mu2, pe)


def channel_sets(
    pe: ArrayLike, percentages: Sequence[float] = (5, 10, 25, 50), *, method: Literal["linear", "hazen"] = "linear"
) -> dict[str, NDArray[np.int64]]:
    """The sets of channels F (all), H-x and L-x for every percentage x, as sorted indices.

        H-x = {i : PE_i >= prc_(100-x)}    L-x = {i : PE_i <= prc_x}    (7, 8)

    prc_p is the p-th percentile of the layer's scores. Channels that tie with it belong to the set, which can so be
    larger than x %: a layer in which 30 % of the scores are 0 has all of these in L-10. No set is empty.
    method: as for numpy.percentile; "linear" interpolates between the two nearest scores, "hazen" is MATLAB's prctile.
    """
    values = np.asarray(pe, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"pe must be a row of finite scores, one for each channel, got shape {values.shape}")
    outside = [x for x in percentages if not 0 < x < 100]
    if outside:
        raise ValueError(f"percentages must lie between 0 and 100, got {', '.join(f'{x:g}' for x in outside)}")
    sets = {"F": np.arange(values.size)}
    for x in percentages:
        sets[f"H-{x:g}"] = np.flatnonzero(values >= np.percentile(values, 100 - x, method=method))
    for x in percentages:
        sets[f"L-{x:g}"] = np.flatnonzero(values <= np.percentile(values, x, method=method))
    return sets


def mean_activations(
    backbone: Backbone,
    pictures: Iterator[Tensor],
    taps: Sequence[str],
    *,
    normalise: Callable[[Tensor], Tensor] = imagenet_normalised,
    batch: int = 8,
    step: Callable[[int], None] | None = None,
) -> Mapping[str, Array]:
    """The mean over space of every channel of every tap, float64 (pictures, channels), `batch` pictures at a time.

    pictures: (3, H, W) in [0, 1], drawn as they are needed. step: called with the number of pictures after each pass.
    """
    found: dict[str, list[Array]] = {tap: [] for tap in taps}
    waiting = True
    while waiting:
        drawn = [picture for _, picture in zip(range(batch), pictures, strict=False)]
        waiting = len(drawn) == batch
        if not drawn:
            break
        with torch.inference_mode():
            maps = backbone(normalise(torch.stack(drawn).to(backbone.device)), taps)
            for tap, x in maps.items():
                found[tap].append(x.mean(dim=(2, 3)).double().cpu().numpy())
        if step is not None:
            step(len(drawn))
    return {tap: np.concatenate(parts) for tap, parts in found.items()}


def _same(number: float) -> float:
    """A number without the rounding error of the way that it was computed."""
    return round(float(number), 12)


def _over_phases(activations: Array, phases: int) -> Array:
    """Means over phases: (pictures, M), phases running fastest, to (M, pictures / phases)."""
    means: Array = activations.reshape(-1, phases, activations.shape[1]).mean(axis=1).T
    return means


class _Counter:
    def __init__(self, total: int, report: Callable[[int, int], None] | None) -> None:
        self.done, self.total, self.report = 0, total, report

    def __call__(self, more: int) -> None:
        self.done += more
        if self.report is not None:
            self.report(self.done, self.total)


def _flat(response: Array) -> NDArray[np.bool_]:
    """True if each channel's response is constant."""
    flat: NDArray[np.bool_] = np.ptp(response, axis=1) <= ROUNDING * np.abs(response).max(axis=1)
    return flat


def _preferred(values: Array, response: Array) -> Array:
    return np.where(_flat(response), np.nan, values[response.argmax(axis=1)])
