"""The static page of a ranking session, in a browser where there is one: the same file as the session writes."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from replication.papers.msssim.ranking import RankingError, RankingSession, read_rankings
from replication.papers.msssim.ranking_page import write_page

NASTY = '</script><img src=x onerror="document.title=1">, "quoted"'
METHODS = ["mse", "mae", "ms<b>ssim"]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


def session(path: Path, rater: str = "p, 1", methods: list[str] | None = None) -> RankingSession:
    images = {name: np.full((6, 8), value) for name, value in ((NASTY, 0.2), ("b@0,96", 0.5), ("c", 0.8))}
    return RankingSession(images, dict.fromkeys(methods or METHODS, images), path, rater=rater)


def outcome(page: Path, script: str, *, width: int = 1000) -> tuple[str, dict[str, object]]:
    """The answers as text, and what the script returns, after it ran in the page."""
    assert CHROMIUM is not None
    driver = f"""<script>
    const press = key => document.dispatchEvent(new KeyboardEvent("keydown", {{key, bubbles: true}}));
    const choices = () => [...document.querySelectorAll("button.choice")];
    const click = letter => choices().find(button => button.textContent[0] === letter).click();
    const result = (() => {{ {script} }})();
    const left = document.createElement("pre"); left.id = "left";
    left.textContent = JSON.stringify([at("csv").value, result]);
    document.body.append(left);
    </script>"""
    copy = page.with_name("driven.html")
    copy.write_text(page.read_text().replace("</body>", f"{driver}</body>"))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}",
         f"--window-size={width},900", "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="left">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    csv, result = json.loads(unescape(found[1]))
    return csv, result


@needs_browser
def test_the_page_hands_back_the_file_that_the_session_writes(tmp_path: Path) -> None:
    one = session(tmp_path / "rankings.csv")
    page = write_page(tmp_path / "ranking.html", [one])
    csv, result = outcome(
        page,
        """
        press("b"); takeBack();                       // letters begun are taken back first
        click("C"); press("A");                       // C > A > B
        press("B"); press("B"); press("x"); press("C");  // B > C > A
        press("a"); press("b"); takeBack();           // the last answer, taken back
        press("Backspace"); takeBack(); takeBack();   // and all others, and one more
        const note = at("note").textContent;
        press("c"); press("a"); press("b"); press("c"); press("a"); click("B");
        const done = at("state").textContent, kept = localStorage.length;
        return {note, done, kept, title: document.title, images: document.images.length,
                outside: [...document.images].filter(i => i.src && !i.src.startsWith("data:image/")).length};
        """,
    )
    for letters in ("cab", "bca", "abc"):
        one.answer(letters)
    assert csv == (tmp_path / "rankings.csv").read_text()
    (tmp_path / "answers.csv").write_text(csv)
    rows, rankings = read_rankings(tmp_path / "answers.csv", METHODS)
    assert set(rows["image"]) == {NASTY, "b@0,96", "c"}
    assert rankings.shape == (3, 3)
    assert result["note"] == "There is no answer to take back."
    assert str(result["done"]).startswith("All 3 images are ranked.")
    assert (result["title"], result["outside"], result["kept"]) == ("Which is most like the original?", 0, 1)
    # opened again, the page goes on where it stopped
    assert outcome(page, "return {}")[0] == csv


@needs_browser
def test_several_participants_choose_their_own_and_a_phone_needs_no_sideways_scrolling(tmp_path: Path) -> None:
    sessions = [session(tmp_path / "none.csv", rater, ["mse", "ssim"]) for rater in ("P00", "P<01>")]
    page = write_page(tmp_path / "ranking.html", sessions)
    csv, result = outcome(
        page,
        """
        const names = [...at("names").children]; names[1].click();
        press("b"); press("b");                        // of two, one press is an answer
        return {names: names.map(n => n.textContent), wide: document.documentElement.scrollWidth - innerWidth,
                shown: choices().length};
        """,
        width=500,
    )
    assert result["names"] == ["P00", "P<01>"]
    assert result["shown"] == 2
    assert int(str(result["wide"])) <= 0
    assert len(csv.splitlines()) == 3
    for letters in ("ba", "ba"):
        sessions[1].answer(letters)
    assert csv == (tmp_path / "none.csv").read_text()


def test_no_name_leaves_the_data_and_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    text = write_page(tmp_path / "ranking.html", [session(tmp_path / "none.csv")]).read_text()
    assert text.count("</script>") == 2
    assert "onerror=\\" in text  # the name is there, as JSON
    assert "<img src=x" not in text
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert {item["image"] for item in data["sessions"][0]["items"]} == {NASTY, "b@0,96", "c"}


def test_only_unanswered_images_are_on_the_page(tmp_path: Path) -> None:
    one = session(tmp_path / "rankings.csv")
    one.answer("abc")
    text = write_page(tmp_path / "ranking.html", [one]).read_text()
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert [item["image"] for item in data["sessions"][0]["items"]] == one.images[1:]
    one.answer("abc")
    one.answer("abc")
    with pytest.raises(RankingError, match="p, 1 has ranked all 3 images already"):
        write_page(tmp_path / "ranking.html", [one])
    with pytest.raises(RankingError, match="sessions of different participants, got p, 1, p, 1"):
        write_page(tmp_path / "ranking.html", [one, one])


def test_a_folder_of_files_is_read_as_one(tmp_path: Path) -> None:
    for rater in ("P00", "P01"):
        session(tmp_path / f"rankings-{rater}.csv", rater, ["mse", "mae"]).answer("ba")
    rows, rankings = read_rankings(tmp_path, ["mse", "mae"])
    assert list(rows["rater"]) == ["P00", "P01"]
    assert len(rankings) == 2
    shutil.copy(tmp_path / "rankings-P00.csv", tmp_path / "again.csv")
    with pytest.raises(RankingError, match="P00 ranked .* twice"):
        read_rankings(tmp_path, ["mse", "mae"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RankingError, match="no CSV file of rankings in this folder"):
        read_rankings(tmp_path / "empty", ["mse"])
