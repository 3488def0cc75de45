"""Work that is killed at random moments and started again: it must end as if nothing had happened.

`python -m benchmarks.faults.kills add|train FOLDER` is that work where no command does it on a miniature set.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from benchmarks.faults import trials
from benchmarks.faults.trials import Trial
from replication import profiles

Files = dict[str, bytes]

_ROOT = Path(__file__).resolve().parents[2]
_TOO_LONG = 300.0  # seconds
_MINE = "mine.txt"  # a file of the user's, which must stay


def adding(folder: Path) -> Trial:
    """`data add --force` over a set in place: in the end the new one is there, and before that the old or the new."""
    files = trials.miniature_set(folder / "new", (900, 700))
    old = {path.name: path.read_bytes()[::-1] for path in files}
    new = {path.name: path.read_bytes() for path in files}
    trials.pack(files, folder / "set.tar.xz")

    def prepare(work: Path) -> None:
        (work / "set5").mkdir()
        for name, content in old.items():
            (work / "set5" / name).write_bytes(content)

    def check(work: Path) -> str:
        places = [work / "set5", *work.glob(".set5.*/old")]
        found = [{path.name: path.read_bytes() for path in place.iterdir()} for place in places if place.is_dir()]
        return "" if old in found or new in found else "neither the old set nor the new one is whole"

    return _killed(folder, ["-m", "benchmarks.faults.kills", "add"], prepare, check)


def scoring(folder: Path) -> Trial:
    """`score` of two folders into a CSV file."""
    for name, seed in (("r", 0), ("d", 100)):
        (folder / name).mkdir()
        for image in range(24):
            trials.photo(seed + image, (160, 120)).save(folder / name / f"{image}.png")
    command = ["-m", "replication", "score", "--reference", "../r", "--distorted", "../d", "--workers", "0"]
    metrics = [f"--metric={name}" for name in ("ssim", "ms-ssim(levels=3)", "gmsd", "nlpd")]
    return _killed(folder, [*command, *metrics, "--out", "scores.csv"])


def training(folder: Path) -> Trial:
    """Training with checkpoints, into a file of weights."""
    return _killed(folder, ["-m", "benchmarks.faults.kills", "train"])


def stage(folder: Path) -> Trial:
    """A stage of the sample profile: its notebook, which trains, its results and its page, both there from before."""
    name = "msssim_super_resolution_rates"
    os.chdir(_ROOT)
    parameters = profiles.text("sample")

    def prepare(work: Path) -> None:
        shutil.copytree("conf", work / "conf")
        shutil.copy("dvc.yaml", work)
        (work / "params.yaml").write_text(parameters)
        (work / "notebooks").mkdir()
        shutil.copy(f"notebooks/{name}.ipynb", work / "notebooks")
        for earlier in (f"results/sample/{name}/mse.csv", f"reports/sample/{name}_mse.html", "results/sample/mine.csv"):
            (work / earlier).parent.mkdir(parents=True, exist_ok=True)
            (work / earlier).write_text("earlier")

    command = ["-m", "replication", "run", f"notebooks/{name}.ipynb", "--name", f"{name}_mse"]
    return _killed(folder, [*command, "--results", f"{name}/mse.csv"], prepare)


KINDS: dict[str, Callable[[Path], Trial]] = {
    "kill add": adding,
    "kill score": scoring,
    "kill train": training,
    "kill stage": stage,
}


def _killed(
    folder: Path,
    command: Sequence[str],
    prepare: Callable[[Path], None] = lambda work: None,
    check: Callable[[Path], str] | None = None,
) -> Trial:
    """A trial: kill the command, which runs in a folder with what `prepare` puts there, once to three times.

    After a kill, each file is as it was prepared or as a run that was left alone writes it, unless `check` has another
    rule for the folder, which it returns the breach of in words. In the end all are the latter, to the byte.
    """
    work = folder / "work"

    def fresh() -> None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        (work / _MINE).write_text("mine")
        prepare(work)

    fresh()
    prepared = _contents(work)
    started = time.monotonic()
    _finish(command, work)
    duration = time.monotonic() - started
    expected = _contents(work)

    def trial(random: Random) -> str:
        fresh()
        for _ in range(random.randint(1, 3)):
            with _started(command, work) as process:
                time.sleep(duration * random.uniform(0.2, 1.05))
                process.send_signal(random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT)))
                try:
                    _, errors = process.communicate(timeout=_TOO_LONG)
                except subprocess.TimeoutExpired:
                    process.kill()
                    return "it did not end after the signal"
            if b"Traceback" in errors and process.returncode != -signal.SIGINT:
                return f"traceback after the signal: {errors.decode(errors='replace')[-300:]}"
            if problem := check(work) if check else _damage(_contents(work), prepared, expected):
                return problem
            if not (work / _MINE).is_file():
                return "a file of the user's is gone"
        try:
            _finish(command, work)
        except RuntimeError as error:
            return str(error)
        found = _contents(work)
        if found.keys() != expected.keys():
            return f"left or lost: {', '.join(sorted(found.keys() ^ expected.keys()))}"
        return "" if found == expected else "the result is another than without being killed"

    return trial


def _damage(found: Files, prepared: Files, expected: Files) -> str:
    """In words, what a kill has done to the files that are not unfinished work; "" where that is nothing."""
    lost = sorted(path for path in prepared.keys() & expected.keys() if path not in found)
    if lost:
        return f"gone: {', '.join(lost)}"
    both = expected.keys() & found.keys()
    half = sorted(path for path in both if found[path] not in (prepared.get(path), expected[path]))
    return f"neither the earlier file nor the new one: {', '.join(half)}" if half else ""


def _started(command: Sequence[str], work: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=work,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )


def _finish(command: Sequence[str], work: Path) -> None:
    """Run the command to its end; RuntimeError where it fails."""
    with _started(command, work) as process:
        _, errors = process.communicate(timeout=_TOO_LONG)
    if process.returncode:
        said = " ".join(errors.decode(errors="replace").split())
        raise RuntimeError(f"started again, it ends with {process.returncode}: {said[-300:]}")


def _contents(folder: Path) -> Files:
    """Every file by its path; folders too, so that an empty one that is left is noticed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")
    }


def _add() -> None:
    """Put the miniature set in the place of the one in the working folder."""
    from replication.datasets import place
    from replication.datasets.catalogue import FOLDERS

    work = Path.cwd()
    with trials.miniature_root(work.parent / "new", work):
        place.add(FOLDERS["set5"], work.parent / "set.tar.xz", force=True)


def _train() -> None:
    """Train a network, and leave its weights in the working folder."""
    from safetensors.torch import save

    from replication.files import atomic_write_bytes

    network = trials.train(Path("checkpoints"), steps=120)
    atomic_write_bytes("weights.safetensors", save(network))
    shutil.rmtree("checkpoints", ignore_errors=True)


if __name__ == "__main__":
    {"add": _add, "train": _train}[sys.argv[1]]()
