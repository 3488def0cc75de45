"""A picture for each paper, out of executed notebooks."""

import base64
import io
import json

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from replication import cli
from replication.reporting import gallery, published
from replication.reporting.gallery import LIMIT, GalleryError, within


def png(grey: int, side: int = 4) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), grey).save(file, "PNG")
    return file.getvalue()


def shown(*greys: int):
    pictures = [base64.b64encode(png(grey)).decode() for grey in greys]
    return new_code_cell(outputs=[new_output("display_data", {"image/png": picture}) for picture in pictures])


@pytest.fixture
def reports(clone, monkeypatch):
    """A notebook with pictures under its headings, and one paper's choice of them."""
    choose(monkeypatch, "Two $x_1$")
    folder = clone / "reports" / "sample"
    folder.mkdir(parents=True)
    cells = [
        shown(1),
        new_markdown_cell("# Title"),
        shown(2),
        new_markdown_cell("Text.\n\n## Two $x_1$\n\nMore."),
        shown(),
    ]
    cells += [new_markdown_cell("### Below it"), shown(3, 4), new_markdown_cell("## Three"), new_code_cell()]
    nbformat.write(new_notebook(cells=cells), folder / "six.ipynb")
    return folder


def choose(monkeypatch, heading: str, page: str = "six") -> None:
    chosen = {"smic": {"page": page, "heading": heading, "shows": "Shades."}}
    monkeypatch.setattr(published, "pictures", lambda: chosen)


def test_the_first_picture_under_the_heading_is_taken_byte_for_byte(reports):
    assert cli.main(["gallery"]) == 0
    assert (reports / "gallery" / "smic.png").read_bytes() == png(3)
    (picture,) = gallery.read("sample")
    assert (picture.paper, picture.page, picture.shows, picture.absent) == ("smic", "six", "Shades.", "")


@pytest.mark.parametrize(
    ("heading", "page", "reason"),
    [
        ("Two $x_1$", "seven", "the notebook seven has not been run"),
        ("Two", "six", "the notebook six has no heading 'Two'"),
        ("Three", "six", "the notebook six shows no picture under 'Three'"),
    ],
)
def test_what_is_absent_says_why_and_leaves_no_old_picture(reports, monkeypatch, heading, page, reason):
    gallery.build("sample")
    choose(monkeypatch, heading, page)
    folder = gallery.build("sample")
    assert gallery.read("sample")[0].absent == reason
    assert [path.name for path in folder.iterdir()] == ["pictures.csv"]


def test_the_notebook_is_left_as_it_was_and_two_runs_give_the_same(reports):
    before = (reports / "six.ipynb").read_bytes()
    runs = [{path.name: path.read_bytes() for path in gallery.build("sample").iterdir()} for _ in range(2)]
    assert runs[0] == runs[1]
    assert (reports / "six.ipynb").read_bytes() == before


def test_a_gallery_that_was_not_made_is_all_absent(clone):
    pictures = gallery.read("sample")
    assert [picture.paper for picture in pictures] == list(published.pictures())
    assert {picture.absent for picture in pictures} == {"the gallery has not been made yet"}


def test_a_picture_that_is_too_large_is_made_smaller_the_same_way_each_time():
    noise = np.random.default_rng(0).integers(0, 256, (400, 800, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    large = file.getvalue()
    assert len(large) > LIMIT
    small = within(large, LIMIT)
    assert len(small) <= LIMIT
    width, height = Image.open(io.BytesIO(small)).size
    assert 1.9 < width / height < 2.1
    assert within(large, LIMIT) == small
    assert within(small, LIMIT) == small


def test_files_that_cannot_be_read_are_named(reports):
    gallery.build("sample")
    (reports / "gallery" / "pictures.csv").write_text("paper,page\nsmic,six\n")
    with pytest.raises(GalleryError, match="must have the columns paper, page, shows, absent"):
        gallery.read("sample")
    (reports / "six.ipynb").write_text("{")
    with pytest.raises(GalleryError, match="six.ipynb is not a readable notebook"):
        gallery.build("sample")


def test_every_paper_has_one_choice_under_a_heading_of_its_notebook():
    from pathlib import Path

    assert set(published.pictures()) == set(published.claims()["paper"])
    notebooks = Path(__file__).resolve().parents[2] / "notebooks"
    for choice in published.pictures().values():
        path = notebooks / f"{choice['page']}.ipynb"
        if path.is_file():
            lines = [
                line for cell in json.loads(path.read_text())["cells"] for line in "".join(cell["source"]).split("\n")
            ]
            assert any(line.lstrip("#").strip() == choice["heading"] for line in lines if line.startswith("#")), choice
