"""The command line as a whole: exit codes, errors in a sentence, profiles, a quick start."""

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from replication import datasets, files, project
from replication.absent import Absent, AbsentError
from replication.cli import main
from tests.scoring import pictures


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two profiles, the sample one active."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "conf" / "base.yaml").write_text("# All.\nprofile: paper\n# How long.\nsteps: 3\n")
    for name in ("paper", "sample"):
        (tmp_path / "conf" / f"{name}.yaml").write_text(f"profile: {name}\n")
    (tmp_path / "params.yaml").write_text("profile: sample\nsteps: 3\n")
    (tmp_path / "pipeline.yaml").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_profile_shows_the_active_one_and_the_known(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile"]) == 0
    assert capsys.readouterr().out == "paper\nsample (active)\n"


def test_profile_switches_with_comments_and_all(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "paper"]) == 0
    assert (clone / "params.yaml").read_text().endswith("profile: paper\n# How long.\nsteps: 3\n")
    assert "Profile: paper" in (clone / "dvc.yaml").read_text()
    main(["profile"])
    assert "paper (active)" in capsys.readouterr().out


def test_unknown_profile_is_one_sentence_and_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (clone / "params.yaml").read_text()
    assert main(["profile", "papr"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: unknown profile 'papr'; known: paper, sample\n"
    assert (clone / "params.yaml").read_text() == before


def test_unknown_parameter_is_one_sentence(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "params.yaml").write_text("profile: sample\nstep: 3\n")
    assert main(["profile"]) == 1
    assert "unknown parameter 'step'; known here: profile, steps" in capsys.readouterr().err


def test_outside_a_project_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["profile"]) == 1
    assert "error: no project" in capsys.readouterr().err


def test_full_disk_is_one_sentence_and_leaves_the_old_profile(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = (clone / "params.yaml").read_text()
    monkeypatch.setattr(files.os, "fsync", full)
    assert main(["profile", "paper"]) == 2
    assert capsys.readouterr().err == f"error: No space left on device: {clone / 'params.yaml'}\n"
    assert (clone / "params.yaml").read_text() == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("bug"), "KeyError: 'bug'; run with --debug for the traceback"),
        (RecursionError("too deep"), "RecursionError: too deep; run with --debug for the traceback"),
        (MemoryError(), "there is not enough memory"),
        (PermissionError(errno.EACCES, "Permission denied", b"gr\xfcn.csv"), r"Permission denied: gr\udcfcn.csv"),
        (datasets.DataError("a tab\tand\na new line \x1b[31m"), r"a tab and a new line \x1b[31m"),
        (datasets.DataError("a" * 10_000 + "b"), f"{'a' * 1000} ... {'a' * 999}b"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_is_one_sentence(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def broken() -> list[str]:
        raise error

    monkeypatch.setattr(project, "profiles", broken)
    assert main(["profile"]) == 1
    assert capsys.readouterr().err == f"error: {said}\n"


@pytest.mark.parametrize("arguments", [["--debug", "profile"], ["profile", "--debug"]])
def test_the_traceback_is_shown_on_request(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(project, "profiles", lambda: 1 / 0)
    assert main(arguments) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Traceback (most recent call last):"
    assert said[-1].startswith("error: ZeroDivisionError: ")


@pytest.mark.parametrize(
    ("interruption", "said"),
    [(KeyboardInterrupt(), "interrupted"), (KeyboardInterrupt("stopped; run it again"), "stopped; run it again")],
)
def test_ctrl_c_is_one_sentence(
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interruption: KeyboardInterrupt,
    said: str,
) -> None:
    def interrupted() -> None:
        raise interruption

    monkeypatch.setattr(project, "profiles", interrupted)
    assert main(["profile"]) == 130
    assert capsys.readouterr().err == f"error: {said}\n"


@pytest.mark.parametrize("content", ["[" * 10_000, "a: &a [*a]", "profile: [", "x" * 2_000_000, "profile: 3"])
def test_parameters_that_cannot_be_read_are_one_sentence(
    clone: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (clone / "params.yaml").write_text(content)
    assert main(["profile"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: params.yaml")
    assert said.count("\n") == 1
    assert len(said) < 300


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["data", "add", "set5"], ["data", "add", "--no-such-option"]]
)
def test_usage_errors_exit_with_2(clone: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_help_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "profile" in capsys.readouterr().out


def test_the_module_runs_with_the_same_exit_codes(clone: Path) -> None:
    command = [sys.executable, "-m", "replication", "profile", "papr"]
    environment = {"PYTHONPATH": str(Path(project.__file__).parents[1])}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == "error: unknown profile 'papr'; known: paper, sample\n"


def test_output_is_utf8_whatever_the_console_and_names_that_are_not_are_escaped(clone: Path) -> None:
    pixels = pictures.Noise(1).read()
    for folder in ("r", "d"):
        pictures.files(clone / folder, {"größer.png": pixels})
        os.rename(clone / folder / "größer.png", os.fsencode(clone / folder) + b"/gr\xf6sser.png")
        pictures.files(clone / folder, {"größer.png": pixels})
    command = [sys.executable, "-m", "replication", "score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]
    environment = {"PYTHONPATH": str(Path(project.__file__).parents[1]), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for more in ([], ["--out", "s.csv"]):
        finished = subprocess.run([*command, *more], capture_output=True, check=False, env=environment)
        assert (finished.returncode, b"Traceback" in finished.stderr) == (0, False), finished.stderr
    written = (clone / "s.csv").read_bytes()
    assert finished.stdout == b""
    assert sorted(line.split(",")[2] for line in written.decode().splitlines()[1:]) == [
        "d/gr\\udcf6sser.png",
        "d/größer.png",
    ]


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"torch", "lightning", "pandas", "papermill", "pooch", "requests", "dvc"}
    script = f"import sys, replication.cli; print(*{heavy} & {{*sys.modules}})"
    environment = {"PYTHONPATH": str(Path(project.__file__).parents[1])}
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert finished.stdout == "\n"


def test_the_console_script_is_the_command_line() -> None:
    import tomllib

    root = Path(__file__).resolve().parents[1]
    script = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]["replication"]
    module, _, name = script.partition(":")
    run = f"import sys; from {module} import {name}; sys.argv[0] = 'bin/replication'; sys.exit({name}())"
    finished = subprocess.run(
        [sys.executable, "-c", run, "correlate"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(root)},
    )
    assert finished.returncode == 2
    assert "Usage: replication correlate" in finished.stderr


def test_images_with_opinions_become_correlations_as_the_readme_says(tmp_path: Path) -> None:
    """The two commands of the README, as they stand there."""
    root = Path(__file__).resolve().parents[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    commands = re.search(r"columns reference, distorted .*?```sh\n(.*?)```", readme, re.DOTALL)
    assert commands is not None
    random = np.random.default_rng(0)
    rows = []
    for name in "abcd":
        original = pictures.Noise(ord(name), (40, 48)).read()
        pictures.files(tmp_path / "r", {f"{name}.png": original})
        for level in range(1, 6):
            noise = random.normal(0, 12 * level, original.shape)
            distorted = np.clip(original + noise, 0, 255).astype(np.uint8)
            pictures.files(tmp_path / "d", {f"{name}{level}.png": distorted})
            rows.append((f"r/{name}.png", f"d/{name}{level}.png", 6 - level + random.normal(0, 0.2)))
    pd.DataFrame(rows, columns=["reference", "distorted", "opinion"]).to_csv(tmp_path / "opinions.csv", index=False)
    environment = {"PYTHONPATH": str(root), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    finished = subprocess.run(
        ["sh", "-e", "-c", commands[1]], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    assert "20 images of 4 references" in finished.stdout
    assert re.search(r"^psnr +0\.9\d\d +0\.\d\d\d +0\.9\d\d", finished.stdout, re.MULTILINE)


class TestScore:
    """`score`: its inputs, its output, and one sentence for each mistake."""

    METRICS = ("--metric", "psnr", "--metric", "ssim(colour=gray, reduction=2004)")

    @pytest.fixture
    def folder(self, clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Two folders of three images, and a data set named tiny."""
        pixels = {f"{name}.png": pictures.Noise(seed).read() for seed, name in enumerate("abc")}
        pictures.files(clone / "r", pixels)
        pictures.files(clone / "d", {name.replace(".png", ".BMP").upper(): 255 - p for name, p in pixels.items()})

        def load(name: str) -> Any:
            if name != "tiny":
                raise datasets.DataError(f"unknown data set {name!r}; known: tiny")
            return pictures.noise_set()

        monkeypatch.setattr(datasets, "load", load, raising=False)
        return clone

    def test_two_folders_are_matched_by_stem(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["score", "--reference", "r", "--distorted", "d", "--out", "new/s.csv", *self.METRICS]) == 0
        assert capsys.readouterr().out == ""
        table = pd.read_csv(folder / "new" / "s.csv")
        names = ["d/A.BMP", "d/B.BMP", "d/C.BMP"]
        assert table["distorted"].tolist() == [name for name in names for _ in range(2)]
        assert table["metric"].tolist() == ["psnr", "ssim(colour=gray, reduction=2004)"] * 3
        error = pictures.Noise(1).read().astype(float) - (255 - pictures.Noise(1).read())
        assert table["score"][2] == pytest.approx(10 * np.log10(255**2 / np.mean(error**2)), rel=1e-6)
        assert [path.name for path in (folder / "new").iterdir()] == ["s.csv"]

    def test_two_files_go_to_standard_output(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["score", "--reference", "r/a.png", "--distorted", "d/A.BMP", "--metric", "psnr"]) == 0
        captured = capsys.readouterr()
        lines = captured.out.splitlines()
        assert lines[0] == "data_set,reference,distorted,distortion,level,opinion,metric,score,problem"
        assert lines[1].startswith("A,r/a.png,d/A.BMP,,,,psnr,")
        assert len(lines) == 2
        assert "1 of 1 images" in captured.err
        assert not list((folder / "checkpoints").rglob("*.json"))

    def test_a_data_set_by_name(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["score", "--dataset", "tiny", *self.METRICS]) == 0
        out = capsys.readouterr().out
        main(["score", "--dataset", "tiny", *self.METRICS, "--out", "s.csv"])
        assert (folder / "s.csv").read_text() == out
        assert len(out.splitlines()) == 1 + 6 * 2

    def test_a_way_to_pair_that_there_is_not_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["score", "--reference", "r", "--distorted", "d", "--match", "prefixx", "--metric", "psnr"]
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "Value error" not in said
        assert "'prefixx' is no way to pair images; give name or prefix" in " ".join(said.replace("│", "").split())

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--dataset", "tinny", "--metric", "psnr"], "unknown data set 'tinny'; known: tiny"),
            (["--dataset", "tiny", "--metric", "pnsr"], "unknown metric 'pnsr'.*; did you mean psnr"),
            (["--dataset", "tiny", "--metric", "ssim(gray)"], "'ssim.gray.' is no metric; write it as NAME or"),
            (["--dataset", "tiny", "--metric", "psnr", "--device", "x"], "cannot compute on device 'x'"),
            (
                ["--dataset", "tiny", "--metric", "psnr", "--device", "cudda"],
                "cannot compute on device 'cudda'; give one that torch has, cpu, cuda or cuda:1$",
            ),
            (["--dataset", "tiny", "--metric", "psnr", "--out", "r"], "cannot write r: it is a folder"),
            (["--dataset", "tiny", "--metric", "psnr", "--out", "r/a.png/x"], "cannot write r/a.png/x: "),
            (["--reference", "r", "--distorted", "nix", "--metric", "psnr"], "nix: no such file or folder"),
            (["--reference", "r", "--distorted", "d/A.BMP", "--metric", "psnr"], "r is a folder and d/A.BMP a file"),
            (["--reference", "r", "--distorted", "e", "--metric", "psnr"], "the folder e holds no images"),
            (["--dataset", "no.csv", "--metric", "psnr"], "no.csv: no such file"),
            (["--dataset", "pipe.csv", "--metric", "psnr"], "pipe.csv: is not a regular file"),
            (["--dataset", "e.csv", "--metric", "psnr"], "e.csv: is a folder"),
            (["--dataset", "tiny", "--metric", "psnr(epsilon=-1)"], "metric 'psnr.*epsilon"),
            (["--dataset", "tiny", "--metric", "lpips-alex(weights=e)"], "weights must be .*, got the folder e"),
        ],
    )
    def test_mistakes_are_one_sentence(
        self, folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("e", "e.csv"):
            (folder / name).mkdir()
        os.mkfifo(folder / "pipe.csv")
        assert main(["score", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert re.match(f"error: .*{said}", line)
        assert line.count("unknown") <= 1
        assert line.count("metric '") <= 1

    @pytest.mark.parametrize("writes", [0, 1, 3])
    def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on_when_there_is_room(
        self, folder: Path, writes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        left = iter(range(writes))  # entries of the store, one for each image, before the table
        sync = os.fsync

        def full(descriptor: int) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(descriptor)

        command = ["score", "--reference", "r", "--distorted", "d", "--metric", "psnr", "--out", "new/s.csv"]
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", full)
            assert main(command) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("error: No space left on device")
        assert not (folder / "new" / "s.csv").exists()
        assert not [path for path in (folder / "new").rglob("*") if path.name.endswith(".part")]
        assert len([path for path in (folder / "new").rglob("*") if path.is_file()]) == writes
        assert main(command) == 0
        assert [path.name for path in (folder / "new").iterdir()] == ["s.csv"]

    def test_files_that_are_left_out_are_counted_and_named(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "r" / "b.png").rename(folder / "r" / "x.png")
        (folder / "d" / "notes.txt").touch()
        assert main(["score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]) == 1  # an image is left out
        captured = capsys.readouterr()
        assert "have no partner: 1 of r (x); 1 of d (b)\n" in captured.err
        assert "d: passed over 1 file (notes.txt)\n" in captured.err
        assert [line.split(",")[2] for line in captured.out.splitlines()[1:]] == ["d/A.BMP", "d/C.BMP"]
        (folder / "r" / "x.png").unlink()
        (folder / "d" / "B.BMP").unlink()
        assert main(["score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]) == 0  # notes.txt is no image
        assert "d: passed over 1 file (notes.txt)\n" in capsys.readouterr().err
        for path in (folder / "d").glob("[AC]*"):
            path.rename(folder / "d" / f"z{path.name}")
        assert main(["score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]) == 2

    def test_a_reference_may_have_several_distorted_images(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a_1.png", "a-blur-2.png", "ab.png"):
            pictures.files(folder / "d", {name: pictures.Noise(9).read()})
        command = ["score", "--reference", "r", "--distorted", "d", "--match", "prefix", "--metric", "psnr"]
        assert main(command) == 1
        captured = capsys.readouterr()
        pairs = [line.split(",")[1:3] for line in captured.out.splitlines()[1:]]
        assert [distorted for reference, distorted in pairs if reference == "r/a.png"] == [
            "d/A.BMP",
            "d/a-blur-2.png",
            "d/a_1.png",
        ]
        assert "the beginning of the file name, and these have no partner: 1 of d (ab)\n" in captured.err
        (folder / "d" / "ab.png").unlink()
        assert main(command) == 0

    def test_a_table_names_any_pairs_with_or_without_opinions(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "pairs.csv").write_text("reference,distorted\nr/a.png,d/A.BMP\nr/a.png,./d/B.BMP\nr/a.png,d/no.png\n")
        assert main(["score", "--dataset", "pairs.csv", "--metric", "psnr"]) == 1
        captured = capsys.readouterr()
        rows = [line.split(",") for line in captured.out.splitlines()[1:]]
        assert [row[2] for row in rows] == ["d/A.BMP", "d/B.BMP", "d/no.png"]
        assert [row[5] for row in rows] == ["", "", ""]
        assert rows[2][-1] == "no.png: no such file"
        assert "1 of 3 scores are missing" in captured.err
        (folder / "pairs.csv").write_text("reference,distorted,opinion\nr/a.png,d/A.BMP,0.5\n")
        assert main(["score", "--dataset", "pairs.csv", "--metric", "psnr"]) == 0
        assert capsys.readouterr().out.splitlines()[1].split(",")[5] == "0.5"
        (folder / "pairs.csv").write_text("reference,opinion\nr/a.png,1\n")
        assert main(["score", "--dataset", "pairs.csv", "--metric", "psnr"]) == 2
        assert "no column distorted" in capsys.readouterr().err

    def test_a_wide_table_has_a_row_for_each_image(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "d" / "B.BMP").write_bytes(b"BM")
        command = ["score", "--reference", "r", "--distorted", "d", "--metric", "psnr", "--metric", "ssim"]
        assert main(command) == 1
        long = pd.read_csv(io.StringIO(capsys.readouterr().out))
        assert main([*command, "--wide"]) == 1
        wide = pd.read_csv(io.StringIO(capsys.readouterr().out))
        assert list(wide.columns[2:]) == ["distorted", "distortion", "level", "opinion", "psnr", "ssim", "problem"]
        np.testing.assert_array_equal(wide[["psnr", "ssim"]].to_numpy().ravel(), long["score"])
        assert wide["problem"].isna().tolist() == [True, False, True]
        assert wide["problem"][1] == long["problem"][2]

    def test_a_metric_without_its_weights_is_skipped_unless_it_is_the_only_one(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from replication.metrics import registry

        def absent() -> Any:
            raise AbsentError(Absent("weights", "VGG16", how_to_get="Fetch them"))

        monkeypatch.setattr(registry, "_factories", dict(registry._factories))
        registry.register("lacking", absent)
        command = ["score", "--dataset", "tiny", "--metric", "lacking"]
        assert main([*command, "--metric", "psnr"]) == 1
        captured = capsys.readouterr()
        assert {line.split(",")[6] for line in captured.out.splitlines()[1:]} == {"psnr"}
        assert "skipped lacking: weights VGG16: not available. Fetch them\n" in captured.err
        assert main(command) == 2
        assert "error: no metric is left; skipped lacking" in capsys.readouterr().err

    def test_missing_weights_are_downloaded_on_request(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from replication.features import weights

        asked: list[str] = []

        def failing(entry: Any, to: Path) -> Path:
            asked.append(entry.name)
            raise datasets.DataError(f"{entry.url} could not be downloaded: no network")

        monkeypatch.setenv("REPLICATION_DATA", str(folder))
        monkeypatch.setenv("TORCH_HOME", str(folder))
        monkeypatch.setattr(weights, "download_file", failing)
        command = ["score", "--dataset", "tiny", "--metric", "psnr", "--metric", "pieapp", "--metric", "lpips-alex"]
        assert main(command) == 1
        assert asked == []
        capsys.readouterr()
        assert main([*command, "--download"]) == 1
        assert asked == ["pieapp", "alexnet"]
        captured = capsys.readouterr()
        assert {line.split(",")[6] for line in captured.out.splitlines()[1:]} == {"psnr"}
        assert "skipped pieapp: its weights are missing, and https://" in captured.err
        assert "could not be downloaded: no network\n" in captured.err

    def test_means_are_printed_in_place_of_the_scores(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]
        assert main([*command, "--summary"]) == 0
        shown = capsys.readouterr().out
        assert main([*command, "--summary", "--out", "s.csv"]) == 0
        assert capsys.readouterr().out == shown
        title, line = shown.splitlines()
        assert title.split() == ["folder", "metric", "mean", "95", "%", "interval", "images", "missing"]
        mean = pd.read_csv(folder / "s.csv")["score"].mean()
        assert line.split()[:2] == ["d", "psnr"]
        assert float(line.split()[2]) == pytest.approx(mean, rel=1e-4)

    def test_output_is_utf_8_whatever_the_console(self, folder: Path) -> None:
        (folder / "d" / "A.BMP").rename(folder / "d" / "\u00e4.bmp")
        pictures.files(folder / "r", {"\u00e4.png": pictures.Noise(0).read()})
        command = [sys.executable, "-m", "replication", "score", "--reference", "r/\u00e4.png", "--distorted"]
        environment = {"PYTHONPATH": str(Path(project.__file__).parents[1]), "PYTHONIOENCODING": "ascii"}
        finished = subprocess.run(
            [*command, "d/\u00e4.bmp", "--metric", "psnr"], capture_output=True, check=True, env=environment, cwd=folder
        )
        assert "d/\u00e4.bmp" in finished.stdout.decode("utf-8")

    @pytest.mark.parametrize("name", ["..png", "...png", ".png.", "..", "x.png"])
    def test_nothing_is_removed_that_scoring_did_not_write(self, folder: Path, name: str) -> None:
        """Whatever an image, or the file that is written, is called."""
        others = [folder / "checkpoints" / "sample" / "a" / "epoch.ckpt", folder / ".x.png.unfinished" / "mine.txt"]
        for other in others:
            other.parent.mkdir(parents=True)
            other.write_text("mine")
        if name != "..":
            pictures.files(folder / "d", {"made.png": pictures.Noise(5).read()})
            (folder / "d" / "made.png").rename(folder / "d" / name)
            command = ["score", "--reference", "r/a.png", "--distorted", f"d/{name}", "--metric", "psnr"]
            assert main(command) == 0
            assert main([*command, "--out", f"{name}.csv"]) == 0
            assert main([*command, "--out", "x.png"]) == 0
        else:
            (folder / "d" / "sub").mkdir()
            assert main(["score", "--reference", "r", "--distorted", "d/sub/..", "--metric", "psnr"]) == 0
        assert [other.read_text() for other in others] == ["mine", "mine"]
        assert not list(folder.glob(".score-*"))
        assert not list((folder / "checkpoints" / "score").glob("*/*"))

    def test_a_wrong_command_is_refused_before_torch_is_imported(self, folder: Path) -> None:
        script = "import sys; from replication.cli import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
        environment = {"PYTHONPATH": str(Path(project.__file__).parents[1])}
        here = ["--reference", "r", "--distorted", "d", "--metric"]
        for arguments in (
            ["--metric", "psnr", "--dataset", "tinny"],
            ["--metric", "psnr", "--reference", "no", "--distorted", "d"],
            ["--metric", "psnr", "--reference", "r"],
            [*here, "SSIM"],
            [*here, "ssim(color=gray)"],
        ):
            finished = subprocess.run(
                [sys.executable, "-c", script, "score", *arguments],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
                cwd=folder,
            )
            assert finished.stdout == "2 False\n", finished.stderr

    def test_a_wrong_metric_or_option_is_refused_before_any_image_is_opened(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "r" / "a.png").unlink()
        (folder / "r" / "a.png").symlink_to("gone")
        for metric in ("sim", "ssim(color=gray)", "ssim("):
            command = ["score", "--reference", "r", "--distorted", "d", "--metric", "psnr", "--metric", metric]
            assert main([*command, "--out", "s.csv"]) == 2
            assert metric in capsys.readouterr().err
        assert not (folder / "s.csv").exists()

    def test_the_first_problem_stops_on_request(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "d" / "B.BMP").write_bytes(b"BM")
        command = ["score", "--reference", "r", "--distorted", "d", "--metric", "psnr"]
        assert main(command) == 1
        assert "B.BMP: not a readable PNG" in capsys.readouterr().out
        assert main([*command, "--stop"]) == 1
        assert "psnr: B.BMP: not a readable PNG" in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [[], ["--dataset", "tiny", "--reference", "r"], ["--reference", "r"]])
    def test_one_kind_of_input_is_wanted(self, folder: Path, arguments: list[str]) -> None:
        assert main(["score", "--metric", "psnr", *arguments]) == 2

    def test_interrupted_it_goes_on(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from replication.scoring import tasks

        done = tasks.run

        def interrupted(work: Any, task: Any, read: Any) -> Any:
            if task.reference[0] == "r1":
                raise KeyboardInterrupt
            return done(work, task, read)

        with monkeypatch.context() as patch:
            patch.setattr(tasks, "run", interrupted)
            assert main(["score", "--dataset", "tiny", "--metric", "psnr"]) == 130
        said = capsys.readouterr().err.splitlines()
        assert said == ["error: interrupted; run the same command again to go on"]
        assert len(list((folder / "checkpoints" / "score").glob("*/*.done"))) == 1
        assert main(["score", "--dataset", "tiny", "--metric", "psnr"]) == 0
        assert "tiny: goes on after 3 of 6 images" in capsys.readouterr().err
        assert not list((folder / "checkpoints" / "score").iterdir())
