"""Verdicts on published values and claims, and the files in which an experiment leaves its numbers for the scorecard.

results/<profile>/<experiment>/values.csv      paper, table, row, column, statistic, value, low, high, n, origin,
                                               untested, note
results/<profile>/<experiment>/claims.csv      paper, claim, verdict, says, untested, evidence
results/<profile>/<experiment>/extensions.csv  as values.csv, for numbers that no paper has printed
results/<profile>/<experiment>/metrics.json    the numbers of values.csv and the number of verdicts of each kind, for
                                               `dvc metrics show` and `dvc metrics diff`
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from replication import project
from replication.files import atomic_write_text
from replication.reporting import published as papers
from replication.reporting.adequacy import Basis
from replication.reporting.published import CLAIM_KEY, KEY

VERDICTS = ("reproduced", "close", "not reproduced", "not tested", "not run")
REPRODUCED, CLOSE, NOT_REPRODUCED, NOT_TESTED, NOT_RUN = VERDICTS
SAYS = ("supports", "inconclusive", "contradicts")
SUPPORTS, INCONCLUSIVE, CONTRADICTS = SAYS
"""What numbers say that are no test: as `reproduced`, `close` and `not reproduced` of those that are."""

OF_OTHERS = "scores of others"
"""The origin of values that were correlated from per-image scores that others published; "" is our own computation."""

VALUE_COLUMNS = [*KEY, "value", "low", "high", "n", "origin", "untested", "note"]
CLAIM_COLUMNS = [*CLAIM_KEY, "verdict", "says", "untested", "evidence"]
RULE = (
    "A value is reproduced if it lies within the first tolerance of the published one, close if within the second, and "
    "not reproduced otherwise; half a unit of the last printed digit is added to both, because the published value is "
    "rounded. Tolerances are set per table and statistic. The interval of our value shows how much it depends on which "
    "images were measured; published values were measured on the same images, so it does not enter the verdict. A "
    "value that is no test of the published one is not tested; it supports it within the second tolerance, and "
    "contradicts it where its whole interval lies outside."
)
METRICS = "metrics.json"
_SHOWN = 40  # numbers in metrics.json at most: a table for the terminal
_FLOAT = "%.6g"  # numbers as files hold them; a notebook judges and prints the same ones as the scorecard
_SLACK = 1e-9  # 26.01 - 25.955 is a little more than 0.055 in floating point


class ResultsError(ValueError):
    """Results with missing columns, unknown keys or words that are no verdict; the message says which."""


def compare(published: pd.DataFrame, ours: pd.DataFrame, tolerances: pd.DataFrame | None = None) -> pd.DataFrame:
    """Set our values beside the published ones and judge each.

    published: rows of `published.values()`; ours: the columns of values.csv (those after value may be absent).
    Returns one row per published value, in its order: the key, published, printed, ours, low, high, n, difference (ours
    minus published), verdict, says, origin, reason (the limit that decided, or why it was not tested or not run), note
    (ours).

    With p published, u the unit of its last digit, and x ours:
        x absent or NaN       not run, the reason being the note that came with it
        x no test of p        not tested, the reason being `untested`
        |x - p| <= t1 + u/2   reproduced
        |x - p| <= t2 + u/2   close
        otherwise             not reproduced
    t1 and t2 are the tolerances 'reproduced' and 'close' of the table and statistic, times |p| where the scale is
    relative. The interval of x shows how far it depends on the choice of images; where p was measured on the same
    images it does not enter the verdict. A value that is not tested supports p if |x - p| <= t2 + u/2, contradicts it
    if no point of its interval is so near, and is inconclusive otherwise.
    """
    limits = papers.tolerances() if tolerances is None else tolerances
    own = _complete(ours, VALUE_COLUMNS, "value")
    check_keys(own, published, KEY)
    joined = published.rename(columns={"value": "published", "note": "remark"}).merge(
        own.rename(columns={"value": "ours"}), on=KEY, how="left", validate="one_to_one"
    )
    joined = joined.merge(limits, on=["paper", "table", "statistic"], how="left", validate="many_to_one")
    if joined["scale"].isna().any():
        first = joined[joined["scale"].isna()].iloc[0]
        raise ResultsError(f"tolerances.csv has no row for {first['paper']} / {first['table']} / {first['statistic']}")
    joined[["origin", "untested"]] = joined[["origin", "untested"]].fillna("")
    rounding = joined["printed"].map(papers.rounding).to_numpy(float)
    factor = np.where(joined["scale"] == "relative", joined["published"].abs(), 1.0)
    difference = (joined["ours"] - joined["published"]).to_numpy(float)
    near = joined["reproduced"].to_numpy(float) * factor + rounding
    far = joined["close"].to_numpy(float) * factor + rounding
    distance = np.abs(difference) - _SLACK
    ends = [joined[end].fillna(joined["ours"]).to_numpy(float) for end in ("low", "high")]
    nearest = np.clip(joined["published"].to_numpy(float), *ends)  # the point of our interval nearest to p
    outside = np.abs(nearest - joined["published"].to_numpy(float)) - _SLACK > far
    run, tested = ~np.isnan(difference), (joined["untested"] == "").to_numpy()
    joined["difference"] = difference
    joined["verdict"] = np.select(
        [~run, ~tested, distance <= near, distance <= far],
        [NOT_RUN, NOT_TESTED, REPRODUCED, CLOSE],
        default=NOT_REPRODUCED,
    )
    says = np.select([distance <= far, outside], [SUPPORTS, CONTRADICTS], default=INCONCLUSIVE)
    joined["says"] = np.where(joined["verdict"] == NOT_TESTED, says, "")
    joined["reason"] = [
        _reason(*row) for row in zip(joined["verdict"], joined["untested"], joined["note"], near, far, strict=True)
    ]
    joined["note"] = joined["note"].fillna("").where(joined["verdict"] != NOT_RUN, "")  # not run: a reason
    columns = ["published", "printed", "ours", "low", "high", "n", "difference", "verdict", "says", "origin", "reason"]
    return joined[[*KEY, *columns, "note"]]


def judged(paper: str, outcomes: Mapping[str, tuple[str, str]], bases: Mapping[str, Basis] | Basis) -> pd.DataFrame:
    """The columns of claims.csv for claims of a paper.

    outcomes: claim -> (what its rule says of the numbers: reproduced, close, not reproduced or not run; evidence).
    bases: what the numbers rest on, by claim or for all. Numbers that are no test give "not tested", and what the rule
    says becomes supports, inconclusive or contradicts. If `missing` says that the claim needs more, the same holds
    unless the rule says not reproduced: a claim about all sets is refuted by one.
    """
    rows = []
    for claim, (outcome, evidence) in outcomes.items():
        basis = bases if isinstance(bases, Basis) else bases.get(claim)
        untested = "" if basis is None or outcome == NOT_RUN else basis.untested("claim")
        if not untested and basis is not None and outcome in (REPRODUCED, CLOSE):
            untested = basis.missing
        says = {REPRODUCED: SUPPORTS, CLOSE: INCONCLUSIVE, NOT_REPRODUCED: CONTRADICTS}[outcome] if untested else ""
        rows.append((paper, claim, NOT_TESTED if untested else outcome, says, untested, evidence))
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def compare_claims(claims: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Published claims with our verdict and evidence: the columns of `published.claims()`, verdict, says, untested,
    reason (the evidence)."""
    own = _complete(ours, CLAIM_COLUMNS, "verdict").rename(columns={"evidence": "reason"})
    check_keys(own, claims, CLAIM_KEY)
    joined = claims.merge(own, on=CLAIM_KEY, how="left", validate="one_to_one")
    joined["reason"] = joined["reason"].fillna("").where(joined["verdict"].notna(), "not built")
    joined[["says", "untested"]] = joined[["says", "untested"]].fillna("")
    joined["verdict"] = joined["verdict"].fillna(NOT_RUN)
    return joined


