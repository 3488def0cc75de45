"""`report` as typed: one page that shows what `correlate` finds, and in which everything from the table is text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from replication.cli import main
from tests.commands import tables

HOSTILE = '<img src=x onerror="alert(1)">'


class Page(HTMLParser):
    """The elements of a page, and the addresses in it; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.sources: list[str] = []
        self.alternatives: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [values[name] or "" for name in ("src", "href") if name in values]
        self.alternatives += [values["alt"] or ""] if "alt" in values else []
        assert not any(name.startswith("on") for name in values)
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_correlate_finds_and_needs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = tables.wide().rename(columns={"weak": HOSTILE}).replace({"distortion": {"blur": f"b{HOSTILE}"}})
    tables.save(table, tmp_path / "<b>.csv")
    assert main(["report", "<b>.csv", "--out", "new/page.html", "--by-distortion"]) == 0
    assert "its direction is not known" in capsys.readouterr().err
    text = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "b"} & set(page.tags)
    assert page.tags.count("img") == 1
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "SSIM agrees best with the opinions" in page.alternatives[0]
    assert HOSTILE in page.text
    assert f"b{HOSTILE}" in page.text
    assert main(["correlate", "<b>.csv"]) == 0
    shown = capsys.readouterr().out
    (srcc,) = re.findall(r"^SSIM +([0-9.]+)", shown, re.MULTILINE)
    assert f"{srcc} [" in page.text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "profile:" not in page.text
    main(["report", "<b>.csv", "--out", "again.html", "--by-distortion"])
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_mistakes_are_one_sentence_and_leave_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("old")
    assert main(["report", "no.csv", "--out", "page.html"]) == 2
    assert capsys.readouterr().err == "error: no.csv: no such file\n"
    tables.save(tables.wide(), tmp_path / "s.csv")
    assert main(["report", "s.csv", "--out", "."]) == 2
    assert capsys.readouterr().err.startswith("error: cannot write .: it is a folder")
    assert (tmp_path / "page.html").read_text() == "old"
