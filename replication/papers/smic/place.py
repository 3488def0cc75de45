"""Scores of measures under attention and under its controls of place, and what depends on where an error lies."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from replication.absent import AbsentError
from replication.datasets.images import Pixels
from replication.datasets.rated import RatedSet
from replication.datasets.sets import ImageSet
from replication.metrics import registry, visible_error
from replication.metrics.attended_maps import pixel_maps
from replication.metrics.attended_scores import with_attention_of
from replication.metrics.attention_controls import Attended, Weighting, guides, placed
from replication.metrics.colour import rgb_to_gray
from replication.metrics.deepwsd import reduction
from replication.metrics.names import parse
from replication.metrics.noise_visibility import visible_noise
from replication.metrics.registry import Metric
from replication.papers.smic.pictures import grid_of, image_of, network_of
from replication.papers.smic.placed_errors import ERRORS, everywhere, regions, with_error
from replication.scoring.store import Store, code_version

PLAIN = "plain"
WEIGHTINGS: tuple[str, ...] = get_args(Weighting)
VISIBILITY = {"MAD": "visible error", "NVF": "visible noise"}
"""Models of visibility whose map, pooled over the image, is a score beside those of the measures."""

_OF_LOCAL = ["set", "reference", "distorted", "distortion", "worse", "measure", "weighting", "distance"]
NO_LOCAL_SCORES = pd.DataFrame(columns=[*_OF_LOCAL, "height", "width"])
"""`local_scores` of nothing."""

_GUIDED = ("variance", "saliency")

Loaded = TypeVar("Loaded")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Measure:
    """A measure as it is, and with attention under each weighting."""

    title: str
    plain: Metric
    attended: Mapping[str, Metric]


def available(load: Callable[[str], Loaded], name: str) -> tuple[Loaded | None, dict[str, str]]:
    """The set that `load` gives, or None and the reason by name where it is not available."""
    try:
        return load(name), {}
    except AbsentError as error:
        return None, {name: str(error.absent)}


def measures(labels: Mapping[str, Sequence[str]]) -> tuple[list[Measure], dict[str, str]]:
    """The measures whose weights are available, and of the others the reason.

    labels: title -> the metric as it is, and with attention.
    """
    found, lacking = [], {}
    for title, (plain, attended) in labels.items():
        (name, options), (attended_name, attended_options) = parse(plain), parse(attended)
        try:
            each = {
                weighting: registry.create(attended_name, **attended_options, weighting=weighting)
                for weighting in WEIGHTINGS
            }
            found.append(Measure(title, registry.create(name, **options), each))
        except AbsentError as error:
            lacking[title] = str(error.absent)
    return found, lacking


class Seen:
    """An image and what metrics prepare of it, from as few passes through networks as they need.

    reference: whether it is a reference, of which some weightings take more. plain: whether the measures as they are
    are wanted.
    """

    def __init__(self, image: Tensor, of: Sequence[Measure], *, reference: bool, plain: bool = True) -> None:
        self.image = image
        self._done: dict[int, Any] = {}
        sources: dict[Any, Any] = {}
        with torch.no_grad():
            for measure in of:
                weightings = ("local", *_GUIDED) if reference else ("local",)
                for metric in (*([measure.plain] * plain), *(measure.attended[each] for each in weightings)):
                    if metric.source is None or metric.finish is None:
                        self._done[id(metric)] = metric.prepare(image)
                        continue
                    if metric.source.key not in sources:
                        sources[metric.source.key] = metric.source.compute(image)
                    self._done[id(metric)] = metric.finish(sources[metric.source.key])
        self.attended: dict[str, Attended] = {each.title: self.prepared(each.attended["local"]).attended for each in of}

    def has(self, metric: Metric) -> bool:
        """Whether that metric has prepared the image."""
        return id(metric) in self._done

    def prepared(self, metric: Metric) -> Any:
        """The image as that metric prepares it."""
        return self._done[id(metric)]


Lent = tuple[Mapping[str, Attended], Mapping[str, Attended]]
"""`Seen.attended` of a reference and of its distorted image, whose attention another pair is weighted by."""


@torch.no_grad()
def distances(
    of: Sequence[Measure], reference: Seen, distorted: Seen, other: Lent | None = None
) -> dict[tuple[str, str], float]:
    """(measure, weighting) -> distance of a distorted image from its reference.

    A distance is 0 for identical images: the mean squared error for PSNR, as it is or weighted; for the others the
    difference of the score from that of the reference beside itself. Without `other` that weighting is left out.
    """
    found: dict[tuple[str, str], float] = {}
    for measure in of:
        if reference.has(measure.plain):
            x, y = (each.prepared(measure.plain) for each in (reference, distorted))
            found[measure.title, PLAIN] = _distance(measure.plain, x, y)
        base = measure.attended["local"]
        y = distorted.prepared(base)  # the weightings prepare alike, but for what is taken of the reference
        for weighting, metric in measure.attended.items():
            x = reference.prepared(metric if weighting in _GUIDED else base)
            if weighting == "other":
                if other is None:
                    continue
                x = with_attention_of(x, *(each[measure.title] for each in other))
            found[measure.title, weighting] = _distance(metric, x, y)
    return found


def _distance(metric: Metric, reference: Any, distorted: Any) -> float:
    score = float(metric.compare(reference, distorted).double())
    if metric.name.startswith("psnr"):
        return float(10.0 ** (-score / 10))
    same = float(metric.compare(reference, reference).double())
    return same - score if metric.higher_is_better else score - same


def visibility(reference: Tensor, distorted: Tensor) -> dict[tuple[str, str], float]:
    """(model of VISIBILITY, "") -> its score: root mean square of MAD's visible error, mean of the visible noise."""
    grey = [rgb_to_gray(image) for image in (reference, distorted)]
    return {
        ("MAD", ""): float(visible_error(*grey).square().mean().sqrt()),
        ("NVF", ""): float(visible_noise(*grey).mean()),
    }


