"""Paper 1, "Autoencoder reconstructions": rankings of the losses by people and by metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication import project
from replication.evaluation.plackett_luce import plackett_luce, rank_counts
from replication.evaluation.simulated_raters import agreement, ranking_power, share_above, simulate_session
from replication.papers.msssim.losses import METHODS, OURS
from replication.papers.msssim.ranking import RankingError, read_rankings
from replication.papers.msssim.reconstructions import COMPARED, photo_of
from replication.reporting.losses import pairs


@dataclass(frozen=True)
class Ranked:
    """Rankings by one observer, or by all people.

    rankings: (n, losses), best first, as positions in the list of losses. clusters: of each ranking, the photo or the
    person. seeds: of each ranking, the seed of the networks.
    """

    rankings: NDArray[np.intp]
    clusters: NDArray[np.str_]
    seeds: NDArray[np.intp]


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


def groups(titles: Sequence[str]) -> dict[str, list[str]]:
    """Losses that are ranked together: the paper's, and where there are extensions, all of `titles`; label -> losses.

    A loss more changes everybody's ranks, so the paper's losses are also ranked among themselves.
    """
    own = [title for title in titles if title in METHODS.values()]
    return {"": own} | ({", extensions among the losses": list(titles)} if len(titles) > len(own) else {})


def among(ranked: Mapping[str, Ranked], count: int) -> dict[str, Ranked]:
    """The same rankings of the first `count` losses alone."""
    return {
        observer: replace(one, rankings=one.rankings[one.rankings < count].reshape(-1, count))
        for observer, one in ranked.items()
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


def images_of_participant(names: Sequence[str], participant: int, each: int, *, seed: int = 0) -> list[str]:
    """The images of one participant (0, 1, ...), `each` of them, so that nobody has another's; drawn by the seed."""
    first = participant * each
    if participant < 0 or each < 1 or first + each > len(names):
        raise ValueError(
            f"{len(names)} images make {len(names) // max(each, 1)} participants with {each} each, "
            f"numbered from 0; got participant {participant}"
        )
    order = np.random.default_rng(seed).permutation(len(names))[first : first + each]
    return [names[i] for i in order]


def rank_shares(ranked: Mapping[str, Ranked], losses: Sequence[str]) -> pd.DataFrame:
    """Shares of rankings in which each loss was first, second, third: observer, loss, rank, share."""
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
    """Share of rankings in which MS-SSIM stands above each of the paper's other losses, and an extension above each.

    Columns: observer, first, second, ranked (in words), share, low, high (95 % interval over clusters), least, most (of
    single seeds), n.
    """
    rows = []
    for observer, one in ranked.items():
        for first, second in pairs(COMPARED, losses):
            items = list(losses).index(first), list(losses).index(second)
            words = f"above {second}" if first == OURS else f"{first} above {second}"
            all_seeds = share_above(one.rankings, *items, one.clusters, seed=seed)
            above = _above(one.rankings, *items)
            by_seed = [above[one.seeds == number].mean() for number in dict.fromkeys(one.seeds.tolist())]
            rows.append((observer, first, second, words, *all_seeds, min(by_seed), max(by_seed), len(one.rankings)))
    columns = ["observer", "first", "second", "ranked", "share", "low", "high", "least", "most", "n"]
    return pd.DataFrame(rows, columns=columns)


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
    """A caption for each loss's reconstruction of an image: its mean rank over observers, if ranked, and its SSIM.

    ranked: rankings of the first losses, or of all.
    """
    places = [np.argsort(one.rankings[position]) + 1 for one in ranked.values()]
    ranks = [f"mean rank {rank:.1f}, " for rank in np.mean(places, axis=0)]
    return {loss: f"{loss}\n{rank}SSIM {scores[loss]:.3f}" for loss, rank in zip_longest(losses, ranks, fillvalue="")}


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
    """Power of an experiment of this size, by simulation: see `evaluation.simulated_raters.Power`.

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


def _above(rankings: NDArray[np.intp], first: int, second: int) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = np.argmax(rankings == first, axis=1) < np.argmax(rankings == second, axis=1)
    return above
