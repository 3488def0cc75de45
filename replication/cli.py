"""The command line, `python -m replication`. Heavy imports (torch, pandas) belong inside the commands."""

import errno
import io
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal, cast

import typer

from replication import project, terminal
from replication.commands import data
from replication.datasets import pin
from replication.errors import CommandError
from replication.files import remove_older

app = typer.Typer(
    help="Replication of five papers on perceptual image similarity.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")

_INTERRUPTED = 130
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _match(given: str) -> str:
    """How the images of two folders are paired; BadParameter unless it is one of the ways there are."""
    if given not in ("name", "prefix"):
        raise typer.BadParameter(f"{given!r} is no way to pair images; give name or prefix")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and print whatever goes wrong as one sentence on standard error.

    Returns the exit code: 0 where all was done, 1 where something failed or could not be computed, 2 where the command
    is wrong or the disk is full or read-only, 130 where the user interrupted it (a KeyboardInterrupt may carry a
    sentence that says what is kept).
    Output is UTF-8; what is not valid text in it, such as a file name in another encoding, is escaped.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given  # anywhere, since one adds it to a command that failed
    program = Path(sys.argv[0]).stem  # `replication`, or the __main__.py of `python -m replication`
    called = program if program == "replication" else "python -m replication"
    try:
        app([argument for argument in given if argument != "--debug"], prog_name=called)
    except SystemExit as finished:
        code = finished.code if isinstance(finished.code, int) else int(bool(finished.code))
        if code == _INTERRUPTED:
            print(f"error: {terminal.interruption(finished)}", file=sys.stderr)
        return code
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"error: {terminal.sentence(error)}", file=sys.stderr)
        return 2 if isinstance(error, CommandError) or getattr(error, "errno", None) in _NO_ROOM else 1
    return 0


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, with any command.")] = False,
) -> None:
    """Name --debug in the help; `main` removes it from the arguments, so that it may stand anywhere."""


@app.command()
def profile(
    name: Annotated[str | None, typer.Argument(help="The profile to make active; without it, show them.")] = None,
) -> None:
    """Show the profiles, or make one active: write params.yaml from conf/, and dvc.yaml from pipeline.yaml."""
    if name is None:
        active = project.settings()["profile"]
        for known in project.profiles():
            print(f"{known} (active)" if known == active else known)
        return
    from replication import pipeline as pipelines
    from replication import profiles

    profiles.activate(name)
    pipelines.write()
    print(f"params.yaml and dvc.yaml are now the profile {name}; `dvc repro` runs it")


@app.command()
def pipeline() -> None:
    """Write dvc.yaml from pipeline.yaml, and the notebooks' parameter cells from the sample profile."""
    from replication import pipeline as pipelines

    changed = [*(["dvc.yaml"] if pipelines.write() else []), *pipelines.write_cells()]
    print(f"changed: {', '.join(changed)}" if changed else "everything is as it follows from pipeline.yaml and conf/")


@app.command()
def run(
    notebook: Annotated[Path, typer.Argument(help="A notebook in notebooks/.")],
    name: Annotated[str | None, typer.Option(help="Name of the page; without it, the notebook's.")] = None,
    params: Annotated[
        list[str] | None, typer.Option(help="Group of params.yaml whose entries are parameters; later ones win.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter.")] = None,
    results: Annotated[
        str | None, typer.Option(help="Where below results/<profile>/ it writes: what earlier runs left there goes.")
    ] = None,
) -> None:
    """Execute a notebook with values from params.yaml and render it to reports/<profile>/NAME.html: a stage."""
    from replication import pipeline as pipelines

    # With it jsonschema, which nbformat imports, compiles a grammar of web addresses: a second that nothing here needs.
    sys.modules.setdefault("rfc3987_syntax", cast(ModuleType, None))
    from replication import run_times
    from replication.reporting import notebook as notebooks
    from replication.reporting.parameters import select_parameters

    settings = project.settings()
    profile = settings["profile"]
    stage = os.environ.get("DVC_STAGE", "").partition("@")[0]
    if stage:
        run_times.announce(stage, pipelines.check(stage), profile)
        for parameter, value in pipelines.edited(notebook.as_posix()).items():
            print(
                f"note: {notebook.name}: {parameter} = {str(value)[:80]} in its parameters cell has no effect here, "
                "since the pipeline takes values from params.yaml; change it there",
                file=sys.stderr,
            )
    parameters = select_parameters(settings, params or [], set_ or [])
    pin.check(_texts(parameters))  # every image set that a parameter names
    started = time.time_ns()
    page = notebooks.run_stage(notebook, parameters, name or notebook.stem)
    if results:
        remove_older(project.results_folder(profile, results), started)
    if stage:
        run_times.record(stage, profile, (time.time_ns() - started) / 1e9)
    print(page.relative_to(project.root()))
    shutil.rmtree(project.checkpoint_folder(profile, name or notebook.stem), ignore_errors=True)


@app.command(name="try")
def try_(
    changes: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE", help="A parameter of params.yaml: msds.analysis.levels=2.")
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Only list the stages that would run.")] = False,
) -> None:
    """Run what a changed parameter concerns in a copy of the project, and print its numbers beside the present ones.

    The project itself stays as it is. The copy, whose folder is printed, keeps the new tables and pages.
    """
    from replication.commands import trial as command

    raise typer.Exit(command.run(changes, plan))


