"""The command `correlate`: a table of scores and opinions to correlations, differences of metrics, and a figure."""

import sys
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replication.datasets.errors import DataError
from replication.errors import CommandError
from replication.files import atomic_write_bytes, atomic_write_text
from replication.scoring.errors import ScoringError

if TYPE_CHECKING:
    import pandas as pd

    from replication.scoring.read_scores import ScoreTable

_LEAST = 4  # images for a comparison of two metrics
_FEW = 5  # references: of fewer the spread between them is hardly known


@dataclass(frozen=True)
class Request:
    """A table of scores, as the command line gives it.

    dmos: lower opinions are better. metrics: labels to correlate, all where none are given. higher, lower: labels whose
    direction the user gives. by_distortion: also within each distortion type.
    """

    file: Path
    dmos: bool = False
    metrics: Sequence[str] = ()
    higher: Sequence[str] = ()
    lower: Sequence[str] = ()
    by_distortion: bool = False


@dataclass(frozen=True)
class Findings:
    """table: the scores, and where their directions come from.

    correlations: of `agreement.correlations`. by_distortion: the same within each type, empty where it was not asked
    for. differences: of `agreement.pairs_table`, empty where there is nothing to compare. notes: sentences on whatever
    a reader must know.
    """

    table: "ScoreTable"
    correlations: "pd.DataFrame"
    by_distortion: "pd.DataFrame"
    differences: "pd.DataFrame"
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every metric has its coefficients."""
        return bool((self.correlations["problem"] == "").all())


def run(request: Request, out: Path | None = None) -> int:
    """Print the tables, and write them with a figure to the folder `out`; return the exit code.

    That is 0, or 1 where a metric has no coefficients. CommandError where the table or an option is wrong.
    """
    _check_file(request.file)
    if out is not None and out.exists() and not out.is_dir():
        raise CommandError(f"{out} is a file; --out names a folder")
    found = find(request)
    _print(found)
    notes = [*found.notes, *(_write(found, out) if out is not None else [])]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return int(not found.complete)


def find(request: Request) -> Findings:
    """Read the table and compute everything. CommandError where the table or an option is wrong."""
    _check_file(request.file)
    import pandas as pd

    from replication.reporting import agreement
    from replication.scoring import read_scores

    try:
        table = read_scores.read(
            request.file,
            dmos=request.dmos,
            metrics=request.metrics,
            directions=read_scores.Directions(request.higher, request.lower),
        )
    except (DataError, ScoringError) as error:
        raise CommandError(str(error)) from error
    correlations = agreement.correlations(table.scored)
    if request.by_distortion and not (table.scored.table["distortion"] != "").any():
        raise CommandError(f"{request.file} has no column distortion, or an empty one; leave out --by-distortion")
    by_distortion = agreement.correlations_by_distortion(table.scored) if request.by_distortion else pd.DataFrame()
    differences, reason = _differences(table, correlations)
    notes = [
        *table.notes,
        *_about_directions(table, correlations),
        *_about_references(table),
        *([reason] if reason else []),
    ]
    return Findings(table, correlations, by_distortion, differences, tuple(notes))


def scatter(found: Findings) -> bytes | None:
    """Opinion against score of each metric, with the fitted curve, as PNG; None where matplotlib is not installed."""
    try:
        import matplotlib as mpl

        mpl.use("agg")
        from matplotlib import pyplot as plt

        from replication.papers.benchmark import correlations as benchmark
        from replication.reporting.figures import use_house_style
    except ImportError:
        return None
    import io

    use_house_style()
    figure = benchmark.scatter(found.table.scored, _usable(found.correlations))
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    plt.close(figure)
    return file.getvalue()


def conclusion(found: Findings) -> str:
    """The result in a sentence: the metric that agrees best, and from which others it differs significantly."""
    from replication.reporting.numbers import ALPHA

    usable = found.correlations[found.correlations["problem"] == ""]
    if usable.empty:
        return "No metric could be correlated with the opinions."
    best = usable.sort_values("srcc", ascending=False, kind="stable").iloc[0]
    if not best["srcc"] > 0:
        return "No metric agrees with the opinions: no SRCC is positive."
    said = f"{best['metric']} agrees best with the opinions, SRCC {best['srcc']:.3f}"
    if found.differences.empty:
        return f"{said}."
    others = {
        row["second"] if row["first"] == best["metric"] else row["first"]: row["p_holm"] < ALPHA
        for row in found.differences.to_dict("records")
        if best["metric"] in (row["first"], row["second"])
    }
    alike = [str(label) for label, significant in others.items() if not significant]
    if not alike:
        return f"{said}, significantly better than every other metric (Holm, 5 %)."
    if len(alike) == len(others):
        return f"{said}, but not significantly better than any other metric (Holm, 5 %)."
    return f"{said}, significantly better than the others except {', '.join(alike)} (Holm, 5 %)."


def _check_file(file: Path) -> None:
    """Refuse what is no table before the libraries that read it are imported."""
    if file.is_dir() or not file.exists():
        raise CommandError(f"{file} is a folder; give a CSV file" if file.is_dir() else f"{file}: no such file")


def _usable(correlations: "pd.DataFrame") -> list[str]:
    """The metrics that can be drawn and compared: with enough scores."""
    return [str(row["metric"]) for row in correlations.to_dict("records") if row["n"] >= _LEAST]


def _differences(table: "ScoreTable", correlations: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    """All pairs of metrics compared, or the reason why they are not."""
    import pandas as pd

    from replication.reporting import agreement
    from replication.reporting.metric_scores import scores_in_common

    labels = _usable(correlations)
    if len(labels) < 2:
        return pd.DataFrame(), ""
    _, opinions, references = scores_in_common(table.scored, labels)
    if len(opinions) < _LEAST:
        return pd.DataFrame(), f"the metrics have only {len(opinions)} images in common: they are not compared"
    if len(set(references)) < 2:
        return pd.DataFrame(), "all images have one reference: there are no intervals, and metrics are not compared"
    return agreement.pairs_table(*agreement.rank(table.scored, labels)), ""


def _about_references(table: "ScoreTable") -> list[str]:
    """A sentence where intervals over references rest on too few of them."""
    count = table.scored.table["reference"].nunique()
    return [f"{count} references: too few for intervals over references to say much"] if 1 < count < _FEW else []


def _about_directions(table: "ScoreTable", correlations: "pd.DataFrame") -> list[str]:
    """Sentences on metrics whose direction is not known, and on opinions that seem to have the other direction."""
    notes = []
    for label, origin in table.origins.items():
        if origin == "sign":
            notes.append(
                f"{label}: its direction is not known, so its correlation is given without sign; "
                f"--higher-is-better or --lower-is-better '{label}' gives it"
            )
    known = correlations[correlations["metric"].map(table.origins) != "sign"]
    if len(known) and (known["srcc"] < 0).all():
        higher = table.scored.opinion.higher_is_better
        advice = "if lower opinions are better (DMOS), add --dmos" if higher else "if higher ones are, leave out --dmos"
        notes.append(f"every metric contradicts the opinions; {advice}")
    return notes


def _print(found: Findings) -> None:
    from replication import terminal
    from replication.evaluation.correlation import COEFFICIENTS
    from replication.reporting.numbers import p_value, signed

    count = f"{found.correlations['n'].max():,} images"
    references = found.correlations["references"].max()
    if found.table.scored.table["reference"].any():
        count += f" of {int(references)} references"
    opinion = found.table.scored.opinion
    print(f"{count}; {opinion.kind}, {'higher' if opinion.higher_is_better else 'lower'} is better; 95 % intervals\n")
    titles = [name.upper() for name in COEFFICIENTS]
    ordered = found.correlations.sort_values("srcc", ascending=False, kind="stable")
    terminal.show(("metric", *titles), [(row["metric"], *_cells(row)) for row in ordered.to_dict("records")])
    if len(found.by_distortion):
        for distortion, part in found.by_distortion.groupby("distortion", sort=False):
            print(f"\n{str(distortion) or 'no distortion named'}: {part['n'].max():,} images\n")
            terminal.show(("metric", *titles), [(row["metric"], *_cells(row)) for row in part.to_dict("records")])
    if len(found.differences):
        print("\nSRCC of the first metric minus that of the second; p of a bootstrap over")
        print("references, and with Holm's adjustment for all pairs\n")
        terminal.show(
            ("first", "second", "difference", "p", "p (Holm)"),
            [
                (
                    row["first"],
                    row["second"],
                    f"{signed(row['difference'])}\n[{signed(row['low'])}, {signed(row['high'])}]",
                    p_value(row["p"]),
                    p_value(row["p_holm"]),
                )
                for row in found.differences.to_dict("records")
            ],
            left=2,
        )
    print()
    print(textwrap.fill(conclusion(found), 80))
    for row in found.correlations.to_dict("records"):
        if row["problem"]:
            print(f"note: {row['metric']}: {row['problem']}", file=sys.stderr)


def _cells(row: Mapping[Hashable, object]) -> list[str]:
    """Each coefficient, with its interval in a second line."""
    from replication.evaluation.correlation import COEFFICIENTS
    from replication.reporting.numbers import number

    return [
        f"{number(row[name], form)}\n[{number(row.get(f'{name}_low'), form)}, {number(row.get(f'{name}_high'), form)}]"
        for name, form in zip(COEFFICIENTS, (".3f", ".3f", ".3f", ".4g"), strict=True)  # RMSE is in units of opinions
    ]


def _write(found: Findings, folder: Path) -> list[str]:
    """Write the tables that are not empty, and the figure; returns a sentence where there is no figure."""
    tables = {
        "correlations": found.correlations.assign(direction=found.correlations["metric"].map(found.table.origins)),
        "by_distortion": found.by_distortion,
        "differences": found.differences,
    }
    for name, frame in tables.items():
        if len(frame):
            text = frame.to_csv(index=False, float_format="%.7g", lineterminator="\n")
            atomic_write_text(folder / f"{name}.csv", text)
    picture = scatter(found)
    if picture is None:
        return ["no figure, because matplotlib is not installed (`pip install matplotlib`)"]
    atomic_write_bytes(folder / "scatter.png", picture)
    return []
