"""Paper 4, which channels see what people see: scores of networks, what open choices change, inversions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from replication.datasets.errors import DataError
from replication.datasets.sets import ImageSet
from replication.evaluation.appearance import chroma_share, lab_contrast, spectral_centroid
from replication.features.backbones import Backbone, backbone
from replication.features.colour_tuning import colour_answers
from replication.features.csf import peak
from replication.features.efficacy import ChannelScores, GratingProbe, channel_sets
from replication.features.inversion import InversionError, invert

Array = NDArray[np.float64]
NOTHING = 0.95
"""Share of the misfit of a black feature map that a search leaves which has found no picture."""


@dataclass(frozen=True)
class Measured:
    """A network with its answers to gratings, the scores of its channels, and the share of colour in their answers
    (`colour_answers`), by tap.
    """

    probe: GratingProbe
    scores: dict[str, ChannelScores]
    colour: dict[str, Array]

    @property
    def backbone(self) -> Backbone:
        """The network."""
        return self.probe.backbone


def measure(
    networks: Sequence[str],
    choices: Mapping[str, Any],
    *,
    weights: str = "imagenet",
    seed: int = 0,
    colour: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Measure every available network; returns the measured ones and the reasons for the others.

    choices: of `perceptual_efficacy`. seed: of random weights. colour: options of `colour_answers`. progress: called
    with each network's name.
    """
    found: dict[str, Measured] = {}
    absent: dict[str, str] = {}
    for name in networks:
        try:
            network = backbone(name, weights=weights, seed=seed)
        except DataError as error:
            absent[name] = f"not run: weights not present: {error}"
            continue
        if progress is not None:
            progress(name)
        answers = colour_answers(network, **(colour or {}))
        shares = {tap: each["share"] for tap, each in answers.items()}
        probe = GratingProbe(network)
        found[name] = Measured(probe, probe.efficacy(**choices), shares)
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
                other = network.probe.efficacy(**{**base, choice: value})
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


def choose_pictures(sets: Sequence[ImageSet], count: int, side: int) -> dict[str, Array]:
    """The centres of the `count` images whose centre has most of both contrasts, (side, side, 3) in [0, 1].

    Most: the largest product of the contrasts of lightness and of colour in CIELAB, so that a picture has both to lose.
    Images smaller than `side` are passed over; DataError if too few are left.
    """
    centres = {}
    for images in sets:
        for name, pixels in images:
            top, left = ((length - side) // 2 for length in pixels.shape[:2])
            if min(top, left) >= 0:
                centres[name] = pixels[top : top + side, left : left + side] / 255
    if len(centres) < count:
        titles = ", ".join(images.title for images in sets)
        raise DataError(f"{titles}: {len(centres)} images of at least {side} x {side}, {count} are wanted")
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
    The rows of the originals have the set "original". A search that leaves more than NOTHING of the misfit has found no
    picture: its numbers would be those of the noise that it starts from.
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
                    row |= {"error": found.error, "steps": len(found.losses)}
                    if found.error > NOTHING:
                        rows.append(row | {"problem": f"no picture found: {found.error:.0%} of the misfit is left"})
                        continue
                    result = found.image.permute(1, 2, 0).double().numpy()
                    made[name, tap, title, label] = result
                    rows.append(row | _look(result, pixels_per_degree))
    columns = ["backbone", "tap", "picture", "set", "channels", "error", "steps", "centroid", "chroma", "problem"]
    return pd.DataFrame([{"problem": ""} | row for row in rows], columns=columns), made


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


def _rank_correlation(first: Array, second: Array) -> float:
    return float(stats.spearmanr(first, second).statistic) if np.ptp(first) and np.ptp(second) else math.nan


def _middle(statistic: Callable[[Array], Any], values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else math.nan
