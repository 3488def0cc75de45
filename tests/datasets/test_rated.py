"""Sets with opinions: every official layout in miniature, and whole from the published labels."""

import csv
import dataclasses
import hashlib
import pickle
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from layouts import FEW, build
from pictures import encoded, picture

from replication import datasets
from replication.datasets import AbsentDataError, DataError, rated
from replication.datasets.catalogue import RATED, tid2013
from replication.datasets.iqa import fingerprints, labels

NAMES = list(FEW)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_read_from_its_official_folder(few: Callable[[str], Path], name: str) -> None:
    folder = few(name)
    (folder / "Thumbs.db").write_bytes(b"stray")
    (folder / ".DS_Store").write_bytes(b"stray")
    (folder / "readme.txt").write_text("stray")
    found = datasets.load(name)
    rows = FEW[name]
    assert list(found.table.columns) == ["reference", "distorted", "opinion", "distortion", "level", "kind"]
    assert not found.table["kind"].any()
    assert found.table["distorted"].tolist() == [row.distorted for row in rows]
    assert found.table["reference"].tolist() == [row.reference for row in rows]
    assert found.table["opinion"].tolist() == pytest.approx([row.opinion for row in rows])
    assert found.table["distortion"].tolist() == [row.distortion for row in rows]
    assert [None if level is rated_na(level) else int(level) for level in found.table["level"]] == [
        row.level for row in rows
    ]
    assert set(found.images) == {name for row in rows for name in (row.reference, row.distorted)}
    assert found.images[rows[0].distorted].read().shape == (7, 9, 3)
    assert (found.title, found.licence) == (RATED[name].title, RATED[name].licence)
    assert len(found) == len(rows)


def rated_na(level: object) -> object:
    """The level itself where it is a missing value."""
    import pandas as pd

    return level if pd.isna(level) else None


def test_what_the_opinions_are() -> None:
    directions = {name: (entry.opinion.kind, entry.opinion.higher_is_better) for name, entry in RATED.items()}
    assert directions == directions | {
        "live": ("DMOS", False),
        "live-md": ("DMOS", False),
        "csiq": ("DMOS", False),
        "tid2013": ("MOS", True),
        "tid2008": ("MOS", True),
        "kadid-10k": ("DMOS", True),
        "pipal": ("Elo", True),
        "qads": ("MOS", True),
        "live-part": ("DMOS", False),
        "tid2013-part": ("MOS", True),
    }


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_and_folders_may_be_spelled_in_any_case(few: Callable[[str], Path], name: str) -> None:
    folder = few(name)
    before = datasets.load(name).table
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.swapcase()))
    assert datasets.load(name).table.equals(before)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_image_is_named_and_may_be_skipped(few: Callable[[str], Path], name: str) -> None:
    folder = few(name)
    row = FEW[name][1]
    file = row.distorted.rpartition("/")[2]
    for path in folder.rglob("*"):
        if path.name.lower() == file and (name != "live" or "jp2k" in path.parts):
            path.unlink()
    with pytest.raises(AbsentDataError) as caught:
        datasets.load(name)
    message = str(caught.value)
    assert message.startswith(f"{name} is incomplete, 1 of ")
    assert caught.value.absent.name == RATED[name].title
    assert row.distorted in caught.value.absent.reason
    assert str(folder) not in caught.value.absent.reason
    for words in (RATED[name].licence, RATED[name].source, "Sets that are available: ", "photos-distorted"):
        assert words in message
    found = datasets.load(name, on_missing="skip")
    assert found.table["distorted"].tolist() == [r.distorted for r in FEW[name] if r is not row]
    assert any(f"1 of {len(FEW[name])} rows left out" in remark and row.distorted in remark for remark in found.remarks)


def test_a_missing_reference_takes_its_rows_along(few: Callable[[str], Path]) -> None:
    (few("tid2008") / "reference_images" / "I02.BMP").unlink()
    with pytest.raises(DataError, match=r"1 of 5 images missing, i02\.bmp"):
        datasets.load("tid2008")
    assert datasets.load("tid2008", on_missing="skip").table["reference"].tolist() == ["i01.bmp"]