@app.command()
def dag(
    paper: Annotated[
        str | None, typer.Argument(help="Only the experiments of a paper, such as smic, and what they read.")
    ] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flow chart.")] = False,
) -> None:
    """Show which experiments read whose results: `dvc dag` with a node for each experiment, not for each run."""
    from replication.commands import dag as command

    raise typer.Exit(command.run(paper, mermaid))


@app.command()
def docs(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the pages go.")] = Path("docs"),
    api: Annotated[bool, typer.Option("--api/--no-api", help="With every function, by pdoc.")] = True,
) -> None:
    """Write the documentation of metrics, losses, statistics and data sets as pages, from the docstrings."""
    from replication.commands import docs as command

    raise typer.Exit(command.run(out, api=api))


@app.command()
def gallery() -> None:
    """Write reports/<profile>/gallery/: a picture for each paper, from the executed notebooks."""
    from replication.reporting import gallery as galleries

    folder = galleries.build(project.settings()["profile"])
    print(folder.relative_to(project.root()))


@app.command()
def scorecard() -> None:
    """Write reports/<profile>/index.html: every published value and claim beside ours, with a verdict."""
    from replication.reporting import scorecard as scorecards

    page = scorecards.build(project.settings()["profile"])
    print(page.relative_to(project.root()))


@app.command()
def score(
    metric: Annotated[
        list[str],
        typer.Option(
            metavar="METRIC", help="A metric, such as ssim or 'ssim(colour=gray, reduction=2004)'. Give it repeatedly."
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A data set, or a CSV file with columns reference and distorted."),
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="An image, or a folder of them.")] = None,
    distorted: Annotated[Path | None, typer.Option(help="An image, or a folder of them.")] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="[name|prefix]",
            callback=_match,
            help="Pairs in two folders: the same file name without suffix, or one that begins with it.",
        ),
    ] = "name",
    out: Annotated[Path | None, typer.Option(help="CSV file to write; without it, standard output.")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="A row for each image and a column for each metric.")] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print the mean of each metric and folder, not the scores.")
    ] = False,
    download: Annotated[bool, typer.Option("--download", help="Download weights that are missing first.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to compute, such as cuda; without it, the CPU.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, tcp://HOST:PORT, whose workers compute.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that decode images; without it, one for every second core.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop at the first image that cannot be scored.")] = False,
) -> None:
    """Score a data set, two images or two folders: a CSV with a row for each image and metric.

    Exit code 0: every pair was scored; files that are no images are passed over and named. 1: scores are missing, for
    the reasons in the last column, or images have no partner. 2: the command is wrong or the disk is full, and no table
    was written. Interrupted, the same command goes on where it stopped; until then the finished work lies in a hidden
    folder beside the CSV file, or in checkpoints/ of the project.
    """
    from replication.scoring import command

    if (dataset is None) == (reference is None) or (reference is None) != (distorted is None):
        raise typer.BadParameter("give either --dataset or both of --reference and --distorted")
    request = command.Request(
        metric,
        dataset,
        reference,
        distorted,
        cast(Literal["name", "prefix"], match),
        out,
        wide,
        summary,
        download,
        device,
        scheduler,
        workers,
        stop,
    )
    raise typer.Exit(command.run(request))


@app.command()
def metrics(
    name: Annotated[str | None, typer.Argument(help="One metric; without it, all of them.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="For programs: a line for each metric.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: everything.")] = False,
) -> None:
    """List the metrics with direction, range, options, weights and source; with a NAME, formula and documentation."""
    from replication.commands import metrics as command

    raise typer.Exit(command.run(name, "json" if as_json else "csv" if as_csv else "text"))


Scores = Annotated[
    Path, typer.Argument(metavar="SCORES.csv", help="A table with opinions and scores, of `score` or of your own.")
]
Dmos = Annotated[bool, typer.Option("--dmos", help="Lower opinions are better.")]
Chosen = Annotated[list[str] | None, typer.Option("--metric", help="Only this metric. Give it repeatedly.")]
Higher = Annotated[list[str] | None, typer.Option("--higher-is-better", metavar="METRIC", help="Its direction.")]
Lower = Annotated[list[str] | None, typer.Option("--lower-is-better", metavar="METRIC", help="Its direction.")]
ByDistortion = Annotated[bool, typer.Option("--by-distortion", help="Also within each distortion type.")]


@app.command()
def correlate(
    file: Scores,
    dmos: Dmos = False,
    metric: Chosen = None,
    higher: Higher = None,
    lower: Lower = None,
    by_distortion: ByDistortion = False,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write CSV tables and a figure to it.")] = None,
) -> None:
    """Correlate scores with opinions: SRCC, KRCC, PLCC and RMSE with intervals, and which metrics differ.

    The table has a row for each score (columns reference, distorted, opinion, metric, score), or a row for each image
    and a column for each metric. Exit code 1: a metric could not be correlated. 2: the table or an option is wrong.
    """
    from replication.commands import correlate as command

    request = command.Request(file, dmos, metric or (), higher or (), lower or (), by_distortion)
    raise typer.Exit(command.run(request, out))


@app.command()
def report(
    file: Scores,
    out: Annotated[Path, typer.Option(metavar="PAGE.html", help="The page to write.")],
    dmos: Dmos = False,
    metric: Chosen = None,
    higher: Higher = None,
    lower: Lower = None,
    by_distortion: ByDistortion = False,
) -> None:
    """Write what `correlate` finds as one HTML page, with figures, that needs no other file."""
    from replication.commands import correlate as shared
    from replication.commands import report as command

    request = shared.Request(file, dmos, metric or (), higher or (), lower or (), by_distortion)
    raise typer.Exit(command.run(request, out))


def _texts(value: object) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
