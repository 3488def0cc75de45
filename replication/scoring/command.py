"""The command `score`: from names and texts to a CSV file and an exit code. Torch is imported after other checks."""

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from replication import datasets, project
from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.errors import CommandError
from replication.files import atomic_write_text
from replication.scoring import files, metric_names
from replication.scoring.errors import ScoringError

if TYPE_CHECKING:
    import pandas as pd

    from replication.metrics import Metric
    from replication.scoring.engine import Rated


class DownloadError(DataError):
    """Weights could not be downloaded."""


@dataclass(frozen=True)
class Request:
    """Images and metrics to score, as the command line gives them.

    dataset: name of a set, or a CSV file with columns reference and distorted; else reference and distorted are two
    images or two folders. match: of the images of two folders, see `files.pairs`. out: CSV file; None is standard
    output. wide: a row for each image, not for each score. summary: means on standard output, in place of the scores.
    download: weights that are missing are fetched first. stop: at the first image that cannot be scored.
    """

    metrics: Sequence[str]
    dataset: str | None = None
    reference: Path | None = None
    distorted: Path | None = None
    match: Literal["name", "prefix"] = "name"
    out: Path | None = None
    wide: bool = False
    summary: bool = False
    download: bool = False
    device: str | None = None
    scheduler: str | None = None
    workers: int | None = None
    stop: bool = False


def run(request: Request) -> int:
    """Carry out the command; return 0 where every pair was scored, 1 where a score, weights or a partner is missing.

    Files that are no images are passed over and named; they are no reason for a 1.

    Raises CommandError, before any image is opened, where a metric, an option, a data set or a file is wrong, and
    KeyboardInterrupt with a sentence on Ctrl-C.
    """
    metric_names.refuse_unknown(*request.metrics)
    try:
        data_set = _data_set(request)
        if request.out is not None:
            files.check_writable(request.out)
        metrics, skipped = _metrics(request)
    except CommandError:
        raise
    except (DataError, ScoringError) as error:
        raise CommandError(str(error)) from error
    pairs = data_set if isinstance(data_set, files.PairSet) else None
    for remark in (*(pairs.remarks if pairs else ()), *skipped):
        print(f"note: {remark}", file=sys.stderr)

    from replication.scoring.engine import score
    from replication.scoring.store import Store
    from replication.scoring.wide import with_problems

    folder = _unfinished(request)
    try:
        table = score(
            data_set,
            metrics,
            device=request.device,
            on_error="stop" if request.stop else "row",
            store=folder,
            scheduler=request.scheduler,
            workers=request.workers,
        )
    except KeyboardInterrupt:
        advice = "run the same command again to go on"
        if folder is None:
            advice = "outside a project, finished work is stored with --out only"
        raise KeyboardInterrupt(f"interrupted; {advice}") from None
    if request.out is not None or not request.summary:
        _write(with_problems(table) if request.wide else table, request.out)
    if request.summary:
        _show_means(table)
    if folder is not None:
        Store(folder).clear()
    failed = int((table["problem"] != "").sum())
    if failed:
        print(f"{failed} of {len(table)} scores are missing; the column problem has the reasons", file=sys.stderr)
    return int(bool(failed or skipped or (pairs and pairs.unmatched)))


def _data_set(request: Request) -> "Rated":
    if request.dataset is not None and request.dataset.lower().endswith(".csv"):
        return files.listed(Path(request.dataset))
    if request.dataset is not None:
        return datasets.load(request.dataset)
    assert request.reference is not None
    assert request.distorted is not None
    return files.pairs(request.reference, request.distorted, request.match)


def _metrics(request: Request) -> tuple[dict[str, "Metric"], list[str]]:
    """The metrics by label, and a sentence for each that lacks its weights; CommandError where that is all of them."""
    from replication.scoring.engine import create_metrics
    from replication.scoring.runner import check_device

    if not request.scheduler:
        check_device(request.device)
    made: dict[str, Metric] = {}
    skipped: list[str] = []
    for label in dict.fromkeys(request.metrics):
        try:
            if request.download:
                _download_weights(label)
            made |= create_metrics([label], request.device, on_cluster=bool(request.scheduler))
        except AbsentError as error:
            skipped.append(f"skipped {label}: {error}")
        except DownloadError as error:
            skipped.append(f"skipped {label}: its weights are missing, and {error}")
    if not made:
        raise CommandError("no metric is left; " + "; ".join(skipped))
    return made, skipped


def _download_weights(label: str) -> None:
    """Download the weights that a metric reads and that are not on this machine, into torch's cache."""
    from replication.features import weights
    from replication.scoring.engine import create_metrics

    with weights.recorded() as needed, suppress(AbsentError):  # networks without numbers: only names are collected
        create_metrics([label])
    for name in needed:
        try:
            weights.find(name)
        except AbsentError:
            print(f"note: downloading the weights {name} for {label}", file=sys.stderr)
            try:
                weights.find(name, download=True)
            except AbsentError:
                raise
            except DataError as error:
                raise DownloadError(str(error)) from error


def _show_means(table: "pd.DataFrame") -> None:
    from replication import terminal
    from replication.scoring.summary import means

    rows = means(table).to_dict("records")
    terminal.show(
        ("folder", "metric", "mean", "95 % interval", "images", "missing"),
        [
            (
                row["folder"],
                row["metric"],
                f"{row['mean']:.5g}",
                f"[{row['low']:.5g}, {row['high']:.5g}]" if row["low"] == row["low"] else "not defined",
                str(row["images"]),
                str(row["missing"]),
            )
            for row in rows
        ],
        left=2,
    )


def _write(table: "pd.DataFrame", out: Path | None) -> None:
    text = table.to_csv(index=False, lineterminator="\n")
    if out is None:
        print(text, end="", flush=True)
    else:
        atomic_write_text(out, text)


def _unfinished(request: Request) -> Path | None:
    """Folder of unfinished work: beside the file that is written, else in the project, if this is one.

    Its name is a hash, so that no file name can make it another's folder.
    """
    if request.out is not None:
        return request.out.parent / f".score-{_hash(request.out.name)}"
    try:
        root = project.root()
    except FileNotFoundError:
        return None
    places = [request.dataset, *(str(path and path.resolve()) for path in (request.reference, request.distorted))]
    return root / "checkpoints" / "score" / _hash(*map(str, places))


def _hash(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