@pytest.mark.parametrize("name", [name for name in NAMES if RATED[name].precision])
def test_an_altered_score_is_noticed_and_its_row_named(few: Callable[[str], Path], name: str) -> None:
    folder = few(name)
    altered = [*FEW[name]]
    altered[1] = dataclasses.replace(altered[1], opinion=altered[1].opinion + 0.01)
    shutil.rmtree(folder)
    folder.mkdir()
    build(name, altered, folder)
    with pytest.raises(DataError) as caught:
        datasets.load(name)
    assert f"1 rows are not as published (score, reference or image): {altered[1].distorted}" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tid2013", "live")])
def test_a_list_that_is_cut_off_is_noticed(few: Callable[[str], Path], name: str) -> None:
    folder = few(name)
    shutil.rmtree(folder)
    folder.mkdir()
    build(name, FEW[name][:-1], folder)
    with pytest.raises(DataError, match=rf"cut off or another one: {len(FEW[name]) - 1} of {len(FEW[name])} images"):
        datasets.load(name)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tid2008", "mos_with_names.txt"),
        ("kadid-10k", "dmos.csv"),
        ("pipal", "Train_Label/A0248.txt"),
        ("qads", "mos_with_names.txt"),
        ("csiq", "csiq.DMOS.xlsx"),
        ("live", "dmos_realigned.mat"),
        ("live", "refnames_all.mat"),
        ("live-md", "To_Release/Part 2/Scores.mat"),
    ],
)
@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_a_truncated_file_of_opinions_is_an_error(
    few: Callable[[str], Path], name: str, file: str, keep: float
) -> None:
    path = few(name) / file
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(DataError):
        datasets.load(name)


@pytest.mark.parametrize(
    ("name", "file", "text", "words"),
    [
        ("tid2013", "mos_with_names.txt", "5.5 I01_01_1.bmp\nfive I01_24_5.bmp\n", "line 2: 'five' is no opinion"),
        ("tid2013", "mos_with_names.txt", "5.5 I01_01_1.bmp\nnan I01_24_5.bmp\n", "line 2: 'nan' is no opinion"),
        ("tid2013", "mos_with_names.txt", "5.5 I01_01_1.bmp\n2.77 I01_2\n", "line 2: expected an opinion and a file"),
        ("tid2013", "mos_with_names.txt", "5.5 I01_25_1.bmp\n", "'i01_25_1.bmp' is no image of this set"),
        ("tid2013", "mos_with_names.txt", "5.51429 I01_01_1.bmp\n5.51429 i01_01_1.bmp\n", "i01_01_1.bmp listed twice"),
        ("kadid-10k", "dmos.csv", "name,dmos\n", "no column dist_img"),
        ("kadid-10k", "dmos.csv", "dist_img,ref_img,dmos\nI01_01_01.png,I02.png,4.57\n", "with the reference I02.png"),
        ("pipal", "Train_Label/A0001.txt", "A0001_00_00.bmp\n", "expected a file name, a comma and an opinion"),
    ],
)
def test_a_damaged_list_is_named_with_the_line(
    few: Callable[[str], Path], name: str, file: str, text: str, words: str
) -> None:
    (few(name) / file).write_text(text)
    with pytest.raises(DataError) as caught:
        datasets.load(name)
    assert words in str(caught.value)


def test_one_image_under_two_spellings_is_an_error(few: Callable[[str], Path]) -> None:
    folder = few("tid2008")
    shutil.copy(folder / "reference_images" / "I01.BMP", folder / "reference_images" / "i01.bmp")
    with pytest.raises(DataError, match="keep one of them"):
        datasets.load("tid2008")


def test_the_reference_copies_of_live_are_left_out_unless_asked_for(few: Callable[[str], Path]) -> None:
    few("live")
    without, with_copies = datasets.load("live"), datasets.load("live", reference_copies=True)
    assert (len(without), len(with_copies)) == (3, 7)
    assert "4 undistorted copies of references excluded: 3 rows" in without.remarks
    assert "4 undistorted copies of references included: 7 rows" in with_copies.remarks
    copies = with_copies.table[~with_copies.table["distorted"].isin(without.table["distorted"])]
    assert copies["distorted"].tolist() == ["jp2k/img2.bmp", "jp2k/img4.bmp", "wn/img1.bmp", "gblur/img1.bmp"]
    assert with_copies.table["distorted"].tolist()[:4] == [f"jp2k/img{i}.bmp" for i in (1, 2, 3, 4)]
    with pytest.raises(ValueError, match="'csiq' has none"):
        datasets.load("csiq", reference_copies=True)


