"""Paper 1, "Autoencoder reconstructions": means and differences of losses, rankings by people and by metrics, verdicts.

Items are images; crops of one photo are not independent, so intervals draw photos (`photo_of`). Numbers of several
seeds are averaged image by image before an interval is taken; the least and greatest mean of a seed stand beside it.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from replication import project
from replication.evaluation.cluster_means import cluster_mean, cluster_statistic, cut_off
from replication.evaluation.intervals import Interval
from replication.evaluation.plackett_luce import plackett_luce, rank_counts
from replication.evaluation.simulated_raters import agreement, ranking_power, share_above, simulate_session
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim.ranking import RankingError, read_rankings
from replication.reporting.numbers import signed, signed_interval
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.reconstructions import Made
from replication.scoring.reconstructions import detail as measure_detail
from replication.training.trained import Trained

PAPER = "msssim"
METHODS = {"mse": "MSE", "mae": "MAE", "ms_ssim": "MS-SSIM"}
"""Losses by their name in params.yaml and in the paper."""

OURS = "MS-SSIM"  # the loss that the claims are about


@dataclass(frozen=True)
class Ranked:
    """Rankings by one observer, or by all people.

    rankings: (n, losses), best first, as positions in the list of losses. clusters: of each ranking, the photo or the
    person. seeds: of each ranking, the seed of the networks.
    """

    rankings: NDArray[np.intp]
    clusters: NDArray[np.str_]
    seeds: NDArray[np.intp]


def load_runs(folder: Path, losses: Sequence[str], seeds: Sequence[int]) -> dict[tuple[str, int], Trained[Autoencoder]]:
    """The trained networks by the loss's name in the paper and the seed. The claims need MSE, MAE and MS-SSIM."""
    if sorted(losses) != sorted(METHODS):
        raise ValueError(f"the paper compares {', '.join(METHODS)}; losses are {', '.join(losses)}")
    return {
        (METHODS[loss], seed): Trained.load(folder / f"ae-{loss}-{seed}", Autoencoder)
        for loss in losses
        for seed in seeds
    }


def photo_of(names: Sequence[str]) -> list[str]:
    """The photo each image was cut from: of "set/photo@left,top" what stands before "@"; else the name itself."""
    return [name.partition("@")[0] for name in names]


