"""The whole sample pipeline in a temporary clone, as a new user gets it."""

import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from replication.reporting import published

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


class Clone:
    """A clone of the working tree as it is, with its own history, run with this environment and without real data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            # Nor dvc.lock: it describes results that are not there, and every stage would read and write it whole.
            if (ROOT / name).is_file() and not name.startswith(("reports/", "results/", "dvc.lock")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # Two clones get one commit: its name stands in the reports.
        dates = {"GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z"}
        for command in ("git init -q", "git add -A", "git -c user.name=t -c user.email=t@localhost commit -q -m clone"):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, env={**os.environ, **dates})

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),  # before the installed package: the clone's own code
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "REPLICATION_DATA": str(self.folder / "no-data"),
            "OMP_NUM_THREADS": "1",  # two clones run at a time; threads that wait for a core hold up all the others
        }

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
        )


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Clone]:
    """Two clones in which the sample pipeline has run, side by side."""
    first, second = (Clone(tmp_path_factory.mktemp(name)) for name in ("clone", "another"))
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda each: each.run("dvc", "repro"), (first, second)))
    return first, second


@pytest.fixture
def clone(clones: tuple[Clone, Clone]) -> Clone:
    return clones[0]


def test_the_scorecard_and_every_notebook_are_rendered(clone: Clone) -> None:
    reports = clone.folder / "reports" / "sample"
    pages = {path.name for path in reports.glob("*.html")}
    notebooks = {path.name for path in (clone.folder / "notebooks").glob("*.ipynb")}
    sources = re.compile(r"<dt>Notebook</dt><dd>(.*?)</dd>")
    rendered = {name for path in reports.glob("*.html") for name in sources.findall(path.read_text())}
    assert "index.html" in pages
    assert notebooks <= rendered
    scorecard = (reports / "index.html").read_text()
    assert "replicate nothing" in scorecard or "replicates nothing" in scorecard
    for paper in ("LWSSIM", "SMIC", "Deep Representations", "MSDS"):
        assert paper in scorecard
    assert "not built" not in scorecard  # every value and claim has an experiment
    pictures = {path.stem for path in (reports / "gallery").glob("*.png")}
    assert pictures == {paper for paper, its in published.pictures().items() if f"{its['page']}.html" in pages}
    assert all(f'<img src="gallery/{paper}.png"' in scorecard for paper in pictures)


def test_nothing_rendered_names_this_machine(clone: Clone) -> None:
    import platform

    for path in (clone.folder / "reports" / "sample").rglob("*"):
        text = path.read_text(encoding="utf-8", errors="ignore") if path.is_file() else ""
        assert str(clone.folder) not in text, path.name
        assert platform.node() not in text or len(platform.node()) < 6, path.name


def test_a_second_run_does_nothing(clone: Clone) -> None:
    said = clone.run("dvc", "repro")
    assert "Running stage" not in said
    assert "Data and pipelines are up to date" in said


def test_notebooks_are_left_as_they_were(clone: Clone) -> None:
    assert clone.run("git", "status", "--porcelain", "notebooks", "replication", "params.yaml", "data.dvc") == ""


def test_no_checkpoint_is_left(clone: Clone) -> None:
    assert list((clone.folder / "checkpoints").rglob("*.ckpt")) == []


def test_one_loss_can_be_changed_without_running_the_others(clone: Clone) -> None:
    params = clone.folder / "params.yaml"
    before = params.read_text()
    try:
        assert "    mae: 0.003\n" in before
        params.write_text(before.replace("    mae: 0.003\n", "    mae: 0.002\n", 1))
        stale = clone.run("dvc", "status")
        assert "msssim_super_resolution_training-mae-0@sample" in stale
        assert "msssim_super_resolution_training-mse-0@sample" not in stale
        assert "msssim_super_resolution_rates" not in stale
    finally:
        params.write_text(before)


def test_a_single_override_is_accepted_by_dvc(clone: Clone) -> None:
    said = clone.run("dvc", "exp", "run", "--queue", "-S", "msssim_super_resolution.learning_rates.mae=0.002")
    assert "Queued experiment" in said


def test_an_unknown_parameter_stops_the_stage_with_the_known_ones(clone: Clone) -> None:
    params = clone.folder / "params.yaml"
    before = params.read_text()
    try:
        params.write_text(before.replace("    batch: 4", "    bacth: 4"))
        said = clone.run("python", "-m", "replication", "scorecard", code=1)
        assert "unknown parameter 'bacth'; known here: batch, patch" in said
        assert "Traceback" not in said
    finally:
        params.write_text(before)


def test_the_paper_profile_without_data_says_what_is_missing(clone: Clone) -> None:
    clone.run("python", "-m", "replication", "profile", "paper")
    try:
        said = clone.run("dvc", "repro", "msssim_super_resolution_training-mse-0@paper", code=255)
        assert "data root" in said
        assert "does not exist" in said
        assert "data add" in said
    finally:
        clone.run("python", "-m", "replication", "profile", "sample")
    assert "up to date" in clone.run("dvc", "repro")


def test_a_killed_stage_leaves_the_last_results_and_runs_to_the_same_bytes(clone: Clone) -> None:
    name = "msssim_super_resolution_rates-mse"
    files = [
        clone.folder / "results" / "sample" / "msssim_super_resolution_rates" / "mse.csv",
        clone.folder / "reports" / "sample" / "msssim_super_resolution_rates_mse.html",
    ]
    before = [path.read_bytes() for path in files]
    for kind in (signal.SIGKILL, signal.SIGINT):
        with clone.start("dvc", "repro", "--force", "--single-item", f"{name}@sample") as running:
            for line in running.stderr:
                if " steps, " in line:  # it trains
                    break
            os.killpg(running.pid, kind)
            running.wait(timeout=60)
        assert running.returncode != 0
        assert [path.read_bytes() for path in files] == before
    clone.run("dvc", "repro", "--force", "--single-item", f"{name}@sample")
    assert [path.read_bytes() for path in files] == before


def test_two_runs_in_two_folders_give_identical_bytes(clones: tuple[Clone, Clone]) -> None:
    for folder in ("reports", "results"):
        one, two = (each.folder / folder / "sample" for each in clones)
        files, others = (sorted(p.relative_to(at) for p in at.rglob("*") if p.is_file()) for at in (one, two))
        assert files == others
        _, different, errors = filecmp.cmpfiles(one, two, [str(file) for file in files], shallow=False)
        assert (different, errors) == ([], [])
