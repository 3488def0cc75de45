"""The ranking session: blind, written at every answer, resumed, refusing what is no ranking."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.evaluation.plackett_luce import plackett_luce, rank_counts
from replication.papers.msssim.ranking import COLUMNS, RankingError, RankingSession, read_rankings, session_widget

METHODS = ["mse", "mae", "ms_ssim"]
IMAGES = {f"image{i}": np.full((4, 4), i / 20) for i in range(12)}


def session(path: Path, rater: str = "p1", **options: Any) -> RankingSession:
    return RankingSession(IMAGES, dict.fromkeys(METHODS, IMAGES), path, rater=rater, **options)


def test_answers_name_methods_behind_the_letters_and_are_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rankings.csv"
    one = session(path)
    image = one.current
    assert image is not None
    shown = one.shown(image)
    one.answer("c a b")
    lines = path.read_text().splitlines()
    assert lines == [",".join(COLUMNS), f"p1,{image},{' '.join(shown)},{shown[2]} {shown[0]} {shown[1]}"]
    assert one.current != image


def test_a_session_goes_on_where_it_stopped_and_leaves_others_answers(tmp_path: Path) -> None:
    path = tmp_path / "rankings.csv"
    first, other = session(path), None
    for _ in range(5):
        first.answer("abc")
    other = session(path, "p2")
    other.answer("B > C > A")
    again = session(path)
    assert [row["image"] for row in again.answers] == first.images[:5]
    assert again.current == first.images[5]
    while again.current:
        again.answer("bca")
    assert len(path.read_text().splitlines()) == 1 + 12 + 1
    with pytest.raises(RankingError, match="every image is ranked already"):
        again.answer("abc")
    again.undo()
    assert again.current == first.images[-1]
    assert len(session(path, "p2").answers) == 1


def test_orders_differ_between_participants_and_images_and_are_balanced() -> None:
    places = np.zeros((3, 3))
    for rater in range(60):
        one = session(Path("unused.csv"), f"p{rater}")
        for image in one.images:
            for place, method in enumerate(one.shown(image)):
                places[METHODS.index(method), place] += 1
    assert np.abs(places / places.sum(axis=1, keepdims=True) - 1 / 3).max() < 0.06
    assert session(Path("unused.csv"), "a").images != session(Path("unused.csv"), "b").images
    assert session(Path("unused.csv"), "a").images != session(Path("unused.csv"), "a", seed=1).images


@pytest.mark.parametrize("letters", ["ab", "abca", "abd", "aab", ""])
def test_what_is_no_ranking_is_refused_and_nothing_is_written(letters: str, tmp_path: Path) -> None:
    one = session(tmp_path / "r.csv")
    with pytest.raises(RankingError, match="names each of A, B, C once"):
        one.answer(letters)
    assert not (tmp_path / "r.csv").exists()


def test_the_widget_takes_clicks_and_typing(tmp_path: Path) -> None:
    one = session(tmp_path / "r.csv")
    view, state, controls, message = session_widget(one).children
    *letters, back, typed = controls.children
    first = one.current
    assert view.value.count("<img") == 4
    assert not any(method in view.value for method in METHODS)  # blind
    letters[1].click()
    assert letters[1].disabled
    back.click()
    assert not letters[1].disabled
    letters[2].click()
    letters[0].click()  # the last place follows
    shown = one.shown(str(first))
    assert one.answers[0]["ranking"] == f"{shown[2]} {shown[0]} {shown[1]}"
    typed.value = "bax"
    assert "names each of A, B, C once" in message.value
    typed.value = "bac"
    assert len(one.answers) == 2
    assert state.value.startswith("2 of 12 ranked")
    back.click()
    assert len(one.answers) == 1
    while one.current:
        typed.value = "abc"
    assert "Thank you" in state.value
    assert typed.disabled


def test_a_file_of_answers_is_analysed_and_simulated_raters_are_recovered(tmp_path: Path) -> None:
    path, rng = tmp_path / "r.csv", np.random.default_rng(0)
    rates = {"mse": 2.0, "mae": 1.0, "ms_ssim": 5.0}
    for rater in range(15):
        one = session(path, f"p{rater}")
        while one.current:
            shown = one.shown(one.current)
            wait = rng.exponential([1 / rates[method] for method in shown])
            one.answer("".join("ABC"[i] for i in np.argsort(wait)))
    rows, rankings = read_rankings(path, METHODS)
    assert rank_counts(rankings).sum() == 3 * 180
    found = plackett_luce(rankings, rows["rater"].to_numpy())
    np.testing.assert_allclose(found.worth, [2 / 8, 1 / 8, 5 / 8], atol=0.1)


def test_files_that_are_no_rankings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RankingError, match="no file of rankings"):
        read_rankings(tmp_path / "none.csv", METHODS)
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(RankingError, match="the columns must be rater, image, shown, ranking"):
        read_rankings(tmp_path / "a.csv", METHODS)
    head = ",".join(COLUMNS)
    (tmp_path / "b.csv").write_text(f"{head}\np,i,x,mse mae\n")
    with pytest.raises(RankingError, match="b.csv, line 2: ranks mse, mae, wanted mse, mae, ms_ssim"):
        read_rankings(tmp_path / "b.csv", METHODS)
    (tmp_path / "c.csv").write_text(f"{head}\n" + 2 * "p,i,x,mse mae ms_ssim\n")
    with pytest.raises(RankingError, match="p ranked i twice"):
        session(tmp_path / "c.csv", "p")
    for name in ("a b", "a\tb", " a", ""):
        with pytest.raises(RankingError, match="a name is one word, without spaces or tabs"):
            RankingSession(IMAGES, {"mse": IMAGES, name: IMAGES}, tmp_path / "d.csv", rater="p")
    lacking = {name: image for name, image in IMAGES.items() if name != "image3"}
    with pytest.raises(RankingError, match="mae lacks 1 of 12 images, such as image3"):
        RankingSession(IMAGES, {"mse": IMAGES, "mae": lacking}, tmp_path / "d.csv", rater="p")