def means(table: pd.DataFrame, value: str, by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Mean of each loss with its 95 % interval over photos: `by`, loss, mean, low, high, least, most, n.

    table: loss, seed, image, `by` and `value`. least, most: of the means of single seeds. Images where `value` is not
    finite for any loss or seed are left out for all; n counts the others.
    """
    rows = []
    for key, wide in _wide(table, value, by):
        for loss in dict.fromkeys(wide.columns.get_level_values("loss")):
            rows.append((*key, loss, *_summary(wide[loss], seed)))
    return pd.DataFrame(rows, columns=[*by, "loss", "mean", "low", "high", "least", "most", "n"])


def differences(table: pd.DataFrame, value: str, by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """MS-SSIM minus each other loss on the same images: `by`, second, mean, low, high, least, most, n; see `means`."""
    rows = []
    for key, wide in _wide(table, value, by):
        for loss in dict.fromkeys(wide.columns.get_level_values("loss")):
            if loss != OURS:
                rows.append((*key, loss, *_summary(wide[OURS] - wide[loss], seed)))
    return pd.DataFrame(rows, columns=[*by, "second", "mean", "low", "high", "least", "most", "n"])


def mean_correlation(detail: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Mean over the bands from `low` to `high` of each reconstruction's correlation: loss, seed, image, correlation.

    NaN where a band of the image is empty. detail: `replication.scoring.reconstructions.detail`.
    """
    inside = detail[(detail["band_low"] >= low - 1e-9) & (detail["band_high"] <= high + 1e-9)]
    if inside.empty:
        raise ValueError(f"no band lies between {low:g} and {high:g} cycles per pixel; name edges among the bands'")
    groups = inside.groupby(["loss", "seed", "image"], sort=False)["correlation"]
    return groups.agg(lambda values: values.mean(skipna=False)).reset_index()


def cut_offs(detail: pd.DataFrame, *, threshold: float = 0.5, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How fine a detail each loss keeps: where the mean correlation over images first falls below `threshold`.

    The first table is as from `means`, the second as from `differences`, both in cycles per pixel. Bands stand at the
    geometric means of their ends.
    """
    bands = detail[["band_low", "band_high"]].drop_duplicates().sort_values("band_low")
    frequencies = np.sqrt(bands["band_low"].to_numpy() * bands["band_high"].to_numpy())
    wide = detail.pivot(index="image", columns=["loss", "seed", "band_low"], values="correlation")
    wide = wide.loc[np.isfinite(wide.to_numpy()).all(axis=1)].sort_index(axis=1)
    photos = photo_of(list(wide.index))
    seeds = list(dict.fromkeys(detail["seed"]))

    def row(first: str, second: str | None) -> tuple[float, ...]:
        def of(chosen: Sequence[int]) -> Interval:
            curves = [
                sum(wide[loss][one].to_numpy() for one in chosen) / len(chosen)
                for loss in (first, second)
                if loss is not None
            ]

            def measure(curve: NDArray[np.float64]) -> NDArray[np.float64]:
                parts = [cut_off(frequencies, part, threshold) for part in np.split(curve, len(curves), axis=-1)]
                return parts[0] if second is None else parts[0] - parts[1]

            return cluster_statistic(measure, np.concatenate(curves, axis=1), photos, seed=seed)

        single = [of([one]).estimate for one in seeds]
        return (*of(seeds), min(single), max(single), len(wide))

    losses = list(dict.fromkeys(detail["loss"]))
    columns = ["mean", "low", "high", "least", "most", "n"]
    return (
        pd.DataFrame([(loss, *row(loss, None)) for loss in losses], columns=["loss", *columns]),
        pd.DataFrame([(loss, *row(OURS, loss)) for loss in losses if loss != OURS], columns=["second", *columns]),
    )


def detail_choices(
    originals: Tensor, made: Made, names: Sequence[str], detail: pd.DataFrame, fine: Sequence[float], *, seed: int = 0
) -> pd.DataFrame:
    """What other choices of "fine detail" make of MS-SSIM's differences, in rows as of `differences`.

    detail: `replication.scoring.reconstructions.detail` of the same reconstructions; fine: the choice in use. Others:
    fine detail from each lower end of a band on; without window; another threshold of the cut-off frequency.
    """
    edges = sorted({*detail["band_low"], *detail["band_high"]})
    span = "{:g} to {:g} cycles per pixel"
    parts = [
        differences(mean_correlation(detail, low, fine[1]), "correlation", [], seed=seed).assign(
            what="mean correlation", choice=span.format(low, fine[1]) + (" (in use)" if low == fine[0] else "")
        )
        for low in edges
        if low < fine[1]
    ]
    bare = measure_detail(originals, made, names, [edge for edge in edges if fine[0] <= edge <= fine[1]], taper=False)
    parts.append(
        differences(mean_correlation(bare, *fine), "correlation", [], seed=seed).assign(
            what="mean correlation", choice=span.format(*fine) + ", no window"
        )
    )
    for threshold, words in ((0.5, "below 1/2 (in use)"), (1 / 7, "below 1/7")):
        parts.append(cut_offs(detail, threshold=threshold, seed=seed)[1].assign(what="cut-off frequency", choice=words))
    table = pd.concat(parts, ignore_index=True)
    return table[["what", "choice", *table.columns.drop(["what", "choice"])]]


def ranked_by_observers(
    rankings: Mapping[str, Mapping[int, NDArray[np.intp]]], names: Sequence[str]
) -> dict[str, Ranked]:
    """The rankings of `replication.scoring.reconstructions.observer_rankings`, seeds together, clustered by photo."""
    photos = np.array(photo_of(names))
    return {
        observer: Ranked(
            np.concatenate(list(by_seed.values())),
            np.tile(photos, len(by_seed)),
            np.repeat(np.array(list(by_seed)), len(names)),
        )
        for observer, by_seed in rankings.items()
    }


def read_people(path: str, losses: Sequence[str], names: Sequence[str], seed: int) -> Ranked | None:
    """People's rankings from a session's CSV, clustered by person; None where no file is named.

    path: relative to the project's folder. names: of the images that could be shown; seed: of the networks shown.
    Raises RankingError for rankings of other images or by a single person.
    """
    if not path:
        return None
    rows, rankings = read_rankings(project.root() / path, losses)
    unknown = sorted(set(rows["image"]) - set(names))
    if unknown:
        raise RankingError(f"{Path(path).name}: {unknown[0]} is not among the {len(names)} held-out images")
    raters = rows["rater"].to_numpy(str)
    if len(set(raters)) < 2:
        raise RankingError(f"{Path(path).name}: rankings by {len(set(raters))} participant(s); an interval needs two")
    return Ranked(rankings, raters, np.full(len(rankings), seed))


def dealt(names: Sequence[str], participant: int, each: int, *, seed: int = 0) -> list[str]:
    """The images of one participant (0, 1, ...), `each` of them, so that nobody has another's; drawn by the seed."""
    first = participant * each
    if participant < 0 or each < 1 or first + each > len(names):
        raise ValueError(
            f"{len(names)} images are dealt to {len(names) // max(each, 1)} participants with {each} each, "
            f"numbered from 0; got participant {participant}"
        )
    order = np.random.default_rng(seed).permutation(len(names))[first : first + each]
    return [names[i] for i in order]


def rank_shares(ranked: Mapping[str, Ranked], losses: Sequence[str]) -> pd.DataFrame:
    """How often each loss was ranked first, second, third: observer, loss, rank, share."""
    rows = []
    for observer, one in ranked.items():
        counts = rank_counts(one.rankings)
        rows += [
            (observer, loss, rank + 1, counts[item, rank] / len(one.rankings))
            for item, loss in enumerate(losses)
            for rank in range(len(losses))
        ]
    return pd.DataFrame(rows, columns=["observer", "loss", "rank", "share"])


def worths(ranked: Mapping[str, Ranked], losses: Sequence[str]) -> pd.DataFrame:
    """Plackett-Luce worths with 95 % intervals over clusters: observer, loss, worth, low, high, note.

    Where the likelihood has no maximum they are NaN and the note says so.
    """
    rows: list[tuple[Any, ...]] = []
    for observer, one in ranked.items():
        try:
            found = plackett_luce(one.rankings, one.clusters)
        except ValueError as error:
            rows += [(observer, loss, np.nan, np.nan, np.nan, str(error).split(":")[0]) for loss in losses]
            continue
        rows += [
            (observer, loss, found.worth[item], found.low[item], found.high[item], "")
            for item, loss in enumerate(losses)
        ]
    return pd.DataFrame(rows, columns=["observer", "loss", "worth", "low", "high", "note"])


def preferences(ranked: Mapping[str, Ranked], losses: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Share of rankings in which MS-SSIM stands above each other loss, with its 95 % interval over clusters.

    Columns: observer, second, share, low, high, least, most (of single seeds), n.
    """
    rows = []
    own = list(losses).index(OURS)
    for observer, one in ranked.items():
        for item, loss in enumerate(losses):
            if item != own:
                all_seeds = share_above(one.rankings, own, item, one.clusters, seed=seed)
                above = _above(one.rankings, own, item)
                by_seed = [above[one.seeds == number].mean() for number in dict.fromkeys(one.seeds.tolist())]
                rows.append((observer, loss, *all_seeds, min(by_seed), max(by_seed), len(one.rankings)))
    return pd.DataFrame(rows, columns=["observer", "second", "share", "low", "high", "least", "most", "n"])


def observer_agreement(ranked: Mapping[str, Ranked]) -> pd.DataFrame:
    """`evaluation.simulated_raters.agreement` (mean Kendall's tau) of every two observers, as a square table."""
    names = list(ranked)
    values = [[agreement(ranked[a].rankings, ranked[b].rankings) for b in names] for a in names]
    return pd.DataFrame(values, index=pd.Index(names, name="observer"), columns=names)


def examples(
    ranked: Mapping[str, Ranked], losses: Sequence[str], names: Sequence[str], *, seed: int = 0
) -> dict[str, list[int]]:
    """Positions of images whose MS-SSIM reconstruction most observers ranked first, and where fewer than half did.

    Networks of the first seed; in an order drawn by `seed`, one image of each photo.
    """
    own = list(losses).index(OURS)
    first = np.mean([one.rankings[: len(names), 0] == own for one in ranked.values()], axis=0)
    order = np.random.default_rng(seed).permutation(len(names))
    photos = photo_of(names)
    found: dict[str, list[int]] = {}
    for title, chosen in (("ranked first", first > 0.5), ("ranked second or third", first < 0.5)):
        taken: dict[str, int] = {}
        for position in order[chosen[order]]:
            taken.setdefault(photos[position], int(position))
        found[title] = list(taken.values())
    return found


def captions(
    ranked: Mapping[str, Ranked], losses: Sequence[str], position: int, scores: Mapping[str, float]
) -> dict[str, str]:
    """A caption for each loss's reconstruction of an image: its mean rank over observers, and its SSIM."""
    places = [np.argsort(one.rankings[position]) + 1 for one in ranked.values()]
    ranks = np.mean(places, axis=0)
    return {loss: f"{loss}\nmean rank {ranks[item]:.1f}, SSIM {scores[loss]:.3f}" for item, loss in enumerate(losses)}


def recovery(log_worth: Mapping[str, float], *, raters: int, images: int, taste: float, seed: int) -> pd.DataFrame:
    """One simulated session with known worths and what the analysis makes of it: loss, known, worth, low, high."""
    theta = np.array(list(log_worth.values()))
    session = simulate_session(theta, raters=raters, images=images, taste=taste, seed=seed)
    found = plackett_luce(session.rankings, session.raters)
    return pd.DataFrame(
        {
            "loss": list(log_worth),
            "known": np.exp(theta) / np.exp(theta).sum(),
            "worth": found.worth,
            "low": found.low,
            "high": found.high,
        }
    )


def power_table(
    *,
    raters: int,
    images: int,
    differences: Sequence[float],
    tastes: Sequence[float],
    repetitions: int,
    seed: int,
) -> pd.DataFrame:
    """What an experiment of this size can tell, by simulation: see `evaluation.simulated_raters.Power`.

    Columns: taste, difference (of log-worths), share (of rankings above, that difference stands for where tastes do not
    vary), width, covered, found.
    """
    rows = []
    for taste in tastes:
        for difference in differences:
            power = ranking_power(
                difference, raters=raters, images=images, taste=taste, repetitions=repetitions, seed=seed
            )
            share = 1 / (1 + np.exp(-difference))
            rows.append((taste, difference, share, power.width, power.covered, power.found))
    return pd.DataFrame(rows, columns=["taste", "difference", "share", "width", "covered", "found"])


def judge_claims(people: pd.DataFrame | None, fine: pd.DataFrame, cut_off: pd.DataFrame, *, note: str) -> pd.DataFrame:
    """Verdicts on both claims: paper, claim, verdict, evidence.

    people: `preferences` of people, or None. fine: `differences` of `mean_correlation` in the bands of fine detail.
    cut_off: the differences of `cut_offs`. note: on what images.
    """
    return pd.DataFrame(
        [
            (PAPER, "human-preference", *_human_preference(people, note)),
            (PAPER, "fine-detail", *_fine_detail(fine, cut_off, note)),
        ],
        columns=["paper", "claim", "verdict", "evidence"],
    )


def extensions(
    scores: pd.DataFrame, fine: pd.DataFrame, cut_off: pd.DataFrame, preferred: pd.DataFrame, *, note: str
) -> pd.DataFrame:
    """Numbers that the paper does not print, for the scorecard.

    scores: `means` by metric; fine: `means` of `mean_correlation`; cut_off: of `cut_offs`; preferred: `preferences` of
    model observers.
    """
    rows: list[tuple[Any, ...]] = []
    for row in scores.to_dict("records"):
        rows.append(("reconstructions", row["loss"], "held-out images", row["metric"], *_four(row, "mean"), note))
    for statistic, table in (("correlation of fine detail", fine), ("cut-off, cycles per pixel", cut_off)):
        for row in table.to_dict("records"):
            rows.append(("reconstructions", row["loss"], "held-out images", statistic, *_four(row, "mean"), note))
    for row in preferred.to_dict("records"):
        words = f"model observer {row['observer']}, no people; {note}"
        rows.append(
            (
                "model observers",
                OURS,
                row["observer"],
                f"share ranked above {row['second']}",
                *_four(row, "share"),
                words,
            )
        )
    columns = ["table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    found = pd.DataFrame(rows, columns=columns)
    found.insert(0, "paper", PAPER)
    return found


def _human_preference(people: pd.DataFrame | None, note: str) -> tuple[str, str]:
    """'Observers tend to rank MS-SSIM reconstructions above MSE and MAE ones.'

    Reproduced: MS-SSIM stands above MSE, and above MAE, in more than half of the rankings, the whole 95 % interval over
    participants included. Close: in more than half, but not significantly. Otherwise not reproduced. Not run without
    people.
    """
    if people is None:
        return NOT_RUN, (
            "Needs people: no file of human rankings is given (msssim_autoencoders.analysis.rankings). Rankings by "
            "metrics are reported as model observers and give no verdict."
        )
    significant, mostly = (people["low"] > 0.5).all(), (people["share"] > 0.5).all()
    verdict = REPRODUCED if significant else CLOSE if mostly else NOT_REPRODUCED
    parts = [
        f"above {row['second']} in {row['share']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
        for row in people.to_dict("records")
    ]
    return verdict, f"{int(people['n'].iloc[0])} rankings by people: MS-SSIM {' and '.join(parts)}. {note}."


def _fine_detail(fine: pd.DataFrame, cut_off: pd.DataFrame, note: str) -> tuple[str, str]:
    """'MS-SSIM reconstructions keep fine detail better': detail is what correlates with the original's.

    Reproduced: the mean correlation over the bands of fine detail is significantly higher than with MSE and than with
    MAE. Close: it is not, but the cut-off frequency is significantly higher: finer detail survives. Otherwise not
    reproduced. Significant: the whole 95 % interval of the paired difference lies above 0, and so does the difference
    of every seed.
    """
    significant = [((table["low"] > 0) & (table["least"] > 0)).all() for table in (fine, cut_off)]
    verdict = REPRODUCED if significant[0] else CLOSE if significant[1] else NOT_REPRODUCED
    sentences = []
    for title, table in (("Correlation in the bands of fine detail", fine), ("Cut-off frequency", cut_off)):
        parts = [
            f"{signed_interval(row['mean'], row['low'], row['high'], 4)} against {row['second']}"
            + (
                f" (single seeds {signed(row['least'], 4)} to {signed(row['most'], 4)})"
                if row["least"] < row["most"]
                else ""
            )
            for row in table.to_dict("records")
        ]
        sentences.append(f"{title}, MS-SSIM's minus the other's: {', '.join(parts)}.")
    return verdict, f"{' '.join(sentences)} {note}."


def _wide(table: pd.DataFrame, value: str, by: Sequence[str]) -> list[tuple[tuple[Hashable, ...], pd.DataFrame]]:
    """For each group of `by`, image x (loss, seed), without the images that lack a finite value."""
    groups = table.groupby(list(by), sort=False) if by else [((), table)]
    found = []
    for key, group in groups:
        wide = group.pivot(index="image", columns=["loss", "seed"], values=value)
        wide = wide.loc[np.isfinite(wide.to_numpy()).all(axis=1)]
        if len(wide) < 2:
            raise ValueError(f"{value} is defined for {len(wide)} images at {key}; means need two or more")
        found.append((tuple(key) if isinstance(key, tuple) else (key,), wide))
    return found


def _summary(by_seed: pd.DataFrame, seed: int) -> tuple[Any, ...]:
    """mean, low, high, least, most, n of values (image x seed)."""
    values = by_seed.mean(axis=1)
    single = by_seed.mean(axis=0)
    return (*cluster_mean(values, photo_of(list(by_seed.index)), seed=seed), single.min(), single.max(), len(values))


def _above(rankings: NDArray[np.intp], first: int, second: int) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = np.argmax(rankings == first, axis=1) < np.argmax(rankings == second, axis=1)
    return above


def _four(row: Mapping[Hashable, Any], estimate: str) -> tuple[float, float, float, int]:
    return row[estimate], row["low"], row["high"], row["n"]
