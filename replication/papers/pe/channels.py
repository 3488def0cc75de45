"""Paper 4, which channels see what people see: scores of networks, what open choices change, inversions, verdicts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.datasets.errors import DataError
from replication.datasets.sets import ImageSet
from replication.evaluation.appearance import chroma_share, lab_contrast, spectral_centroid
from replication.features.backbones import Backbone, backbone
from replication.features.colour_tuning import colour_answers
from replication.features.csf import peak
from replication.features.efficacy import ChannelScores, channel_sets, perceptual_efficacy
from replication.features.inversion import InversionError, invert
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED

Array = NDArray[np.float64]

PAPER = "pe"
SURE, MORE_OFTEN = 0.75, 0.5  # shares of the cases in which a claim must hold to be reproduced, and to be close
NEAR = 1.0  # octaves from the peak of the CSF that are still "medium"
RULE = f"""\
A claim is reproduced if it holds in at least {SURE:.0%} of the layers by their channels' tuning and in at least
{SURE:.0%} of the inverted pictures; it is close where both are above {MORE_OFTEN:.0%}, and not reproduced otherwise.
Layers in which one of the two sets prefers nothing, and pictures on which it is silent, are left out.

- *mid-frequency*. By tuning: the median preferred frequency of H-10 is nearer to the CSF's peak in octaves than that of
  L-10, and within {NEAR:g} octave of it. By pictures: the spectral centroid of the picture from H-10 is nearer to the
  peak than that of the picture from L-10.
- *achromatic*. By tuning: the mean share of colour in the answers of H-10 is below that of L-10. By pictures: the share
  of colour in the contrast of the picture from H-10 is below that of the picture from L-10.
"""


@dataclass(frozen=True)
class Measured:
    """A network, the scores of its channels, and the share of colour in their answers (`colour_answers`), by tap."""

    backbone: Backbone
    scores: dict[str, ChannelScores]
    colour: dict[str, Array]

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.backbone.name


def measure(
    networks: Sequence[str],
    choices: Mapping[str, Any],
    *,
    weights: str = "imagenet",
    colour: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Measure every available network; returns the measured ones and the reasons for the others.

    choices: of `perceptual_efficacy`. colour: options of `colour_answers`. progress: called with each network's name.
    """
    found: dict[str, Measured] = {}
    absent: dict[str, str] = {}
    for name in networks:
        try:
            network = backbone(name, weights=weights)
        except DataError as error:
            absent[name] = f"not run: weights not present: {error}"
            continue
        if progress is not None:
            progress(name)
        answers = colour_answers(network, **(colour or {}))
        shares = {tap: each["share"] for tap, each in answers.items()}
        found[name] = Measured(network, perceptual_efficacy(network, **choices), shares)
    return found, absent


