"""Sets with opinions, comparisons and tables on the command line: status, add, pin."""

import csv
import dataclasses
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from layouts import FEW, build
from pictures import encoded, picture

from replication import datasets
from replication.cli import main
from replication.datasets import DataError, pin
from replication.datasets.catalogue import JUDGED, RATED, TABLES, TRAINING, select


def rows(output: str) -> dict[str, list[str]]:
    """The lines of `data status --csv`, by their first field."""
    return {first: others for first, *others in csv.reader(io.StringIO(output))}


def tables(project: Path) -> Path:
    """data/published-scores with its files."""
    folder = project / "data" / "published-scores"
    folder.mkdir(parents=True)
    for file in TABLES["published-scores"].files:
        (folder / file).write_text("a,b\n")
    return folder


def test_names_on_the_command_line_mean_one_set_or_all_parts() -> None:
    assert [entry.name for entry in select("live")] == ["live"]  # not live-md too
    assert [entry.name for entry in select("tid2013")] == ["tid2013"]
    assert [entry.name for entry in select("bapps")] == ["bapps-2afc", "bapps-jnd"]
    assert [entry.name for entry in select("bsds500")] == ["bsds500-train", "bsds500-val", "bsds500-test"]
    with pytest.raises(DataError, match=r"known: bsds500-train, .*live, live-md, .*bapps-jnd, labels, published-sc"):
        select("sett5")


def test_status_without_data_says_where_to_get_everything(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "status", "--csv"]) == 0
    table = rows(capsys.readouterr().out)
    for name, entry in (RATED | JUDGED | TABLES | TRAINING).items():
        assert table[name] == ["missing", "", entry.licence, entry.source]
    assert table["photos-distorted"][0] == "complete (6 images)"


