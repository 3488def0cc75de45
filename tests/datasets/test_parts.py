"""Parts of rated sets that were made again: their kinds of images, and the choice among them."""

import csv
import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from layouts import build
from pictures import encoded, picture

from replication import datasets
from replication.datasets import DataError
from replication.datasets.catalogue import RATED, tid2013
from replication.datasets.iqa import fingerprints, published
from replication.datasets.iqa.listing import Row

TID = [
    tid2013.row("i01_01_1.bmp", 5.5),
    tid2013.row("i01_08_2.bmp", 4.5),
    tid2013.row("i02_08_3.bmp", 3.5),
    tid2013.row("i02_15_4.bmp", 2.5),
]
LIVE = [
    Row("bikes.bmp", "jpeg/img1.bmp", 15.5, "JPEG compression", None, (), (), kind="exact"),
    Row("house.bmp", "wn/img2.bmp", 40.25, "white noise", None, (), (), kind="equivalent"),
    Row("house.bmp", "fastfading/img3.bmp", -1.5, "fast fading", None, (), (), kind="real"),
]


@pytest.fixture
def part(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """`part("tid2013-part")` builds the part under data/ from a few rows, and makes it the known one."""
    monkeypatch.setattr(fingerprints, "FOLDER", tmp_path / "fingerprints")
    fingerprints.read.cache_clear()

    def make(name: str) -> Path:
        rows = {"tid2013-part": TID, "live-part": LIVE}[name]
        known = {"images": len(rows), "names_sha256": published.names_sha256(rows)}
        monkeypatch.setitem(RATED, name, dataclasses.replace(RATED[name], **known))
        fingerprints.write(RATED[str(RATED[name].part_of)], rows)
        folder = project / "data" / name
        folder.mkdir(parents=True)
        return build("tid2013", rows, folder) if name == "tid2013-part" else build_live(rows, folder)

    yield make
    fingerprints.read.cache_clear()


def build_live(rows: list[Row], folder: Path) -> Path:
    """The folder that LIVE's build.py makes."""
    folders = {"JPEG compression": "jpeg", "white noise": "wn", "fast fading": "fastfading"}
    lines = [("reference", "distorted", "opinion", "distortion", "kind")]
    for row in rows:
        lines.append((f"refimgs/{row.reference}", row.distorted, str(row.opinion), folders[row.distortion], row.kind))
        for file in (f"refimgs/{row.reference}", row.distorted):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(encoded(picture(len(file)), "BMP"))
    (folder / "labels.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    return folder


def test_the_kind_of_an_image_of_tid2013_follows_from_its_distortion(part: Callable[[str], Path]) -> None:
    part("tid2013-part")
    found = datasets.load("tid2013-part")
    assert found.table["kind"].tolist() == ["equivalent", "exact", "exact", "similar"]
    assert found.title == "TID2013 (2 exact, 1 equivalent, 1 similar images)"
    assert any("opinions belong to other images" in remark for remark in found.remarks)
    assert found.table["opinion"].isna().tolist() == [False, False, False, True]
    assert "1 images of the kind similar have no opinion of their own and are in no correlation" in found.remarks
    counted = "4 of 3,000 distorted images of TID2013, 2 of 25 references, 3 distortions: "
    assert any(remark.startswith(counted) for remark in found.remarks)


def test_the_kind_of_an_image_of_live_is_in_its_table(part: Callable[[str], Path]) -> None:
    part("live-part")
    found = datasets.load("live-part")
    assert found.table["kind"].tolist() == [row.kind for row in LIVE]
    assert found.table["distortion"].tolist() == [row.distortion for row in LIVE]
    assert found.table["opinion"].tolist() == [row.opinion for row in LIVE]
    assert found.table["reference"].tolist() == ["bikes.bmp", "house.bmp", "house.bmp"]
    assert found.title == "LIVE (1 exact, 1 equivalent, 1 real images)"
    assert found.opinion == RATED["live"].opinion


def test_kinds_and_distortions_are_chosen_and_the_title_follows(part: Callable[[str], Path]) -> None:
    folder = part("tid2013-part")
    whole = datasets.load("tid2013-part")
    exact = datasets.load("tid2013-part", kinds=["exact"])
    assert exact.table["distorted"].tolist() == ["i01_08_2.bmp", "i02_08_3.bmp"]
    assert exact.title == "TID2013 (2 exact images)"
    assert exact.remarks[-1] == "only kind exact: 2 of 4 rows"
    assert set(exact.images) == {"i01.bmp", "i02.bmp", "i01_08_2.bmp", "i02_08_3.bmp"}
    assert exact.digest != whole.digest
    noise = datasets.load("tid2013-part", kinds=["exact", "equivalent"], distortions=["additive Gaussian noise"])
    assert noise.table["distorted"].tolist() == ["i01_01_1.bmp"]
    for file in (folder / "distorted_images").iterdir():
        if "_15_" in file.name:
            file.unlink()
    assert len(datasets.load("tid2013-part", kinds=["exact"])) == 2  # images that are not asked for may be missing
    with pytest.raises(DataError, match=r"has no kind 'genuine'; it has: equivalent, exact, similar"):
        datasets.load("tid2013-part", kinds=["exact", "genuine"])
    with pytest.raises(DataError, match="has no image with kind similar and distortion Gaussian blur"):
        datasets.load("tid2013-part", kinds=["similar"], distortions=["Gaussian blur"])


def test_distortions_are_chosen_in_any_set() -> None:
    chosen = datasets.load("photos-distorted", distortions=["Gaussian blur"])
    assert set(chosen.table["distortion"]) == {"Gaussian blur"}
    assert len(chosen) == 24
    assert chosen.remarks[-1] == "only distortion Gaussian blur: 24 of 120 rows"
    with pytest.raises(DataError, match="photos-distorted has no kind 'exact'; it has: none"):
        datasets.load("photos-distorted", kinds=["exact"])


def test_a_number_of_images_is_spread_over_references_and_without_pattern() -> None:
    whole = datasets.load("photos-distorted")
    some = datasets.load("photos-distorted", images=27)
    assert sorted(some.table.groupby("reference").size()) == [4, 4, 4, 5, 5, 5]
    order = whole.table["distorted"].tolist()
    assert some.table["distorted"].tolist() == sorted(some.table["distorted"], key=order.index)
    # Every reference has the same 20 distortions in one order; the hashes choose others of each.
    kinds = some.table.groupby("reference")[["distortion", "level"]].apply(
        lambda part: frozenset(part.itertuples(index=False))
    )
    assert len(set(kinds)) == 6
    assert some.remarks[-1] == "27 of 120 rows, equally of every reference, by a hash of their names"
    assert set(datasets.load("photos-distorted", images=12).table["distorted"]) < set(some.table["distorted"])
    assert datasets.load("photos-distorted", images=500).digest == whole.digest
    blurred = datasets.load("photos-distorted", distortions=["Gaussian blur"], images=6)
    assert set(blurred.table["distortion"]) == {"Gaussian blur"}
    assert blurred.table["reference"].nunique() == len(blurred) == 6
    with pytest.raises(ValueError, match="images must be a whole number of at least 1, got 0"):
        datasets.load("photos-distorted", images=0)


def test_the_digest_sees_the_kinds(part: Callable[[str], Path]) -> None:
    folder = part("live-part")
    before = datasets.load("live-part").digest
    (folder / "labels.csv").write_text((folder / "labels.csv").read_text().replace("equivalent", "near"))
    assert datasets.load("live-part").digest != before


def test_a_part_is_recognised_where_the_set_itself_would_lie(part: Callable[[str], Path]) -> None:
    part("tid2013-part").rename(Path("data") / "tid2013")
    found = datasets.load("tid2013")
    assert (found.name, found.title) == ("tid2013", "TID2013 (2 exact, 1 equivalent, 1 similar images)")
    assert found.licence == RATED["tid2013-part"].licence


def test_a_part_with_an_altered_opinion_or_another_list_is_refused(part: Callable[[str], Path]) -> None:
    folder = part("live-part")
    text = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(text.replace("40.25", "41.25"))
    with pytest.raises(DataError, match=r"not as published .*: wn/img2\.bmp"):
        datasets.load("live-part")
    (folder / "labels.csv").write_text("".join(text.splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match=r"the list of images is another one \(2 of 779"):
        datasets.load("live-part")
    (folder / "labels.csv").write_text(text.replace("real", "genuine"))
    with pytest.raises(DataError, match=r"labels\.csv line 4: no distortion or no kind of this set"):
        datasets.load("live-part")
    (folder / "labels.csv").write_text(text.replace("kind", "sort"))
    with pytest.raises(DataError, match="no column kind"):
        datasets.load("live-part")


def test_a_part_that_has_not_been_built_says_how(project: Path) -> None:
    (project / "data" / "live-part").mkdir(parents=True)
    (project / "data" / "live-part" / "recipe.csv").write_text("")
    with pytest.raises(datasets.AbsentDataError, match=r"`python build\.py OUT` in the folder live-part of the data"):
        datasets.load("live-part")


# The real recipes


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("tid2013-part", {"exact": 720, "equivalent": 480, "similar": 240}),
        ("live-part", {"exact": 200, "near": 154, "equivalent": 105, "real": 29}),
    ],
)
def test_kinds_are_those_of_the_recipe(
    real_data: Callable[[str], Path], tmp_path: Path, name: str, kinds: dict[str, int]
) -> None:
    with open(real_data(f"{name}/recipe.csv"), newline="") as file:
        recipe = list(csv.DictReader(file))
    if name == "tid2013-part":
        expected = {line["name"].lower(): line["kind"] for line in recipe}
        build("tid2013", [tid2013.row(line["name"].lower(), float(line["mos"])) for line in recipe], tmp_path)
    else:
        expected = {f"{line['distortion']}/{line['image']}": line["kind"] for line in recipe}
        image = encoded(picture(0), "BMP")
        with open(tmp_path / "labels.csv", "w") as labels:
            labels.write("reference,distorted,opinion,distortion,kind\n")
            for line in recipe:
                files = f"refimgs/{line['reference']}.bmp", f"{line['distortion']}/{line['image']}"
                labels.write(f"{','.join(files)},{line['opinion']},{line['distortion']},{line['kind']}\n")
                for at in files:
                    (tmp_path / at).parent.mkdir(exist_ok=True)
                    (tmp_path / at).write_bytes(image)
    found = datasets.load(name, folder=tmp_path)
    assert dict(zip(found.table["distorted"], found.table["kind"], strict=True)) == expected
    assert Counter(found.table["kind"]) == kinds
    assert len(found.table["reference"].unique()) == RATED[name].references