def test_a_shorter_list_with_its_images_is_a_declared_part_of_tid2013(few: Callable[[str], Path]) -> None:
    folder = few("tid2013")
    shutil.rmtree(folder)
    folder.mkdir()
    build("tid2013", FEW["tid2013"][:2], folder)
    part = datasets.load("tid2013")
    assert part.title == "TID2013 (2 images)"
    assert part.remarks == (
        "2 of 4 distorted images of TID2013, 1 of 2 references, 2 distortions: additive Gaussian noise, "
        "sparse sampling and reconstruction",
    )
    (folder / "mos_with_names.txt").write_text("5.52429 I01_01_1.bmp\n2.77143 I01_24_5.bmp\n")
    with pytest.raises(DataError, match=r"not as published .*: i01_01_1\.bmp"):
        datasets.load("tid2013")


def test_a_list_cut_off_beside_all_images_is_no_part(few: Callable[[str], Path]) -> None:
    (few("tid2013") / "mos_with_names.txt").write_text("5.51429 I01_01_1.bmp\n2.77143 I01_24_5.bmp\n")
    with pytest.raises(DataError, match=r"lists 2 images, and the folder holds 2 others: i25_08_3\.bmp, i25_10_4\.bmp"):
        datasets.load("tid2013")


def test_scores_of_qads_are_checked_by_range(few: Callable[[str], Path]) -> None:
    (few("qads") / "mos_with_names.txt").write_text("0.4  img01_2_1.bmp\n1.2  img20_4_21.bmp\n")
    with pytest.raises(DataError, match=r"not as published .*: img20_4_21\.bmp"):
        datasets.load("qads")


def test_a_folder_elsewhere_and_one_inside_another_are_found(few: Callable[[str], Path], tmp_path: Path) -> None:
    few("csiq").rename(tmp_path / "CSIQ release")
    with pytest.raises(
        AbsentDataError, match=r"csiq is missing: there is no csiq under the data root .*\. To get it: .*Licence"
    ):
        datasets.load("csiq")
    elsewhere = datasets.load("csiq", folder=tmp_path / "CSIQ release").digest
    (tmp_path / "outer" / "zip").mkdir(parents=True)
    (tmp_path / "CSIQ release").rename(tmp_path / "outer" / "zip" / "csiq")
    assert datasets.load("csiq", folder=tmp_path / "outer" / "zip").digest == elsewhere
    with pytest.raises(DataError, match="holds no csiq.dmos.xlsx"):
        datasets.load("csiq", folder=few("tid2013"))
    with pytest.raises(DataError, match="there is no folder nowhere"):
        datasets.load("csiq", folder="nowhere")


def test_the_digest_sees_opinions_and_contents(few: Callable[[str], Path]) -> None:
    folder = few("qads")
    before = datasets.load("qads").digest
    assert pickle.loads(pickle.dumps(datasets.load("qads"))).digest == before
    (folder / "source_images" / "img01.bmp").write_bytes(encoded(picture(77), "BMP"))
    changed = datasets.load("qads").digest
    (folder / "mos_with_names.txt").write_text("0.38888  img01_2_1.bmp\n0.70000  img20_4_21.bmp\n")
    assert len({before, changed, datasets.load("qads").digest}) == 3