def spaced(items: Sequence[Item], most: int) -> list[Item]:
    """At most that many of the items, evenly spaced from the first to the last."""
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]


def stored(store: Store, compute: Callable[[], list[Any]], *key: Any) -> list[Any]:
    """Rows of numbers and texts from the store, or computed and put there: interrupted work goes on where it stopped.

    key: all that they depend on but the code, which is added.
    """
    whole = [code_version(__name__), *key]
    entry = store.get(whole)
    if entry is None:
        store.put(whole, compute())
        entry = store.get(whole)
    return list(entry.value) if entry else compute()


def placed_scores(
    photos: ImageSet, count: int, of: Sequence[Measure], mean_square: float, seed: int, store: Store
) -> pd.DataFrame:
    """Distances of photos with the same error in each region: photo, error, region, measure, weighting, distance.

    count: how many photos, evenly spaced over the set. mean_square: of the error, over the samples of the region. The
    other image of a photo is the one before it with the same kind of error in a region of the same kind; the first has
    none. The models of VISIBILITY are measures with the weighting "". A photo without three regions for an error is
    left out of that. store: of the rows of finished photos.
    """
    names = spaced(photos.names, count)
    protocols = [repr(metric) for each in of for metric in (each.plain, *each.attended.values())]
    lent: dict[int, dict[tuple[str, str], Lent]] = {}  # of the last photo

    def rows_of(number: int, scored: bool = True) -> list[Any]:
        photo = photos.read(names[number])
        if scored and number and number - 1 not in lent:
            rows_of(number - 1, scored=False)
        rows, others = [], lent.get(number - 1, {})
        lent.clear()
        reference = Seen(tensor(photo), of, reference=True, plain=scored)
        own = lent.setdefault(number, {})
        for error in ERRORS:
            for region in regions(photo, error, mean_square):
                changed = with_error(photo, region, error, mean_square, seed + number)
                distorted = Seen(tensor(changed), of, reference=False, plain=scored)
                own[error, region.kind] = reference.attended, distorted.attended
                if scored:
                    found = visibility(reference.image, distorted.image)
                    found |= distances(of, reference, distorted, others.get((error, region.kind)))
                    rows += [(names[number], error, region.kind, *key, value) for key, value in found.items()]
        return rows

    rows = []
    for number in range(len(names)):
        key = ("placed", photos.digest, names, number, mean_square, seed, protocols)
        rows += stored(store, functools.partial(rows_of, number), *key)
    return pd.DataFrame(rows, columns=["photo", "error", "region", "measure", "weighting", "distance"])


