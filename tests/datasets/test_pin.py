"""data.dvc and pins/: which files the reports were computed from, as DVC itself sees it."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pictures import encoded, picture

from replication.datasets import DataError, availability, pin
from replication.datasets.catalogue import FOLDERS, known

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "set5": ("baby.png", "bird.png", "woman.png"),
    "set14": ("baboon.png", "zebra.png"),
    "bsds500-test": ("100007.jpg", "10081.jpg"),
}


@pytest.fixture
def pinned(project: Path, miniature: Callable[..., Path]) -> Path:
    """A project whose data/ holds three small sets, pinned."""
    for name, files in SETS.items():
        miniature(name, *files)
    pin.write(SETS)
    return project


@pytest.fixture
def dvc(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs dvc in a folder that is made a git and DVC repository at first use."""
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    environment |= {
        "DVC_GLOBAL_CONFIG_DIR": str(tmp_path / "config"),
        "DVC_SYSTEM_CONFIG_DIR": str(tmp_path / "config"),
    }

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        if not (folder / ".git").exists():
            subprocess.run(["git", "init", "--quiet", folder], check=True, env=environment)
            (folder / ".gitignore").write_text("/data\n")
            (folder / ".dvc").mkdir()  # all that `dvc init` does, sooner
            (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


STAGE = """\
stages:
  copy:
    cmd: cp pins/set5.md5 copied.txt
    deps: [pins/set5.md5]
    outs:
    - copied.txt:
        cache: false
"""


def test_dvc_finds_the_pinned_data_up_to_date_and_a_change_modified(
    pinned: Path, dvc: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    assert "up to date" in dvc(pinned, "status", "data.dvc").stdout
    (pinned / "data" / "set5" / "bird.png").write_bytes(encoded(picture(50)))
    changed = dvc(pinned, "status", "data.dvc").stdout
    assert "modified" in changed
    assert "data/set5" in changed
    assert "data/set14" not in changed


def test_a_linked_data_folder_is_compared_like_one_in_place(
    pinned: Path, tmp_path: Path, dvc: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (pinned / "data").rename(tmp_path / "elsewhere")
    (pinned / "data").symlink_to(tmp_path / "elsewhere")
    assert "up to date" in dvc(pinned, "status", "data.dvc").stdout
    (tmp_path / "elsewhere" / "set5" / "bird.png").unlink()
    assert "modified" in dvc(pinned, "status", "data.dvc").stdout


def test_without_the_data_the_pipeline_is_undisturbed(
    pinned: Path, dvc: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    shutil.rmtree(pinned / "data")
    (pinned / "dvc.yaml").write_text(STAGE)
    first = dvc(pinned, "repro")
    assert first.returncode == 0, first.stderr
    assert (pinned / "copied.txt").is_file()
    second = dvc(pinned, "repro")
    assert (second.returncode, "didn't change, skipping" in second.stdout) == (0, True)
    assert "deleted" in dvc(pinned, "status", "data.dvc").stdout


def test_the_folder_hash_is_dvcs(pinned: Path, dvc: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    written = yaml.safe_load((pinned / "data.dvc").read_text())["outs"]
    (pinned / "data.dvc").unlink()
    shutil.copytree(pinned / "data" / "set5", pinned / "again")
    dvc(pinned, "add", "again")
    theirs = yaml.safe_load((pinned / "again.dvc").read_text())["outs"][0]
    assert {key: written[0][key] for key in ("md5", "size", "nfiles", "hash")} == {
        key: theirs[key] for key in ("md5", "size", "nfiles", "hash")
    }
    assert written[0]["path"] == "data/set5"


def test_the_lists_of_files_are_md5sums(pinned: Path) -> None:
    lists = [f"../pins/{name}.md5" for name in SETS]
    checked = subprocess.run(["md5sum", "-c", *lists], cwd=pinned / "data", capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK") == sum(map(len, SETS.values()))


def test_the_list_of_a_set_is_found_by_name(pinned: Path) -> None:
    assert pin.path_of("set5") == Path("pins/set5.md5")
    assert [pin.path_of(name) for name in ("t91", "photos-a", "photos-distorted", "some/folder")] == [None] * 4


def test_pinning_one_set_writes_no_other_list(pinned: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (pinned / "pins").iterdir()}
    pin.write(["set5"])
    after = {path.name: path.stat().st_mtime_ns for path in (pinned / "pins").iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"set5.md5"}


def test_pinned_data_passes_wherever_the_data_root_is_and_however_names_are_spelled(
    pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin.check(SETS)
    (pinned / "data").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / "set5").rename(tmp_path / "elsewhere" / "Set5")
    (tmp_path / "elsewhere" / "Set5" / "baby.png").rename(tmp_path / "elsewhere" / "Set5" / "Baby.PNG")
    (tmp_path / "elsewhere" / "set14" / "Thumbs.db").write_bytes(b"stray")
    pin.check(SETS)
    assert [pin.difference(name) for name in SETS] == ["", "", ""]


def test_differing_files_are_named_with_the_way_to_adopt_them(pinned: Path) -> None:
    (pinned / "data" / "set5" / "bird.png").write_bytes(encoded(picture(50)))
    (pinned / "data" / "set14" / "zebra.png").rename(pinned / "data" / "set14" / "other.png")
    pin.check(["bsds500-test"])
    with pytest.raises(DataError) as caught:
        pin.check(SETS)
    assert "set5 (other content in bird.png), set14 (missing zebra.png; also other.png)" in str(caught.value)
    assert "`python -m replication data pin set5 set14`" in str(caught.value)
    pin.write(["set5", "set14"])
    pin.check(SETS)


def test_missing_data_and_unpinned_sets_are_errors(pinned: Path, miniature: Callable[..., Path]) -> None:
    miniature("kodak", "kodim01.png")
    with pytest.raises(DataError, match=r"kodak \(not pinned\).*data pin kodak"):
        pin.check(["set5", "kodak"])
    shutil.rmtree(pinned / "data" / "set5")
    with pytest.raises(DataError, match=r"set5 is missing.*Licence"):
        pin.check(["set14", "set5"])


def test_sets_without_files_under_the_data_root_have_no_pin(project: Path) -> None:
    pin.check(["photos-a", "some/folder"])


def test_pinning_one_set_leaves_the_others_as_pinned(pinned: Path, miniature: Callable[..., Path]) -> None:
    before = pin.read()
    (pinned / "data" / "set5" / "bird.png").write_bytes(encoded(picture(50)))
    miniature("kodak", "kodim01.png")
    assert pin.write(["kodak"]) == ["kodak"]
    assert pin.read() == before | {"kodak": pin.read()["kodak"]}
    assert sorted(pin.write()) == ["bsds500-test", "kodak", "set14", "set5"]
    assert pin.read()["set5"] != before["set5"]


def test_outputs_that_others_added_to_data_dvc_stay(pinned: Path) -> None:
    document = yaml.safe_load((pinned / "data.dvc").read_text())
    document["outs"].append({"md5": "0" * 32, "hash": "md5", "path": "data/mine.bin"})
    (pinned / "data.dvc").write_text(yaml.safe_dump(document))
    pin.write(["set5"])
    assert yaml.safe_load((pinned / "data.dvc").read_text()) == document


def test_incomplete_sets_are_not_pinned(pinned: Path) -> None:
    before = _content(pinned)
    (pinned / "data" / "set5" / "bird.png").unlink()
    with pytest.raises(DataError, match="set5 is incomplete"):
        pin.write()
    with pytest.raises(DataError, match="'photos-a' is no set of files"):
        pin.write(["photos-a"])
    assert _content(pinned) == before


def test_full_disk_leaves_the_old_pin(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = _content(pinned)
    (pinned / "data" / "set5" / "bird.png").write_bytes(encoded(picture(50)))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pin.write()
    assert _content(pinned) == before


def _content(project: Path) -> dict[str, bytes]:
    """data.dvc and every file of pins/."""
    return {path.name: path.read_bytes() for path in (project / "data.dvc", *(project / "pins").iterdir())}


def test_disagreeing_files_are_noticed_and_mended_by_pinning(pinned: Path) -> None:
    path = pinned / "pins" / "set5.md5"
    listing = path.read_text()
    path.write_text("\n".join(line for line in listing.splitlines() if "bird" not in line))
    with pytest.raises(DataError, match=r"pins/set5\.md5 disagree about set5; .*data pin set5"):
        pin.check(["set5"])
    pin.check(["set14"])
    pin.write(["set5"])
    assert path.read_text() == listing


def test_a_damaged_pin_is_named(project: Path) -> None:
    for text in ("outs: [", "- a list", "stages: {}"):
        (project / "data.dvc").write_text(text)
        with pytest.raises(DataError, match=r"data\.dvc is not a DVC file with outs"):
            pin.read()


def test_the_committed_lists_agree_with_data_dvc() -> None:
    pinned = pin.read()  # a DataError where they do not
    assert {path.stem for path in (ROOT / "pins").glob("*.md5")} == set(pinned)
    assert {name for name in pinned if name in FOLDERS} >= {"set5", "set14", "t91"}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "pins").glob("*.md5")))
def test_the_real_data_is_as_the_committed_pin_says(
    real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = real_data(known()[name].folder)
    monkeypatch.setenv("REPLICATION_DATA", str(folder.parents[len(Path(known()[name].folder).parts) - 1]))
    if availability.folder_of(known()[name]) is None:
        pytest.skip(f"REAL DATA ABSENT: {name} has not been built")
    pin.check([name])
