"""Paper 4, a question that it does not ask: how much of a channel's worth does PE explain that simpler measures do not?

The worth of a channel is the SRCC of its own distance with the opinions. It is predicted from PE and from measures that
need neither gratings nor opinions, and the tenth of the channels with the highest predictions is tried as a set. Worth
is learnt on some images and tested on others: images of other references, of another distortion, or of another set and
other scenes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from replication.datasets.scenes import scene
from replication.evaluation.splits import compare_over_splits, splits
from replication.evaluation.subsets import random_subsets, rank_correlations, subset_scores
from replication.papers.pe.quality import CONTROL, EQUATION_1, Efficacy, judgeable, layers_of, rated, weighted
from replication.scoring.channel_tables import Activity, ChannelDistances

Floats = NDArray[np.float64]
PE, SIMPLE, BOTH, OPINIONS, ALL, RANDOM = "PE", "simple measures", "simple and PE", "opinions", "all channels", "random"
MEASURES = ("mean answer", "variance in images", "sparsity", "spread over images")
"""The simple measures of a channel, see `simple_measures`."""
REFERENCES, DISTORTIONS, SETS = HELD_OUT = ("references", "a distortion", "another set")
TEST_SHARE = 0.25
"""Share of the references that are held out."""
_FOLDS = 5  # of channels: a channel's worth is predicted by what holds of the others
_FEWEST = 20  # images of a distortion on which a correlation is worth computing
_COLUMNS = ["data_set", "network", "tap", "held_out", "case", "channels", "by", "explained", "srcc"]


@dataclass(frozen=True)
class Images:
    """Distances (images, channels) and how bad people find each image, from which worth is computed."""

    distances: Floats
    badness: Floats

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Images":
        return Images(self.distances[rows], self.badness[rows])

    def worth(self) -> Floats:
        """SRCC of every channel's distance with the badness, (channels,); NaN for silent ones."""
        return rank_correlations(self.distances.T, self.badness)

    def srcc(self, channels: Sequence[NDArray[np.intp]]) -> Floats:
        """SRCC of equation 1 over each set of channels."""
        return rank_correlations(subset_scores(self.distances, channels), self.badness)


def simple_measures(activity: Activity, distances: Floats) -> dict[str, Floats]:
    """MEASURES of every channel.

    mean answer: root over undistorted images of the mean square of the mean over pixels, sqrt(energy - variance).
    variance in images: over pixels, mean over images. sparsity: variance / energy, from 0 (the same answer everywhere)
    to nearly 1 (an answer in few places; Treves and Rolls' sparseness of the answer over pixels). spread over images:
    standard deviation over mean of the channel's distances, (images, channels). Silent channels have zeros.
    """
    energy, variance = activity.energy, activity.variance
    mean = distances.mean(axis=0)
    found = (
        np.sqrt(np.maximum(energy - variance, 0)),
        variance,
        np.divide(variance, energy, out=np.zeros_like(energy), where=energy > 0),
        np.divide(distances.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0),
    )
    return dict(zip(MEASURES, found, strict=True))


def explain(
    measured: Sequence[ChannelDistances], efficacy: Efficacy, *, count: int = 20, draws: int = 100, seed: int = 0
) -> pd.DataFrame:
    """How well each way of predicting the worth of channels does on images that it was not learnt on, for every layer.

    Columns: data_set (of the test images), network, tap, held_out (one of HELD_OUT), case (the number of the split of
    references, or the distortion tested on), channels (that are not silent), by, explained, srcc.
    by: PE, each of MEASURES, SIMPLE (these together), BOTH (and PE), OPINIONS (the channel's own worth on the training
    images, as it is; no upper bound, since a regression on good measures errs less where the training images are few
    or unlike the test images), ALL and RANDOM (median of `draws` sets of the same size).
    explained: 1 - sum of squared errors over the variance of the worth on the test images. Worth is the rank in the
    layer, predicted by a linear regression on ranks that is fitted to worth on the training images, each channel by a
    fit to the other channels; 0 is as good as predicting the same for all, below 0 worse.
    srcc: of equation 1 over the tenth of the channels that has the highest PE or measure, or the highest prediction of
    several, on the test images.
    count: splits of references, TEST_SHARE of them held out. Worth learnt on another set is tested on the same images,
    without those of the other set that show a scene of theirs (`datasets.scenes`).
    """
    rows: list[tuple[object, ...]] = []
    for each, tap, pe, images in _layers(measured, efficacy):
        for held_out, case, training, test in _cases(each, tap, images, measured, count, seed):
            key = (each.title, each.backbone, tap, held_out, case)
            measures = simple_measures(each.activity[tap], training.distances)
            rows += [(*key, *found) for found in _compare(pe, measures, training, test, draws, seed)]
    return pd.DataFrame(rows, columns=_COLUMNS)


def by_layer(table: pd.DataFrame) -> pd.DataFrame:
    """`explain`'s numbers, mean over the cases of a layer: data_set, network, tap, held_out, by, cases, explained,
    srcc."""
    groups = table.groupby(["data_set", "network", "tap", "held_out", "by"], sort=False)
    return groups.agg(cases=("case", "size"), explained=("explained", "mean"), srcc=("srcc", "mean")).reset_index()


