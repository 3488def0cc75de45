"""Tables of one's own: read in one way only, else a sentence that names line and column."""

from pathlib import Path

import pytest
from pictures import encoded, picture

from replication import datasets
from replication.datasets import DataError
from replication.datasets.iqa import own
from replication.datasets.iqa.listing import number

HEAD = "reference,distorted,opinion\n"


def read(tmp_path: Path, content: str | bytes) -> list[own.Row]:
    (tmp_path / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return own.read(tmp_path / "t.csv")


WRONG = {
    "decimal comma": (
        HEAD + "r.png,d.png,3,75\n",
        r"t\.csv line 2: 4 fields, where the header names 3 columns; if 3,75 is one number, write it as 3\.75",
    ),
    "decimal comma and distortion": (
        "reference,distorted,opinion,distortion\nr.png,d.png,3,75,noise\n",
        r"line 2: 5 fields, .* 4 columns; if 3,75 is one number",
    ),
    "quoted decimal comma": (HEAD + 'r.png,d.png,"3,75"\n', "line 2, column opinion: '3,75' .*with a decimal point"),
    "too many fields": (HEAD + "r.png,d.png,3,noise\n", r"line 2: 4 fields, where the header names 3 columns$"),
    "too few fields": (
        "reference,distorted,opinion,distortion\nr.png,d.png,3\n",
        "line 2: 3 fields, where the header names 4 columns; 'distortion' is missing",
    ),
    "two columns of a name": ("reference,distorted,opinion,opinion\nr.png,d.png,1,2\n", "two columns named 'opinion'"),
    "semicolons": ("reference;distorted;opinion\nr.png;d.png;1\n", "no column reference.*separated by commas"),
    "thousands": (HEAD + "r.png,d.png,1_000\n", "line 2, column opinion: '1_000' is no opinion$"),
    "text": (HEAD + "r.png,d.png,1\nr.png,e.png,good\n", "line 3, column opinion: 'good' is no opinion"),
    "infinite": (HEAD + "r.png,d.png,inf\n", "line 2, column opinion: 'inf'"),
    "too large": (HEAD + "r.png,d.png,1e999\n", "line 2, column opinion: '1e999'"),
    "no opinion": (HEAD + "r.png,d.png,\n", "line 2, column opinion: '' is no opinion"),
    "no reference": (HEAD + ",d.png,1\n", "line 2, column reference: there is no name of an image"),
    "level in words": ("reference,distorted,opinion,level\nr.png,d.png,1,weak\n", "column level: the level 'weak'"),
    "level squared": ("reference,distorted,opinion,level\nr.png,d.png,1,²\n", "column level: the level '²'"),
    "level too large": (
        "reference,distorted,opinion,level\nr.png,d.png,1," + "9" * 5000 + "\n",
        "column level: .{60,99}$",
    ),
    "ANSI": (
        (HEAD + "r.png,bruit\xe9.png,3\n").encode("latin-1"),
        "line 2: the byte 0xe9 is no UTF-8 text; save .* UTF-8",
    ),
    "UTF-16 without mark": ((HEAD + "r.png,d.png,3\n").encode("utf-16-le"), "holds zero bytes"),
    "half of UTF-16": ((HEAD + "r.png,d.png,3\n").encode("utf-16")[:-1], "no UTF-16.* text"),
    "huge field": (HEAD + "r.png," + "a" * 200_000 + ".png,3\n", "line 2: field larger than field limit"),
    "large field": (HEAD + "r.png," + "a" * 100_000 + ".png,3\n", "line 2, column distorted: a name of 100,004 char"),
    "open quotation": (HEAD + 'r.png,"d.png,3\nr.png,d.png,3\n', "line 3: unexpected end of data"),
    "empty": ("", "no column reference and no column distorted and no column opinion"),
    "no rows": (HEAD, "has no rows"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_can_be_read_in_two_ways_or_none_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    content, words = WRONG[kind]
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be with mark"])
def test_encodings_with_a_mark_are_read(tmp_path: Path, coding: str) -> None:
    text = HEAD + "r.png,größer.png,3.5\r\n\r\nr.png,d.png,-1e-1\r\n"
    marked = ("\ufeff" + text).encode("utf-16-be") if coding.endswith("mark") else text.encode(coding)
    rows = read(tmp_path, marked)
    assert [(row.reference, row.distorted, row.opinion) for row in rows] == [
        ("r.png", "größer.png", 3.5),
        ("r.png", "d.png", -0.1),
    ]


def test_an_image_has_one_name(tmp_path: Path) -> None:
    for name in ("r.png", "d.png", "e.png"):
        (tmp_path / name).write_bytes(encoded(picture(1)))
    (tmp_path / "t.csv").write_text(HEAD + "./r.png,d.png,1\nr.png,.//e.png,2\n")
    found = datasets.load(tmp_path / "t.csv", kind="MOS", higher_is_better=True)
    assert found.table["reference"].tolist() == ["r.png", "r.png"]
    assert list(found.images) == ["r.png", "d.png", "e.png"]


def test_a_name_that_no_system_accepts_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + "r.png," + "a" * 400 + ".png,1\n")
    with pytest.raises(DataError, match=r"no files r\.png, a{400}\.png"):
        datasets.load(tmp_path / "t.csv", kind="MOS", higher_is_better=True)


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("-3.5", -3.5), (" .5 ", 0.5), ("2.", 2), ("+1E-3", 0.001)])
def test_numbers_have_a_decimal_point(text: str, value: float) -> None:
    assert number(text, "here") == value


@pytest.mark.parametrize("text", ["1_000", "٣", "3,5", "0x1", "nan", "1 000", "--1", "."])
def test_other_forms_of_numbers_are_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"here: .* is no opinion"):
        number(text, "here")