def test_status_tells_complete_incomplete_altered_and_part(
    project: Path, few: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    few("csiq")
    (few("tid2008") / "distorted_images" / "i01_01_1.bmp").unlink()
    part = few("tid2013")
    shutil.rmtree(part)
    part.mkdir()
    build("tid2013", FEW["tid2013"][:3], part)
    (few("kadid-10k") / "dmos.csv").write_text("dist_img,ref_img,dmos\nI01_01_01.png,I01.png,1.57\n")
    (tables(project) / "live.csv").unlink()
    (project / "data" / "tid2013-part").mkdir()
    assert main(["data", "status", "--csv"]) == 0
    table = rows(capsys.readouterr().out)
    assert table["csiq"][0] == "complete (3 images)"
    assert table["tid2008"][0].startswith("incomplete, 1 of 5 images missing, ")
    assert "i01_01_1.bmp" in table["tid2008"][0]
    assert "To get it" not in table["tid2008"][0]
    assert table["tid2013"][0] == "a part: TID2013 (3 images)"
    assert "not as published" in table["kadid-10k"][0]
    assert table["published-scores"][0] == "incomplete, without live.csv"
    assert table["tid2013-part"][0] == "missing"


@pytest.mark.parametrize("name", list(FEW))
def test_a_downloaded_folder_is_put_in_place_whole(
    few: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = few(name)
    (folder / "readme.txt").write_text("stays")
    (folder / ".DS_Store").write_text("goes")
    before = datasets.load(name).digest
    (tmp_path / "downloads").mkdir()
    folder.rename(tmp_path / "downloads" / "release 2")
    assert main(["data", "add", name, str(tmp_path / "downloads")]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: complete (")
    assert datasets.load(name).digest == before
    if name != "live-md":  # where the folder To_Release holds the set, and what lies beside it is not part of it
        assert (folder / "readme.txt").is_file()
    assert not (folder / ".DS_Store").exists()
    assert main(["data", "add", name, str(tmp_path / "downloads")]) == 1
    assert "is not empty; --force replaces it" in capsys.readouterr().err


def test_an_archive_is_put_in_place(few: Callable[..., Path], tmp_path: Path) -> None:
    folder = few("kadid-10k")
    before = datasets.load("kadid-10k").digest
    with zipfile.ZipFile(tmp_path / "kadid10k.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"kadid10k/{path.relative_to(folder)}")
            archive.writestr(f"__MACOSX/kadid10k/._{path.name}", "stray")
    shutil.rmtree(folder)
    assert main(["data", "add", "kadid-10k", str(tmp_path / "kadid10k.zip")]) == 0
    assert datasets.load("kadid-10k").digest == before
    assert sorted(path.name for path in folder.iterdir()) == ["dmos.csv", "images"]


def test_nothing_is_put_in_place_where_the_set_is_not_whole(
    few: Callable[..., Path], project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = few("csiq")
    (folder / "src_imgs" / "1600.png").unlink()
    folder.rename(tmp_path / "csiq")
    assert main(["data", "add", "csiq", str(tmp_path / "csiq")]) == 1
    error = capsys.readouterr().err
    assert "nothing was put in place. csiq is incomplete" in error
    assert ".part" not in error
    assert not any((project / "data").iterdir())
    assert main(["data", "add", "tid2013", str(tmp_path / "csiq")]) == 1
    assert "holds nothing like tid2013 (a folder with mos_with_names.txt)" in capsys.readouterr().err


def test_a_name_that_leads_out_of_the_folder_is_refused(few: Callable[..., Path], tmp_path: Path) -> None:
    few("qads")
    with zipfile.ZipFile(tmp_path / "qads.zip", "w") as archive:
        archive.writestr("qads/mos_with_names.txt", "0.5  img01_2_1.bmp\n")
        archive.writestr("qads/../../evil.txt", "out")
    assert main(["data", "add", "qads", str(tmp_path / "qads.zip"), "--force"]) == 1
    assert not (tmp_path / "evil.txt").exists()


def test_comparisons_are_put_in_place(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    monkeypatch.setitem(
        JUDGED, "bapps-jnd", dataclasses.replace(JUDGED["bapps-jnd"], counts=(("traditional", 1), ("cnn", 1)))
    )
    for subset in ("traditional", "cnn"):
        for part in ("p0", "p1", "same"):
            folder = tmp_path / "dataset" / "jnd" / "val" / subset / part
            folder.mkdir(parents=True)
            if part == "same":
                np.save(folder / "000000.npy", np.array([0.25]))
            else:
                (folder / "000000.png").write_bytes(encoded(picture(0)))
    assert main(["data", "add", "bapps-jnd", str(tmp_path / "dataset")]) == 0
    assert capsys.readouterr().out == "bapps-jnd: complete (6 files)\n"
    assert datasets.load_judgements("bapps-jnd").table["fraction"].tolist() == [0.25, 0.25]
    assert (project / "data" / "bapps" / "jnd" / "val" / "cnn" / "p0" / "000000.png").is_file()


def test_these_sets_are_not_downloaded(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "live"]) == 1
    assert "live has no place to be downloaded from freely. Get it from: LIVE" in capsys.readouterr().err


# Pinning


def test_a_set_is_pinned_by_one_line_in_a_list_of_its_own(
    project: Path, few: Callable[..., Path], miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    miniature("set5", "baby.png", "bird.png")
    pin.write(["set5"])
    before = (project / "pins" / "set5.md5").read_text()
    few("csiq")
    tables(project)
    assert main(["data", "pin", "csiq", "published-scores"]) == 0
    assert capsys.readouterr().out == "data.dvc and pins/ now pin csiq, published-scores\n"
    outs = {out["path"]: out for out in yaml.safe_load((project / "data.dvc").read_text())["outs"]}
    assert {path.name: path.read_text() for path in (project / "pins").iterdir()} == {
        "set5.md5": before,
        "csiq.md5": f"{outs['data/csiq']['md5']}  csiq/\n",
        "published-scores.md5": f"{outs['data/published-scores']['md5']}  published-scores/\n",
    }
    assert list(pin.read()) == ["set5", "csiq", "published-scores"]
    pin.check(["set5", "csiq", "published-scores", "some text"])
    assert main(["data", "status", "--csv"]) == 0
    assert rows(capsys.readouterr().out)["csiq"][:2] == ["complete (3 images)", "as pinned"]


def test_other_files_beside_tables_do_not_count(project: Path) -> None:
    folder = tables(project)
    pin.write(["published-scores"])
    (folder / "another.csv").write_text("a,b\n")
    pin.check(["published-scores"])
    (folder / "live.csv").write_text("a,c\n")
    assert pin.difference("published-scores") == "other content or names of files"


def test_images_without_opinions_are_put_in_place_counted_and_pinned(
    project: Path, few: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few("csiq")
    pin.write(["csiq"])
    unpacked = tmp_path / "unpacked" / "img_align_celeba"
    unpacked.mkdir(parents=True)
    for number in range(3):
        (unpacked / f"{number:06d}.png").write_bytes(encoded(picture(number)))
    assert main(["data", "add", "celeba", str(tmp_path / "unpacked")]) == 0
    assert capsys.readouterr().out.startswith("celeba: different (3 files)")
    assert main(["data", "status", "--csv"]) == 0
    assert rows(capsys.readouterr().out)["celeba"][0] == "a part: 3 of 202599 files"
    assert main(["data", "pin", "celeba"]) == 0
    assert (project / "pins" / "celeba.md5").read_text() == f"{pin.read()['celeba'].md5}  celeba/\n"
    pin.check(["celeba", "csiq"])
    (project / "data" / "celeba" / "img_align_celeba" / "000001.png").write_bytes(encoded(picture(5)))
    with pytest.raises(DataError, match=r"celeba \(other content or names of files\)"):
        pin.check(["celeba"])


def test_the_build_script_alone_is_no_set(project: Path) -> None:
    (project / "data" / "tid2013-part").mkdir(parents=True)
    (project / "data" / "tid2013-part" / "build.py").write_text("")
    pin.check(["tid2013-part"])


def test_the_hash_of_a_folder_is_dvcs(project: Path, few: Callable[..., Path], tmp_path: Path) -> None:
    import os
    import sys

    folder = few("tid2013")
    pin.write(["tid2013"])
    written = yaml.safe_load((project / "data.dvc").read_text())["outs"][0]
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    subprocess.run(["git", "init", "--quiet", project], check=True)
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    shutil.copytree(folder, project / "again")
    command = [sys.executable, "-m", "dvc", "add", "again"]
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    theirs = yaml.safe_load((project / "again.dvc").read_text())["outs"][0]
    for key in ("md5", "size", "nfiles", "hash"):
        assert written[key] == theirs[key]


def test_a_changed_set_is_noticed_and_may_be_adopted(project: Path, few: Callable[..., Path]) -> None:
    folder = few("kadid-10k")
    pin.write(["kadid-10k"])
    (folder / "Thumbs.db").write_bytes(b"stray")
    pin.check(["kadid-10k"])
    (folder / "images" / "I01.png").write_bytes(encoded(picture(50)))
    with pytest.raises(DataError, match=r"kadid-10k \(other content or names of files\).*data pin kadid-10k"):
        pin.check(["kadid-10k"])
    pin.write()
    pin.check(["kadid-10k"])
    (folder / "more.txt").write_text("")
    with pytest.raises(DataError, match=r"kadid-10k \(9 files instead of 6\)|\(\d files instead of \d\)"):
        pin.check(["kadid-10k"])
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"kadid-10k \(missing\)"):
        pin.check(["kadid-10k"])


def test_a_set_that_is_neither_available_nor_pinned_does_not_stop_a_stage(
    project: Path, few: Callable[..., Path]
) -> None:
    pin.check(["pipal", "live", "bapps-2afc"])
    few("pipal")
    with pytest.raises(DataError, match=r"pipal \(not pinned\)"):
        pin.check(["pipal", "live"])


def test_incomplete_sets_are_not_pinned(project: Path, few: Callable[..., Path]) -> None:
    (few("csiq") / "src_imgs" / "1600.png").unlink()
    with pytest.raises(DataError, match="csiq is incomplete"):
        pin.write(["csiq"])
    with pytest.raises(DataError, match="published-scores is missing"):
        pin.write(["published-scores"])
    assert not (project / "data.dvc").exists()


def test_files_that_disagree_about_a_set_are_noticed(project: Path, few: Callable[..., Path]) -> None:
    few("csiq")
    pin.write(["csiq"])
    (project / "pins" / "csiq.md5").write_text("")
    with pytest.raises(DataError, match="pins/csiq.md5 disagree about csiq; .*data pin csiq"):
        pin.check(["csiq"])
    pin.write(["csiq"])
    pin.check(["csiq"])
