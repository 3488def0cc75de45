"""The command `try`: which stages a change concerns, and what comes of it in a copy."""

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from replication import pipeline, project
from replication.cli import main
from replication.commands import trial

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(ROOT)
    return project.profile_values("sample")


def names(settings: dict, **changes: object) -> list[str]:
    texts = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    after = trial.changed(settings, texts)
    found = trial.concerned(pipeline.stages(settings), pipeline.stages(after), settings, after)
    return [stage.name for stage in found]


def test_a_change_concerns_its_stage_and_those_that_read_it(settings: dict) -> None:
    found = names(settings, msssim_super_resolution__learning_rates__mae=0.002)
    assert found == ["msssim_super_resolution_training-mae-0", "msssim_super_resolution"]


def test_a_change_concerns_only_the_combinations_that_read_it(settings: dict) -> None:
    found = names(settings, pe_super_resolution__seeds=[0, 1])
    assert "pe_super_resolution_start-1" in found
    assert "pe_super_resolution_training-l2-1" in found
    assert "pe_super_resolution_training-l2-0" not in found  # goes on from the start of its own seed
    assert "pe_super_resolution" in found


def test_a_loss_that_is_new_has_stages_that_are_new(settings: dict) -> None:
    losses = "{mse: {}, mae: {}, ms_ssim: {levels: 3}, ssim: {}}"
    rates = "{mse: 0.003, mae: 0.003, ms_ssim: 0.003, ssim: 0.003}"
    changes = {"msssim_super_resolution__losses": losses, "msssim_super_resolution__learning_rates": rates}
    found = names(settings, **changes)
    assert "msssim_super_resolution_training-ssim-0" in found
    assert "msssim_super_resolution_training-mse-0" not in found


def test_where_to_compute_concerns_no_stage(settings: dict) -> None:
    assert names(settings, iqa__scoring__scheduler="tcp://127.0.0.1:1") == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("rate", "'rate' is no change; write KEY=VALUE, such as demo.rate=VALUE"),
        ("demo.rat=1", "params.yaml has no parameter 'demo.rat' that can be changed; near it: demo.rate"),
        ("rate=1", "params.yaml has no parameter 'rate' that can be changed; near it: demo.rate"),
        ("=1", "'=1' is no change; write KEY=VALUE"),
        ("demo.rate=", "'demo.rate=' is no change; write KEY=VALUE, such as demo.rate=VALUE"),
        ("profile=paper", "`try` runs in the active profile; `python -m replication profile NAME` changes it"),
        ("demo.rate=fast", "'rate' must be a number, got the text 'fast'"),
        ("demo.rate={", "demo.rate: '{' is no YAML value"),
    ],
)
def test_a_change_that_is_not_allowed_is_a_sentence(
    clone: Path, change: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["try", change]) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one stage: `demo` writes twice its rate, and fails if that is above ten."""
    for folder in ("conf", "notebooks", "results/sample/demo"):
        (tmp_path / folder).mkdir(parents=True)
    parameters = "profile: sample\ndemo:\n  rate: 1.0\n"
    (tmp_path / "conf" / "base.yaml").write_text(parameters)
    (tmp_path / "conf" / "sample.yaml").write_text("profile: sample\n")
    (tmp_path / "params.yaml").write_text(parameters)
    (tmp_path / "pipeline.yaml").write_text("demo:\n  desc: Twice the rate\n  params: [demo]\n")
    (tmp_path / "results" / "sample" / "demo" / "metrics.json").write_text('{"numbers": {"twice": 2.0, "same": 1}}')
    cells = [
        new_code_cell('profile = "sample"\nrate = 1.0', metadata={"tags": ["parameters"]}),
        new_code_cell(
            "import json\nfrom pathlib import Path\nassert rate < 5\n"
            "Path('../results/sample/demo').mkdir(parents=True, exist_ok=True)\n"
            "numbers = {'twice': 2 * rate, 'same': 1}\n"
            "Path('../results/sample/demo/metrics.json').write_text(json.dumps({'numbers': numbers}))"
        ),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "demo.ipynb")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    shutil.copytree(ROOT / "replication", tmp_path / "replication", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / ".gitignore").write_text("results/\ntemporary/\n")
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    outside = (path for path in paths if not {".git", "temporary"} & set(path.relative_to(folder).parts))
    return {str(path.relative_to(folder)): path.read_bytes() for path in outside}


def test_new_numbers_stand_beside_the_present_ones_and_the_project_stays_as_it_is(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(clone)
    assert main(["try", "demo.rate=2.5"]) == 0
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines() if "twice" in line] == [["demo", "twice", "2", "5"]]
    assert "same" not in said
    assert content(clone) == before
    copy = Path(next(line for line in said.splitlines() if line.startswith("in "))[3:])
    assert (copy / "reports" / "sample" / "demo.html").is_file()


def test_a_number_that_is_undefined_before_and_after_has_not_changed(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path_factory.mktemp("copy")
    for root, twice in ((clone, "NaN"), (copy, "4.0")):
        (root / "results/sample/demo").mkdir(parents=True, exist_ok=True)
        text = f'{{"numbers": {{"undefined": NaN, "twice": {twice}}}}}'
        (root / "results/sample/demo/metrics.json").write_text(text)
    trial._compare(copy, pipeline.stages(yaml.safe_load((clone / "params.yaml").read_text())), "sample")
    said = capsys.readouterr().out
    assert "undefined" not in said
    assert "twice" in said


def test_an_interpreter_whose_folder_has_an_apostrophe_is_one_word_of_the_shell() -> None:
    path = "/home/o'neill/bin/python"
    assert subprocess.run(f"printf %s {trial._quoted(path)}", shell=True, capture_output=True).stdout == path.encode()


def test_a_plan_runs_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "demo.rate=2", "--plan"]) == 0
    assert capsys.readouterr().out == "1 stage: demo\n"
    assert not list((clone / "temporary").iterdir())


def test_a_stage_that_fails_is_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "demo.rate=7"]) == 1
    assert "error: demo failed, for the reason above; the copy is " in capsys.readouterr().err