def tensor(pixels: Pixels) -> Tensor:
    """8-bit pixels (H, W, 3) as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def local_scores(
    data_set: RatedSet, distortions: Sequence[str], most: int, of: Sequence[Measure], store: Store
) -> pd.DataFrame:
    """Distances of the images of some distortions of a set, and their visibility.

    most: images of each distortion, evenly spaced. The other image of an image is the nearest before it of another
    reference, of the same distortion; the first have none. The measures as they are have no part in it. Columns: set,
    reference, distorted, distortion, worse (the opinion, turned so that more is worse), measure, weighting, distance,
    height, width. store: of the rows of finished images.
    """
    pairs: dict[str, tuple[Seen, Seen]] = {}  # the last two of different references

    def pair(row: Mapping[Any, Any]) -> tuple[Seen, Seen]:
        name = str(row["distorted"])
        if name not in pairs:
            images = (image_of(data_set, str(row[side])) for side in ("reference", "distorted"))
            x, y = (Seen(each, of, reference=not at, plain=False) for at, each in enumerate(images))
            while len(pairs) > 1:
                del pairs[next(iter(pairs))]
            pairs[name] = x, y
        return pairs[name]

    def rows_of(row: Mapping[Any, Any], others: Sequence[Mapping[Any, Any]]) -> list[Any]:
        other = pair(others[0]) if others else None
        reference, distorted = pair(row)
        found = visibility(reference.image, distorted.image)
        found |= distances(of, reference, distorted, (other[0].attended, other[1].attended) if other else None)
        worse = -row["opinion"] if data_set.opinion.higher_is_better else row["opinion"]
        facts = (data_set.title, row["reference"], row["distorted"], row["distortion"], worse)
        return [(*facts, *key, value, *reference.image.shape[-2:]) for key, value in found.items()]

    protocols = [repr(metric) for each in of for metric in each.attended.values()]
    rows = []
    for distortion in distortions:
        table = data_set.table[data_set.table["distortion"] == distortion]
        records = spaced(table.to_dict("records"), most) if len(table) else []
        for number, row in enumerate(records):
            others = [each for each in records[:number][::-1] if each["reference"] != row["reference"]][:1]
            images = [str(each[name]) for each in (row, *others) for name in ("reference", "distorted")]
            digests = [data_set.images[name].digest() for name in images]
            key = ("local", data_set.title, images, digests, str(row["opinion"]), protocols)
            rows += stored(store, functools.partial(rows_of, row, others), *key)
    return pd.DataFrame(rows, columns=NO_LOCAL_SCORES.columns)


def stage_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of a measure's distance that the stages with attention make: measure, weighting, distorted, reference,
    share, from `local_scores`.

    1 - (distance with weight 0 there) / (distance); DeepWSD's distances are freed of its logarithm, and of the square
    that it takes where images are reduced, so that they are sums over stages.
    """
    rows = []
    keys = ["set", "distortion", "reference", "distorted", "measure"]
    for key, part in table[table["weighting"] != ""].groupby(keys, sort=False):
        own = part.set_index("weighting")["distance"]
        if "zero" not in own or key[-1] in ("PSNR", "SSIM"):
            continue
        height, width = part["height"].iloc[0], part["width"].iloc[0]
        power = 0.5 if reduction((int(height), int(width)), True, True) > 1 else 1.0
        summed = np.expm1(own.astype(float) ** power) if key[-1] == "DeepWSD" else own
        for weighting in ("none", "local"):
            rows.append((*key, weighting, 1 - summed["zero"] / summed[weighting]))
    return pd.DataFrame(rows, columns=[*keys, "weighting", "share"])


def map_agreement(
    photos: ImageSet, count: int, label: str, mean_square: float, seed: int, store: Store
) -> pd.DataFrame:
    """Spearman correlations over a grid of cells between maps of photos with the same error everywhere: photo, error,
    first, second, correlation.

    label: a metric of pixels with attention, whose network and taps are used. The maps: attention; MAD's visible error
    and the visible noise of NVF, whose own agreement is the ceiling for either; the squared error; and controls of
    attention: turned, the reference's variance, its saliency. A map that is constant, as MAD's where it sees nothing,
    has no correlation. store: of the rows of finished photos.
    """
    names = spaced(photos.names, count)
    base, options = parse(label)
    net, taps = network_of(base.partition("+")[0], options)
    patch = int(options.get("patch", 7))

    def rows_of(error: str, number: int) -> list[Any]:
        photo = photos.read(names[number])
        changed = everywhere(photo, error, mean_square, seed + number)
        if changed is None:
            return []
        x, y = tensor(photo), tensor(changed)
        grey = [rgb_to_gray(image) for image in (x, y)]
        found = pixel_maps("psnr", x, y, backbone=net, taps=taps, patch=patch, stride=4)
        controls = {kind: _controlled(kind, x, found.attention) for kind in ("turned", *_GUIDED)}
        maps = {"attention": found.attention, "MAD": visible_error(*grey).squeeze(1), "NVF": visible_noise(*grey)}
        maps |= {"squared error": found.distortion, **controls}
        pooled = {kind: F.adaptive_avg_pool2d(each, grid_of(x)).flatten().numpy() for kind, each in maps.items()}
        return [
            (names[number], error, first, second, float(stats.spearmanr(pooled[first], pooled[second]).statistic))
            for first, second in _pairs_of_maps(list(controls))
            if min(np.ptp(pooled[first]), np.ptp(pooled[second])) > 0
        ]

    rows = []
    for error in ERRORS:
        for number in range(len(names)):
            key = ("maps", photos.digest, names, number, error, label, net.weights, mean_square, seed)
            rows += stored(store, functools.partial(rows_of, error, number), *key)
    return pd.DataFrame(rows, columns=["photo", "error", "first", "second", "correlation"])


def _controlled(kind: Any, image: Tensor, attention: Tensor) -> Tensor:
    guide = guides(kind, image, [attention[:, None]], 1, 1)
    return placed(kind, [attention], guide)[0]


def _pairs_of_maps(controls: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "NVF", "MAD"
    for second in ("MAD", "NVF"):
        for first in ("attention", "squared error", *controls):
            yield first, second