def test_unknown_names_and_options_that_do_not_apply(project: Path) -> None:
    with pytest.raises(DataError, match=r"unknown set 'tid'; known: csiq, .*live, live-md, .*photos-distorted; a CSV"):
        datasets.load("tid")
    with pytest.raises(ValueError, match="on_missing must be"):
        datasets.load("csiq", on_missing="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="are for a CSV"):
        datasets.load("csiq", kind="MOS")
    with pytest.raises(ValueError, match="has no folder"):
        datasets.load("photos-distorted", folder=".")
    with pytest.raises(DataError, match="the data root .* does not exist"):
        datasets.load("csiq")


def test_a_part_that_was_not_built_says_how_to_build_it(project: Path) -> None:
    (project / "data" / "tid2013-part").mkdir(parents=True)
    (project / "data" / "tid2013-part" / "build.py").write_text("")
    with pytest.raises(DataError, match=r'`python build.py OUT` .* load\("tid2013-part", folder="OUT"\)'):
        datasets.load("tid2013-part")


# A CSV of one's own


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with three images."""
    (tmp_path / "own" / "in").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "in/a1.png", "in/a2.png")):
        (tmp_path / "own" / name).write_bytes(encoded(picture(seed)))
    return tmp_path / "own"


def test_a_csv_is_a_set(own: Path) -> None:
    (own / "mine.csv").write_text(
        "distorted,reference,opinion,level,distortion\nin/a1.png,a.png,4.5,1,blur\nin/a2.png,a.png,2,,noise\n"
    )
    found = datasets.load(own / "mine.csv", kind="MOS", higher_is_better=True, low=1, high=5)
    assert found.title == "mine"
    assert found.opinion == datasets.Opinion("MOS", 1, 5, higher_is_better=True)
    assert found.table["opinion"].tolist() == [4.5, 2.0]
    assert found.table["distortion"].tolist() == ["blur", "noise"]
    assert found.table["level"].isna().tolist() == [False, True]
    assert list(found.images) == ["a.png", "in/a1.png", "in/a2.png"]
    assert np.array_equal(found.images["in/a2.png"].read(), np.asarray(picture(2)))


def test_a_csv_needs_three_columns_only(own: Path) -> None:
    (own / "mine.csv").write_text("reference,distorted,opinion\na.png,in/a1.png,0.25\n")
    found = datasets.load(own / "mine.csv", kind="DMOS", higher_is_better=False)
    assert (found.opinion.low, found.opinion.high) == (0.25, 0.25)
    assert found.table["distortion"].tolist() == [""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("reference,opinion\na.png,1\n", "no column distorted; wanted are"),
        ("reference,distorted,opinion\n", "has no rows"),
        ("reference,distorted,opinion\na.png,in/a3.png,1\n", "no files in/a3.png"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(own: Path, text: str, words: str) -> None:
    (own / "mine.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        datasets.load(own / "mine.csv", kind="MOS", higher_is_better=True)
    assert words in str(caught.value)


def test_a_csv_must_say_what_its_opinions_are(own: Path) -> None:
    with pytest.raises(ValueError, match="the kind and the direction of its opinions"):
        datasets.load(own / "mine.csv", kind="MOS")
    with pytest.raises(DataError, match="no file .*mine.csv"):
        datasets.load(own / "mine.csv", kind="MOS", higher_is_better=True)


def test_images_missing_from_a_csv_may_be_skipped(own: Path) -> None:
    (own / "mine.csv").write_text("reference,distorted,opinion\na.png,in/a1.png,1\na.png,in/a3.png,2\n")
    found = datasets.load(own / "mine.csv", kind="MOS", higher_is_better=True, on_missing="skip")
    assert found.table["distorted"].tolist() == ["in/a1.png"]
    assert found.remarks == ("1 of 2 rows left out, because images are missing: in/a3.png",)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "pandas", "scipy", "openpyxl", "torch"
    code = f"import sys, replication.datasets; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The published labels, whole

COUNTS = {
    "live": 779,
    "live-md": 450,
    "csiq": 866,
    "tid2008": 1700,
    "tid2013": 3000,
    "kadid-10k": 10125,
    "pipal": 23200,
}


@pytest.mark.parametrize("name", list(COUNTS))
def test_every_published_row_is_known_and_no_other(real_data: Callable[[str], Path], name: str) -> None:
    rows = labels.read(name, real_data("labels"))
    assert len(rows) == COUNTS[name] == RATED[name].images
    assert len({row.reference for row in rows}) == RATED[name].references == len(fingerprints.read(name))
    entry = RATED[name]
    assert fingerprints.compare(entry, rows) == fingerprints.Comparison((), {})
    decimals, slack = entry.precision or (0, 0)
    step = (slack + 1) * 10**-decimals
    sample = rows[:: max(1, len(rows) // 500)]
    for sign in (-1, 1):
        altered = [dataclasses.replace(row, opinion=row.opinion + sign * step) for row in sample]
        assert len(fingerprints.compare(entry, altered).altered) == len(sample)
    other = dataclasses.replace(rows[0], reference=rows[-1].reference)
    assert fingerprints.compare(entry, [other, *rows[1:]]).altered == (rows[0].distorted,)


@pytest.mark.parametrize("name", list(COUNTS))
def test_a_whole_official_folder_made_from_the_labels_loads(
    real_data: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    rows = labels.read(name, real_data("labels"))
    found = datasets.load(name, folder=build(name, rows, tmp_path))
    assert len(found) == COUNTS[name]
    listed = {row.distorted: row.opinion for row in rows}
    assert dict(zip(found.table["distorted"], found.table["opinion"], strict=True)) == pytest.approx(listed, abs=1e-4)
    counts = Counter(Counter(found.table["distortion"]).values())
    assert (
        counts
        == {
            "live": {169: 1, 175: 1, 145: 3},
            "live-md": {90: 1, 135: 2, 45: 2},
            "csiq": {150: 5, 116: 1},
            "tid2008": {100: 17},
            "tid2013": {125: 24},
            "kadid-10k": {405: 25},
            "pipal": {2400: 1, 3200: 1, 2000: 1, 4800: 1, 2600: 1, 2800: 1, 5400: 1},
        }[name]
    )


def test_live_has_982_rows_with_its_reference_copies(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    build("live", labels.read("live", real_data("labels")), tmp_path)
    assert len(datasets.load("live", folder=tmp_path, reference_copies=True)) == 982
    assert "203 undistorted copies of references excluded: 779 rows" in datasets.load("live", folder=tmp_path).remarks


def test_the_scores_published_beside_metrics_pass_as_tid2013s(real_data: Callable[[str], Path]) -> None:
    """Five decimals, where the labels have four: another copy of the same opinions."""
    with open(real_data("published-scores") / "tid2013_classical_metrics.csv", newline="") as file:
        rows = [tid2013.row(line["name"].lower(), float(line["MOS"])) for line in csv.DictReader(file)]
    assert fingerprints.compare(RATED["tid2013"], rows) == fingerprints.Comparison((), {})


def test_a_part_is_recognised_by_its_list(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    recipe = real_data("tid2013-part") / "recipe.csv"
    if not recipe.is_file():
        pytest.skip("REAL DATA ABSENT: no recipe.csv beside tid2013-part")
    with open(recipe, newline="") as file:
        rows = [tid2013.row(line["name"].lower(), float(line["mos"])) for line in csv.DictReader(file)]
    build("tid2013", rows, tmp_path)
    for name in ("tid2013", "tid2013-part"):
        found = datasets.load(name, folder=tmp_path)
        assert found.title == "TID2013 (720 exact, 480 equivalent, 240 similar images)"
        assert (len(found), found.table["reference"].nunique()) == (1440, 24)
        assert any("1,440 of 3,000 distorted images of TID2013" in remark for remark in found.remarks)
    shutil.rmtree(tmp_path / "distorted_images")
    build("tid2013", rows[:-1], tmp_path)
    assert datasets.load("tid2013", folder=tmp_path).title == "TID2013 (1439 images)"
    with pytest.raises(DataError, match="the list of images is another one"):
        datasets.load("tid2013-part", folder=tmp_path)


def test_fingerprints_are_hashes_of_name_reference_and_score() -> None:
    import base64

    row = FEW["kadid-10k"][0]
    digest = hashlib.sha256(b"i01_01_01.png i01.png 457").digest()
    assert fingerprints._fingerprint(RATED["kadid-10k"], row) == base64.urlsafe_b64encode(digest)[:4].decode()


def test_available_sets_are_listed(few: Callable[[str], Path]) -> None:
    assert rated.rated_present() == ["photos-distorted"]
    few("pipal")
    assert datasets.rated_present() == ["pipal", "photos-distorted"]