def channel_table(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """A row per channel: backbone, tap, channel, mu1, mu2, pe, preferred_frequency (cycles per degree),
    preferred_orientation (radians), colour_share; empty where a channel answers the same to everything.
    """
    tables = []
    for name, network in measured.items():
        for tap, found in network.scores.items():
            columns = {
                "backbone": name,
                "tap": tap,
                "channel": np.arange(len(found.pe)),
                "mu1": found.mu1,
                "mu2": found.mu2,
                "pe": found.pe,
                "preferred_frequency": found.preferred_frequency,
                "preferred_orientation": found.preferred_orientation,
                "colour_share": network.colour[tap],
            }
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def layer_table(measured: Mapping[str, Measured], csf: str, percentage: float = 10) -> pd.DataFrame:
    """A row per layer: preferences of its channels with the highest and lowest PE.

    channels, flat (PE of 0), high, low (sizes of the sets), top_share (part of the layer's PE in its best tenth);
    frequency_f, frequency_high, frequency_low (median preferred frequency), octaves_high, octaves_low (its distance
    from the CSF's peak), colour_f, colour_high, colour_low (mean share of colour); NaN where no channel of a set has
    one.
    """
    rows = []
    for name, network in measured.items():
        for tap, found in network.scores.items():
            sets = channel_sets(found.pe, (percentage,))
            high, low = sets[f"H-{percentage:g}"], sets[f"L-{percentage:g}"]
            best = np.sort(found.pe)[::-1][: max(1, round(len(found.pe) * percentage / 100))].sum()
            row: dict[str, Any] = {
                "backbone": name,
                "tap": tap,
                "channels": len(found.pe),
                "flat": int((found.pe == 0).sum()),
            }
            share = best / found.pe.sum() if found.pe.any() else math.nan
            row |= {"high": len(high), "low": len(low), "top_share": share}
            for label, chosen in (("f", sets["F"]), ("high", high), ("low", low)):
                row[f"frequency_{label}"] = _middle(np.median, found.preferred_frequency[chosen])
                row[f"octaves_{label}"] = octaves(row[f"frequency_{label}"], peak(csf))
                row[f"colour_{label}"] = _middle(np.mean, network.colour[tap][chosen])
            rows.append(row)
    return pd.DataFrame(rows).drop(columns="octaves_f")


def tuning_summary(layers: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """`layer_table`s of several kinds of weights in a row per network: the medians over its layers of what H-10 and
    L-10 prefer, and in how many layers the two claims hold by tuning ("3 of 4"), as `RULE` says.
    """
    rows = []
    for weights, table in layers.items():
        for name, part in table.groupby("backbone", sort=False):
            middle = part[["frequency_high", "frequency_low", "colour_high", "colour_low"]].median()
            counts = {"mid-frequency": _count(_medium(part)[1]), "achromatic": _count(_achromatic(part)[1])}
            rows.append({"weights": weights, "backbone": name} | middle.to_dict() | counts)
    return pd.DataFrame(rows)


def octaves(frequency: float, centre: float) -> float:
    """Distance of two frequencies in octaves, |log2(f / c)|."""
    return abs(math.log2(frequency / centre))


def sensitivity_study(
    networks: Mapping[str, Measured],
    base: Mapping[str, Any],
    open_choices: Mapping[str, Sequence[Any]],
    *,
    percentage: float = 10,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Effect of each open choice on the ranking of channels, one choice changed at a time.

    networks: all their layers are ranked anew. base: the choices their scores were made with.
    Returns a row per network, tap and changed choice: choice, value, srcc (rank correlation of PE over the channels),
    overlap (the part of the usual H-10 that is in the new one), frequency_high (median preferred frequency of the new
    H-10). `value` is text.
    """
    rows = []
    for name, network in networks.items():
        for choice, values in open_choices.items():
            for value in values:
                if progress is not None:
                    progress(f"{name}, {choice} {value}")
                other = perceptual_efficacy(network.backbone, **{**base, choice: value})
                for tap, found in other.items():
                    usual = network.scores[tap]
                    high, new = (channel_sets(x.pe, (percentage,))[f"H-{percentage:g}"] for x in (usual, found))
                    agreement = _rank_correlation(usual.pe, found.pe)
                    preferred = _middle(np.median, found.preferred_frequency[new])
                    shared = len(np.intersect1d(high, new)) / len(high)
                    rows.append((name, tap, choice, str(value), agreement, shared, preferred))
    columns = ["backbone", "tap", "choice", "value", "srcc", "overlap", "frequency_high"]
    return pd.DataFrame(rows, columns=columns)


def part_study(measured: Mapping[str, Measured], percentage: float = 10) -> pd.DataFrame:
    """Correlations of PE with its two factors: a row per layer with the rank correlation of PE with mu1 and with mu2,
    that of mu1 with mu2, and of PE with the largest mean activation that the channel has.
    """
    rows = []
    for name, network in measured.items():
        for tap, found in network.scores.items():
            strength = np.maximum(found.frequency_response.max(axis=1), found.orientation_response.max(axis=1))
            pairs = [(found.pe, found.mu1), (found.pe, found.mu2), (found.mu1, found.mu2), (found.pe, strength)]
            rows.append((name, tap, *(_rank_correlation(a, b) for a, b in pairs)))
    return pd.DataFrame(rows, columns=["backbone", "tap", "pe_mu1", "pe_mu2", "mu1_mu2", "pe_strength"])


def choose_pictures(images: ImageSet, count: int, side: int) -> dict[str, Array]:
    """The centres of the `count` images whose centre has most of both contrasts, (side, side, 3) in [0, 1].

    Most: the largest product of the contrasts of lightness and of colour in CIELAB, so that a picture has both to lose.
    Images smaller than `side` are passed over; DataError if too few are left.
    """
    centres = {}
    for name, pixels in images:
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        if min(top, left) >= 0:
            centres[name] = pixels[top : top + side, left : left + side] / 255
    if len(centres) < count:
        raise DataError(f"{images.title} has {len(centres)} images of at least {side} x {side}, {count} are wanted")
    order = sorted(centres, key=lambda name: -math.prod(lab_contrast(centres[name])))
    return {name: centres[name] for name in order[:count]}


def invert_sets(
    measured: Mapping[str, Measured],
    taps: Mapping[str, Sequence[str]],
    pictures: Mapping[str, Array],
    sets: Sequence[str] = ("H-10", "L-10", "L-50"),
    *,
    pixels_per_degree: float,
    options: Mapping[str, Any],
    progress: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, dict[tuple[str, str, str, str], Array]]:
    """Invert every picture from every set of channels of the taps named for each network that was measured.

    Returns a row per inversion: backbone, tap, picture, set, channels, error (what is left of the misfit), steps,
    centroid (cycles per degree), chroma (share of colour in the contrast), problem; and the pictures by the first four.
    The rows of the originals have the set "original".
    """
    rows: list[dict[str, Any]] = []
    made: dict[tuple[str, str, str, str], Array] = {}
    for name, wanted in taps.items():
        if name not in measured:
            continue
        for tap in wanted:
            members = channel_sets(measured[name].scores[tap].pe, [float(x[2:]) for x in sets if x != "F"])
            for title, picture in pictures.items():
                key = {"backbone": name, "tap": tap, "picture": title}
                rows.append(key | {"set": "original", "channels": 0} | _look(picture, pixels_per_degree))
                for label in sets:
                    if progress is not None:
                        progress(f"{name} {tap}, {title}, {label}")
                    row = key | {"set": label, "channels": len(members[label])}
                    image = torch.from_numpy(picture).permute(2, 0, 1).float()
                    try:
                        found = invert(measured[name].backbone, tap, image, members[label].tolist(), **options)
                    except InversionError as error:
                        rows.append(row | {"problem": str(error)})
                        continue
                    result = found.image.permute(1, 2, 0).double().numpy()
                    made[name, tap, title, label] = result
                    row |= {"error": found.error, "steps": len(found.losses)}
                    rows.append(row | _look(result, pixels_per_degree))
    columns = ["backbone", "tap", "picture", "set", "channels", "error", "steps", "centroid", "chroma", "problem"]
    return pd.DataFrame([{"problem": ""} | row for row in rows], columns=columns), made


def judge_claims(layers: pd.DataFrame, inversions: pd.DataFrame, csf: str, *, note: str = "") -> pd.DataFrame:
    """Verdicts on `mid-frequency` and `achromatic` by `RULE`: paper, claim, verdict, evidence.

    layers: `layer_table`; inversions: `invert_sets`; note: what a reader must know of the weights, put first.
    """
    centre = peak(csf)
    both, nearer = _medium(layers)
    colour, less = _achromatic(layers)
    found = {
        label: inversions[inversions["set"] == label].set_index(["backbone", "tap", "picture"])[["centroid", "chroma"]]
        for label in ("H-10", "L-10")
    }
    pairs = found["H-10"].add_suffix("_high").join(found["L-10"].add_suffix("_low"), how="inner").dropna()
    distances = np.abs(np.log2(pairs[["centroid_high", "centroid_low"]].to_numpy(float) / centre))
    picture_nearer = distances[:, 0] < distances[:, 1]
    picture_less = (pairs["chroma_high"] < pairs["chroma_low"]).to_numpy(bool)
    frequency = (
        f"Medians over layers: H-10 prefers {_f(both['frequency_high'])} cycles/degree and L-10 "
        f"{_f(both['frequency_low'])}; the CSF's peak is {centre:.1f}. H-10 is nearer and within an octave in "
        f"{_count(nearer)} layers; its picture's centroid is nearer in {_count(picture_nearer)} pairs of pictures."
    )
    chroma = (
        f"Share of colour in the answers, mean over layers: H-10 {_f(colour['colour_high'], 2, np.mean)}, L-10 "
        f"{_f(colour['colour_low'], 2, np.mean)}. It is lower for H-10 in {_count(less)} layers; so is that of the "
        f"picture's contrast in {_count(picture_less)} pairs of pictures."
    )
    left = len(layers) - len(both)
    flat = f" In {left} of {len(layers)} layers all of L-10 answer the same to all rings; left out." if left else ""
    prefix = f"{note}: " if note else ""
    return pd.DataFrame(
        [
            (PAPER, "mid-frequency", _verdict(nearer, picture_nearer), f"{prefix}{frequency}{flat}"),
            (PAPER, "achromatic", _verdict(less, picture_less), f"{prefix}{chroma}"),
        ],
        columns=["paper", "claim", "verdict", "evidence"],
    )


def example_channels(values: Array, count: int = 4) -> list[int]:
    """Channels at even steps through the ranking, the highest first; channels with a score of 0 are left out."""
    order = [int(i) for i in np.argsort(-values, kind="stable") if values[i] > 0]
    if not order:
        return []
    places = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [order[place] for place in places]


def _look(picture: Array, pixels_per_degree: float) -> dict[str, float]:
    centroid = spectral_centroid(picture, pixels_per_degree=pixels_per_degree)
    return {"centroid": centroid, "chroma": chroma_share(picture)}


def _medium(layers: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Layers in which both sets prefer a frequency, and where H-10 is nearer to the peak and near it."""
    both = layers.dropna(subset=["frequency_high", "frequency_low"])
    distance = both[["octaves_high", "octaves_low"]].to_numpy(float)
    return both, (distance[:, 0] < distance[:, 1]) & (distance[:, 0] <= NEAR)


def _achromatic(layers: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Layers in which both sets have a share of colour, and where that of H-10 is the lower one."""
    both = layers.dropna(subset=["colour_high", "colour_low"])
    return both, (both["colour_high"] < both["colour_low"]).to_numpy(bool)


def _verdict(tuning: NDArray[np.bool_], pictures: NDArray[np.bool_]) -> str:
    if not len(tuning) or not len(pictures):
        return NOT_RUN
    weaker = min(float(tuning.mean()), float(pictures.mean()))
    return REPRODUCED if weaker >= SURE else CLOSE if weaker > MORE_OFTEN else NOT_REPRODUCED


def _rank_correlation(first: Array, second: Array) -> float:
    return float(stats.spearmanr(first, second).statistic) if np.ptp(first) and np.ptp(second) else math.nan


def _middle(statistic: Callable[[Array], Any], values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else math.nan


def _count(holds: NDArray[np.bool_]) -> str:
    return f"{int(holds.sum())} of {len(holds)}"


def _f(values: ArrayLike, decimals: int = 1, statistic: Callable[[Array], Any] = np.median) -> str:
    middle = _middle(statistic, np.asarray(values, dtype=np.float64))
    return "nothing" if math.isnan(middle) else f"{middle:.{decimals}f}"
