"""Profiles and parameters: found from anywhere inside the project, and spelling mistakes are errors."""

import shutil
from pathlib import Path

import pytest

from replication import project

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


def test_switching_the_profile_copies_it_with_its_comments(clone: Path) -> None:
    project.use_profile("paper")
    assert (clone / "params.yaml").read_text() == (ROOT / "conf" / "paper.yaml").read_text()
    assert project.settings()["profile"] == "paper"


def test_an_unknown_profile_is_refused_with_the_known_ones(clone: Path) -> None:
    with pytest.raises(project.SettingsError, match="unknown profile 'papr'; known: paper, sample"):
        project.use_profile("papr")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("profile: sample", "profile: simple", "unknown profile 'simple'; known: paper, sample"),
        (
            "    batch: 4",
            "    bacth: 4",
            "msssim_super_resolution: training: unknown parameter 'bacth'; known here: seed, batch",
        ),
        ("    batch: 4", "    # batch: 4", "parameter 'batch' is missing"),
        ("compute:\n", "compute: 3\nother:\n", "'compute' must be a group with accelerator|unknown parameter 'other'"),
        ("profile: sample", "profile: [sample", "params.yaml is not valid YAML"),
    ],
)
def test_a_mistake_in_the_parameters_is_named(clone: Path, old: str, new: str, message: str) -> None:
    text = (ROOT / "conf" / "sample.yaml").read_text()
    assert old in text
    (clone / "params.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(project.SettingsError, match=message):
        project.settings()


def test_the_data_root_is_a_folder_of_the_project_or_the_configured_one(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    assert project.data_root() == clone / "data"
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "elsewhere"))
    assert project.data_root() == tmp_path / "elsewhere"


# Mappings whose entries are not parameters but named things, or options of a function that has defaults for the rest.
NAMED = {
    "lwssim.images",
    "lwssim.variant_options",
    "msssim_autoencoders.analysis.observers",
    "msssim_autoencoders.images",
    "msssim_representations.analysis.variants",
    "msssim_representations.images",
    "msds.readings.taps",
    "pe_channels.inverted_taps",
    "pe_channels.open_choices",
    "pe_quality.analysis.efficacy",
    "pe_quality.analysis.variants",
    "pe_quality.measuring.taps",
    "pe_super_resolution.efficacy",
    "pe_super_resolution.evaluation.perception",
    "smic.scores",
    "smic.variants",
}


def test_both_profiles_have_the_same_parameters() -> None:
    paper, sample = (project._read_mapping(ROOT / "conf" / f"{name}.yaml") for name in ("paper", "sample"))

    def names(values: dict[str, object], prefix: str = "") -> set[str]:
        found = set()
        for name, value in values.items():
            found.add(prefix + name)
            if isinstance(value, dict) and prefix + name not in NAMED:
                found |= names(value, f"{prefix}{name}.")
        return found

    assert names(paper) == names(sample)