def write_results(
    profile: str,
    experiment: str,
    values: pd.DataFrame,
    claims: pd.DataFrame | None = None,
    extensions: pd.DataFrame | None = None,
) -> Path:
    """Leave an experiment's numbers in results/<profile>/<experiment>/ for the scorecard; returns that folder.

    values: keys of published values, with value and, where known, low, high (interval), n (items), origin
        ("" or OF_OTHERS), untested (why it is no test of the published value) and note. A value that could not be
        computed is NaN with the reason as its note.
    claims: of `judged`: paper, claim, verdict, says and untested (of those not tested), evidence in a sentence.
    extensions: like values, for numbers nobody has published; their keys are free.

    A key that no paper has printed is an error that lists the nearest ones. Each file is replaced in one step.
    """
    own = _complete(values, VALUE_COLUMNS, "value")
    check_keys(own, papers.values(), KEY)
    frames = {"values": own, "claims": pd.DataFrame(columns=CLAIM_COLUMNS), "extensions": None}
    if claims is not None:
        own_claims = _complete(claims, CLAIM_COLUMNS, "verdict")
        check_keys(own_claims, papers.claims(), CLAIM_KEY)
        _check_words(own_claims)
        frames["claims"] = own_claims
    if extensions is not None:
        frames["extensions"] = _complete(extensions, VALUE_COLUMNS, "value")
    folder = project.results_folder(profile, experiment)
    for name, frame in frames.items():
        if frame is None:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # left by an earlier run
        else:
            write_table(folder / f"{name}.csv", frame)
    atomic_write_text(
        folder / METRICS, json.dumps(_metrics(own, frames["claims"], frames["extensions"]), indent=1) + "\n"
    )
    return folder