def added(table: pd.DataFrame, value: str, first: str = BOTH, second: str = SIMPLE) -> pd.DataFrame:
    """`value` of `first` minus that of `second` (what PE adds, by default), mean over layers and cases.

    Columns: data_set, network, held_out, layers, above (of the layers, by their means), difference, low, high, p. The
    difference is the mean over cases of the mean over layers; its interval (95 %) and p are of the corrected t test
    over random splits (`compare_over_splits`); held-out distortions are no random splits and have none.
    """
    rows = []
    known = table[table["by"].isin([first, second])]
    for key, group in known.groupby(["data_set", "network", "held_out"], sort=False):
        wide = group.pivot_table(index=["tap", "case"], columns="by", values=value, sort=False)
        wide = wide.reindex(columns=[first, second]).dropna()
        if wide.empty:
            continue
        layers = wide.groupby("tap", sort=False).mean()
        cases = wide.groupby("case", sort=False).mean()
        above, low, high, p = int((layers[first] > layers[second]).sum()), np.nan, np.nan, np.nan
        difference = float((cases[first] - cases[second]).mean())
        if key[2] != DISTORTIONS and len(cases) > 1:
            found = compare_over_splits(cases[first], cases[second], TEST_SHARE)
            half = float(stats.t.ppf(0.975, found.degrees)) * found.standard_error
            low, high, p = difference - half, difference + half, found.p_value
        rows.append((*key, len(layers), above, difference, low, high, p))
    names = ["data_set", "network", "held_out", "layers", "above", "difference", "low", "high", "p"]
    return pd.DataFrame(rows, columns=names)


def _layers(
    measured: Sequence[ChannelDistances], efficacy: Efficacy
) -> Iterator[tuple[ChannelDistances, str, Floats, Images]]:
    for each in rated(measured):
        for tap, pe in layers_of(each, efficacy):
            yield each, tap, pe, _images(each, tap)


def _images(each: ChannelDistances, tap: str) -> Images:
    known = judgeable(each)
    assert each.opinion is not None
    sign = -1.0 if each.opinion.higher_is_better else 1.0
    return Images(weighted(each, tap, EQUATION_1)[known], sign * each.table.loc[known, "opinion"].to_numpy(float))


def _cases(
    each: ChannelDistances, tap: str, images: Images, measured: Sequence[ChannelDistances], count: int, seed: int
) -> Iterator[tuple[str, str, Images, Images]]:
    """held_out, case, training images, test images of every way to hold images out."""
    table = each.table[judgeable(each)]
    of_references = splits(table["reference"], count, TEST_SHARE, seed) if table["reference"].nunique() > 1 else []
    for number, split in enumerate(of_references):
        yield REFERENCES, str(number), images.at(split.train), images.at(split.test)
    kinds = table["distortion"].value_counts()
    for kind in kinds.index[(kinds >= _FEWEST) & (len(table) - kinds >= _FEWEST)].sort_values():
        tested = (table["distortion"] == kind).to_numpy()
        yield DISTORTIONS, str(kind), images.at(~tested), images.at(tested)
    for other in rated(measured):
        if other.backbone != each.backbone or other.name == each.name or tap not in other.distances:
            continue
        elsewhere, scenes = _images(other, tap), _scenes(other)
        for number, split in enumerate(of_references):
            apart = ~np.isin(scenes, _scenes(each)[split.test])
            if apart.sum() >= _FEWEST:
                yield SETS, str(number), elsewhere.at(apart), images.at(split.test)


def _scenes(each: ChannelDistances) -> NDArray[np.str_]:
    """The scene of each image that `_images` has."""
    return np.array([scene(each.name, reference) for reference in each.table.loc[judgeable(each), "reference"]])


def _compare(
    pe: Floats, measures: Mapping[str, Floats], training: Images, test: Images, draws: int, seed: int
) -> Iterator[tuple[int, str, float, float]]:
    learnt, wanted = training.worth(), test.worth()
    known = np.flatnonzero(np.isfinite(learnt) & np.isfinite(wanted))
    if len(known) < 2 * _FOLDS:
        return
    target, goal = _ranks(learnt[known]), _ranks(wanted[known])
    if np.ptp(goal) == 0:  # every channel follows the held-out opinions alike: nothing to explain
        return
    columns = {name: _ranks(values[known]) for name, values in {**measures, PE: pe, OPINIONS: learnt}.items()}
    size = max(1, round(len(known) * CONTROL / 100))
    predicted, chosen = dict[str, Floats](), dict[str, NDArray[np.intp]]()
    predictors = {name: (name,) for name in columns} | {SIMPLE: MEASURES, BOTH: (*MEASURES, PE)}
    for by, of in predictors.items():
        predicted[by] = _predict(np.stack([columns[name] for name in of], axis=1), target, seed)
        order = columns[by] if by in columns else predicted[by]
        chosen[by] = np.sort(known[np.argsort(-order, kind="stable")[:size]])
    random = [known[subset] for subset in random_subsets(len(known), size, draws, seed)]
    *of_sets, everything = test.srcc([*chosen.values(), known])
    for by, srcc in zip(predicted, of_sets, strict=True):
        error = float(np.square(goal - predicted[by]).sum() / np.square(goal - goal.mean()).sum())
        yield len(known), by, 1 - error, float(srcc)
    yield len(known), ALL, np.nan, float(everything)
    yield len(known), RANDOM, np.nan, float(np.median(test.srcc(random)))


def _predict(columns: Floats, target: Floats, seed: int) -> Floats:
    """Linear regression of the target on the columns, each row predicted by the fit to the other folds of rows."""
    design = np.column_stack([np.ones(len(target)), columns])
    fold = np.random.default_rng(seed).permutation(len(target)) % _FOLDS
    predicted = np.empty(len(target))
    for number in range(_FOLDS):
        inside = fold == number
        found = np.linalg.lstsq(design[~inside], target[~inside], rcond=None)[0]
        predicted[inside] = design[inside] @ found
    return predicted


def _ranks(values: Floats) -> Floats:
    """Ranks as parts of the number of values, centred."""
    ranks = stats.rankdata(values) / len(values)
    return np.asarray(ranks - ranks.mean())
