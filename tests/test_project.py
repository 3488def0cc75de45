"""Profiles and parameters: found from anywhere inside the project, and spelling mistakes are errors."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import modify_yaml

from replication import profiles, project

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def test_the_project_is_found_from_its_folders(clone: Path) -> None:
    assert project.root() == clone


def test_outside_a_project_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="run this inside a clone"):
        project.root()


@pytest.mark.parametrize("name", ["sample", "paper"])
def test_an_activated_profile_has_its_values_and_the_comments_of_the_base(clone: Path, name: str) -> None:
    profiles.activate(name)
    text = (clone / "params.yaml").read_text()
    assert project.settings()["profile"] == name
    assert yaml.safe_load(text) == profiles._plain(project.profile_values(name))
    assert "threads: 1 # CPU threads of a training run" in text
    assert "\n# Paper 1, table" in text


def test_a_value_that_dvc_sets_changes_one_line(clone: Path) -> None:
    profiles.activate("sample")
    path = clone / "params.yaml"
    before = path.read_text()
    with modify_yaml(str(path)) as parameters:
        parameters["msssim_super_resolution"]["learning_rates"]["mae"] = 0.002
    changed = [
        pair for pair in zip(before.splitlines(), path.read_text().splitlines(), strict=True) if len({*pair}) > 1
    ]
    assert changed == [("    mae: 0.003", "    mae: 0.002")]


def test_a_profile_changes_the_base_key_by_key_or_replaces_a_mapping(clone: Path) -> None:
    (clone / "conf" / "base.yaml").write_text("profile: base\na: !open {x: 1, y: {z: 2, w: 3}}\nb: {x: 1}\n")
    (clone / "conf" / "other.yaml").write_text("profile: other\na: {y: {z: 4}}\nb: !only {v: [5]}\n")
    assert project.profile_values("other") == {
        "profile": "other",
        "a": {"x": 1, "y": {"z": 4, "w": 3}},
        "b": {"v": [5]},
    }


def test_an_unknown_profile_is_refused_with_the_known_ones(clone: Path) -> None:
    with pytest.raises(project.SettingsError, match="unknown profile 'papr'; known: paper, sample"):
        profiles.activate("papr")


def test_a_loss_may_be_added_where_names_are_free(clone: Path) -> None:
    text = profiles.text("sample").replace(
        "    ms_ssim:\n      levels:", "    mine: {}\n    ms_ssim:\n      levels:", 1
    )
    (clone / "params.yaml").write_text(text)
    assert project.settings()["msssim_super_resolution"]["losses"]["mine"] == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("profile: sample", "profile: simple", "unknown profile 'simple'; known: paper, sample"),
        (
            "    batch: 4",
            "    bacth: 4",
            "msssim_super_resolution: training: unknown parameter 'bacth'; known here: batch, patch",
        ),
        ("    batch: 4", "    # batch: 4", "parameter 'batch' is missing"),
        ("compute:\n", "compute: 3\nother:\n", "'compute' must be a group with accelerator|unknown parameter 'other'"),
        ("profile: sample", "profile: [sample", "params.yaml is not valid YAML"),
    ],
)
def test_a_mistake_in_the_parameters_is_named(clone: Path, old: str, new: str, message: str) -> None:
    text = profiles.text("sample")
    assert old in text
    (clone / "params.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(project.SettingsError, match=message):
        project.settings()


BOMB = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10 if i else ['x'])}]" for i in range(12))
UNREADABLE = {
    "brackets": (b"[" * 10_000, "params.yaml is not valid YAML: it is nested more than 20 deep"),
    "mappings": (b"{a: " * 10_000, "nested more than 20 deep"),
    "indented": ("\n".join(" " * i + "a:" for i in range(500)).encode(), "nested more than 20 deep"),
    "bomb": (BOMB.encode(), "not valid YAML: aliases are not allowed"),
    "too long": (b"# " + b"x" * 1_000_001, "has 1,000,003 bytes; parameters have 1,000,000 at most"),
    "ANSI": ("profile: gr\xfcn".encode("latin-1"), "params.yaml is not UTF-8 text .byte 11."),
    "binary": (bytes(range(32)), "params.yaml is not valid YAML"),
    "no date": (b"profile: 2024-99-99", "params.yaml is not valid YAML: month must be"),
    "code": (b"!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    "list": (b"- profile", "must hold a mapping"),
    "empty": (b"", "must hold a mapping"),
    "twice": (b"profile: paper\nprofile: sample\n", "'profile' is given twice .*line 2"),
    "a list as key": (b"? [a]\n: b\n", "unhashable key"),
    "a list as profile": (b"profile: [sample]", r"unknown profile \"\['sample'\]\""),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_parameters_that_cannot_be_read_are_one_sentence(clone: Path, kind: str) -> None:
    content, message = UNREADABLE[kind]
    (clone / "params.yaml").write_bytes(content)
    with pytest.raises(project.SettingsError, match=message) as caught:
        project.settings()
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_parameters_are_not_read_from_a_fifo(clone: Path) -> None:
    os.mkfifo(clone / "params.yaml")
    with pytest.raises(OSError, match="not a regular file"):
        project.settings()


@pytest.fixture
def typed(clone: Path) -> Path:
    """Two small profiles, in which a parameter may have two types."""
    text = "profile: {}\nrate: 0.1\nsteps: 3\nfast: true\nmetrics: [psnr]\ngroup: {{seed: 1, limit: {}}}\nkind: {}\n"
    (clone / "conf" / "base.yaml").write_text(text.format("base", 5, "small"))
    (clone / "conf" / "sample.yaml").write_text("profile: sample\n")
    (clone / "conf" / "paper.yaml").write_text("profile: paper\ngroup: {limit: null}\nkind: 3\n")
    (clone / "params.yaml").write_text(text.format("sample", 5, "small"))
    return clone / "params.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate: 0.1", "rate: 1e-3", "'rate' must be a number, got the text '1e-3'; YAML wants .* as in 1.0e-3"),
        ("steps: 3", "steps: many", "params.yaml: 'steps' must be a number, got the text 'many'$"),
        ("steps: 3", "steps: .nan", "'steps' must be finite, got nan"),
        ("steps: 3", "steps: true", "'steps' must be a number, got the truth value 'True'"),
        ("steps: 3", "steps:", "'steps' must be a number, got null$"),
        ("metrics: [psnr]", "metrics: psnr", "'metrics' must be a list, got the text 'psnr'"),
        ("seed: 1", "seed: [1]", "params.yaml: group: 'seed' must be a number, got the list"),
        ("kind: small", "kind: []", "'kind' must be a number or a text, got the list"),
    ],
)
def test_a_parameter_has_the_type_that_it_has_in_a_profile(typed: Path, old: str, new: str, message: str) -> None:
    typed.write_text(typed.read_text().replace(old, new))
    with pytest.raises(project.SettingsError, match=message):
        project.settings()


@pytest.mark.parametrize(
    ("old", "new"),
    [("rate: 0.1", "rate: 2"), ("limit: 5", "limit: null"), ("limit: 5", "limit: all"), ("kind: small", "kind: 4")],
)
def test_a_parameter_may_have_the_type_of_any_profile(typed: Path, old: str, new: str) -> None:
    typed.write_text(typed.read_text().replace(old, new))
    assert project.settings()["profile"] == "sample"


def test_the_profiles_have_the_types_that_they_demand(clone: Path) -> None:
    for name in project.profiles():
        profiles.activate(name)
        project.settings()


def test_the_data_root_is_a_folder_of_the_project_or_the_configured_one(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    assert project.data_root() == clone / "data"
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "elsewhere"))
    assert project.data_root() == tmp_path / "elsewhere"


def test_results_and_checkpoints_lie_below_the_profile(clone: Path) -> None:
    assert project.results_folder("sample", "x") == clone / "results" / "sample" / "x"
    assert project.checkpoint_folder("sample", "x") == clone / "checkpoints" / "sample" / "x"


@pytest.mark.parametrize("name", ["..", ".", "", "a/../..", "/tmp"])
def test_no_name_of_a_stage_leads_to_files_of_others(clone: Path, name: str) -> None:
    for folder in (project.results_folder, project.checkpoint_folder):
        with pytest.raises(project.SettingsError, match="names no folder below"):
            folder("sample", name)


def test_by_hand_results_go_beside_those_of_the_pipeline(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.results_folder("sample", "a") == clone / "results" / "sample" / "a"
    monkeypatch.setattr("IPython.core.getipython.get_ipython", object)  # as in a kernel
    monkeypatch.setattr(project, "_announced", set())
    assert project.results_folder("sample", "a") == clone / "results" / "sample-lab" / "a"
    assert project.results_folder("sample", "a").name == "a"
    assert capsys.readouterr().out.count("results go to results/sample-lab/a") == 1
    assert project.results_of("sample", "a") == clone / "results" / "sample" / "a"
    monkeypatch.setenv(project.PIPELINE, "1")
    assert project.results_folder("sample", "a") == clone / "results" / "sample" / "a"


def test_dvc_reads_yaml_with_the_parser_in_c() -> None:
    """Without it `dvc status` takes twice as long, and a run of an experiment ten seconds more."""
    assert pytest.importorskip("ruamel.yaml.main").CParser is not None