def _metrics(
    values: pd.DataFrame, claims: pd.DataFrame | None, extensions: pd.DataFrame | None
) -> dict[str, dict[str, float]]:
    """Counts of verdicts on values and claims, and the numbers; those of extensions where no value was computed."""
    counts: dict[str, dict[str, float]] = {}
    for paper, own in values.groupby("paper", sort=False):
        verdicts = compare(papers.values(str(paper)), own)["verdict"]
        counts["values"] = {
            word: counts.get("values", {}).get(word, 0) + int((verdicts == word).sum()) for word in VERDICTS
        }
    if claims is not None and len(claims):
        counts["claims"] = {word: int((claims["verdict"] == word).sum()) for word in VERDICTS}
    shown = values.dropna(subset="value")
    if shown.empty and extensions is not None:
        shown = extensions.dropna(subset="value")
    numbers = {f"{row.row}, {row.column}, {row.statistic}": float(row.value) for row in shown.itertuples()}  # type: ignore[arg-type]
    return {**counts, "numbers": dict(list(numbers.items())[:_SHOWN])}


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV in one step, numbers with six significant digits, so that equal results are equal files."""
    atomic_write_text(path, table.to_csv(index=False, float_format=_FLOAT, lineterminator="\n"))


def read_results(profile: str) -> dict[str, dict[str, pd.DataFrame]]:
    """Results that a profile's experiments have written: experiment -> {'values', 'claims', 'extensions'} -> table."""
    experiments: dict[str, dict[str, pd.DataFrame]] = {}
    for folder in sorted((project.root() / "results" / profile).glob("*/")):
        found = {}
        for kind, columns in (("values", VALUE_COLUMNS), ("claims", CLAIM_COLUMNS), ("extensions", VALUE_COLUMNS)):
            path = folder / f"{kind}.csv"
            if path.is_file():
                texts = [*KEY, *CLAIM_COLUMNS, "origin", "note"]
                table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False)
                try:
                    found[kind] = _complete(table, columns, "verdict" if kind == "claims" else "value")
                except ResultsError as error:
                    raise ResultsError(f"{path.name} of {folder.name}: {error}") from None
        if found:
            experiments[folder.name] = found
    return experiments


def check_keys(ours: pd.DataFrame, known: pd.DataFrame, key: list[str]) -> None:
    """Raise ResultsError if a key of `ours` occurs twice or is not among the known ones (the nearest are named)."""
    keys = [" / ".join(row) for row in ours[key].itertuples(index=False)]
    names = [" / ".join(row) for row in known[key].itertuples(index=False)]
    for text in keys:
        if text not in names:
            raise ResultsError(f"no published {' / '.join(key)} is {text!r}; nearest: {papers.near(text, names)}")
    if len(set(keys)) < len(keys):
        raise ResultsError(f"{next(text for text in keys if keys.count(text) > 1)!r} is given twice")


def _complete(table: pd.DataFrame, columns: list[str], needed: str) -> pd.DataFrame:
    """The table with all of `columns` in order; keys and `needed` must be present, the rest may be missing."""
    required = [*columns[: columns.index(needed)], needed]
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise ResultsError(f"results lack the column {', '.join(missing)}; needed: {', '.join(required)}")
    unknown = [str(column) for column in table.columns if column not in columns]
    if unknown:
        raise ResultsError(f"results have unknown columns {', '.join(unknown)}; known: {', '.join(columns)}")
    full = table.reindex(columns=columns)
    for column in ("note", "evidence", "origin", "untested", "says"):
        if column in columns:
            full[column] = full[column].astype(object).fillna("").astype(str)
    for column in ("value", "low", "high"):
        if column in columns:
            full[column] = [float(_FLOAT % number) for number in pd.to_numeric(full[column])]
    if "n" in columns:
        full["n"] = pd.to_numeric(full["n"]).astype("Int64")
    return full.reset_index(drop=True)


def _check_words(claims: pd.DataFrame) -> None:
    """Raise ResultsError for words that are no verdict, and for claims not tested without a reason."""
    for row in claims.to_dict("records"):
        if row["verdict"] not in VERDICTS:
            raise ResultsError(f"{row['verdict']!r} is no verdict; the words are {', '.join(VERDICTS)}")
        if (row["verdict"] == NOT_TESTED) != (row["says"] in SAYS and row["untested"] != ""):
            raise ResultsError(
                f"{row['claim']}: a claim that is not tested has a reason and says one of {', '.join(SAYS)}; others "
                "do not"
            )


def _reason(verdict: str, untested: str, note: object, near: float, far: float) -> str:
    if verdict == NOT_TESTED:
        return untested
    if verdict == NOT_RUN:
        return (note or "no value was computed") if isinstance(note, str) else "not built"
    limits = {REPRODUCED: f"within {near:.3g}", CLOSE: f"within {far:.3g}"}
    return limits.get(verdict, f"off by more than {far:.3g}")
