"""Paper 4: verdicts on the claims about opinions and comparisons, from everything that was measured."""

from collections.abc import Mapping, Sequence

import pandas as pd

from replication.papers.pe import rules
from replication.papers.pe.basis import Votes, votes
from replication.papers.pe.quality import EQUATION_1
from replication.reporting.adequacy import combined
from replication.reporting.verdicts import NOT_RUN, judged
from replication.scoring.channel_tables import ChannelDistances

ALEXNET = ("AlexNet",)
BAPPS = ("bapps-jnd", "bapps-2afc")


def judge(
    measured: Sequence[ChannelDistances],
    differences: pd.DataFrame,
    regression: pd.DataFrame,
    beside: pd.DataFrame,
    comparisons: pd.DataFrame,
    metrics: pd.DataFrame,
) -> pd.DataFrame:
    """Verdicts on ten claims: the columns of claims.csv.

    measured: of `quality.by_kind`, absent ones too. differences: of `quality.study`; those under eq. 1 are judged.
    regression: of `regression.fitted`. beside: of `comparisons.beside_metrics`. comparisons: of `comparisons.judged`.
    metrics: of `comparisons.judged_metrics`.
    """
    own = differences[differences["weighting"] == EQUATION_1] if len(differences) else differences
    every = votes(measured)
    googlenet = votes(measured, sets=("live",), networks=("GoogLeNet",))
    mixed = votes(measured, sets=("live-md",), networks=ALEXNET)
    blur = votes(measured, sets=("live",), networks=ALEXNET, distortion=rules.BLUR)
    people, people_alexnet = votes(measured, sets=BAPPS), votes(measured, sets=BAPPS, networks=ALEXNET)
    everything, blurred = (
        (beside[beside["images"] == kind] if len(beside) else beside) for kind in ("all", rules.BLUR)
    )
    cases = {"multiply distorted": (mixed, mixed.of(everything)), "blur": (blur, blur.of(blurred))}
    both, of_both = _testing(cases)
    found: dict[str, tuple[Votes, rules.Outcome]] = {
        "h-over-f": (every, rules.sets_differ(every.of(own), "H")),
        "f-over-l": (every, rules.sets_differ(every.of(own), "L")),
        "across-networks": (every, rules.across_networks(every.of(own))),
        "h5-fits-dmos": (googlenet, rules.fits(googlenet.of(regression))),
        "jnd-2afc": (people, rules.judgements(people.of(comparisons))),
        "h10-beats-lpips-md": (mixed, rules.beats_metric(mixed.of(everything), rules.LPIPS)),
        "h10-beats-lpips-blur": (blur, rules.beats_metric(blur.of(blurred), rules.LPIPS, ["relu1"])),
        "five-layers-beat-lpips": (both, rules.five_layers(of_both)),
        "h10-beats-ssim-l2": (both, rules.beats_classical(of_both)),
        "lpips-best-2afc": (people_alexnet, rules.lpips_is_best(people_alexnet.of(comparisons), metrics)),
    }
    outcomes = {
        claim: outcome if chosen.basis else (NOT_RUN, chosen.why_not) for claim, (chosen, outcome) in found.items()
    }
    bases = {claim: chosen.basis for claim, (chosen, _) in found.items() if chosen.basis}
    return judged(rules.PAPER, outcomes, bases)


def _testing(cases: Mapping[str, tuple[Votes, pd.DataFrame]]) -> tuple[Votes, dict[str, pd.DataFrame]]:
    """The cases of a claim about several that are tests, with the others named as missing; all where none is."""
    tests = {
        name: each for name, each in cases.items() if each[0].basis is not None and each[0].basis.images != "stand-in"
    }
    known = tests or {name: each for name, each in cases.items() if each[0].basis is not None}
    if not known:
        return next(iter(cases.values()))[0], {}
    lacking = [name for name in cases if name not in known]
    bases = [chosen.basis for chosen, _ in known.values() if chosen.basis is not None]
    basis = combined(bases, f"without {', '.join(lacking)}" if lacking else "")
    pairs = frozenset(pair for chosen, _ in known.values() for pair in chosen.pairs)
    return Votes(pairs, basis), {name: table for name, (_, table) in known.items()}
