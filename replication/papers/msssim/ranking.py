"""A ranking session in JupyterLab: an original and its blinded reconstructions, put in order by mouse or keyboard."""

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from replication.files import atomic_write_text
from replication.reporting.figures import show_crops

COLUMNS = ["rater", "image", "shown", "ranking"]
_LETTERS = "ABCDEFGH"


class RankingError(ValueError):
    """An answer or a file of answers that cannot be used; the message says why."""


class RankingSession:
    """One participant's rankings: what comes next, what was answered, written after every answer.

    originals: image -> (H, W) or (H, W, 3) in [0, 1]. reconstructions: method -> image -> the same.
    path: CSV file with the columns of `COLUMNS`: who, which image, the methods in the order in which they were shown
        (A, B, C) and in that of the answer, best first, separated by spaces. It is replaced in one step after every
        answer and may hold other participants' answers, which stay as they are. A session goes on where it stopped.
    rater: the participant. seed: with rater and image it decides the order of images and of methods, so that nobody can
        tell which is which, and a session that goes on shows the same.
    """

    def __init__(
        self,
        originals: Mapping[str, ArrayLike],
        reconstructions: Mapping[str, Mapping[str, ArrayLike]],
        path: str | os.PathLike[str],
        *,
        rater: str,
        seed: int = 0,
    ) -> None:
        if not 2 <= len(reconstructions) <= len(_LETTERS):
            raise RankingError(f"a ranking is of 2 to {len(_LETTERS)} methods, got {len(reconstructions)}")
        if not rater.strip() or not originals:
            raise RankingError("a session needs the participant's name or number, and at least one image")
        for method, images in reconstructions.items():
            if method.split() != [method]:  # an answer separates methods by white space
                raise RankingError(f"method {method!r}: a name is one word, without spaces or tabs")
            if missing := [name for name in originals if name not in images]:
                raise RankingError(f"{method} lacks {len(missing)} of {len(originals)} images, such as {missing[0]}")
        self.originals, self.reconstructions = originals, reconstructions
        self.path, self.rater, self.seed = Path(path), rater, seed
        self.images = [list(originals)[i] for i in self._shuffled("images", len(originals))]
        self._rows: list[Any] = _read(self.path).to_dict("records") if self.path.exists() else []

    @property
    def answers(self) -> list[dict[str, str]]:
        """This participant's rows, in the order of answering."""
        return [row for row in self._rows if row["rater"] == self.rater]

    @property
    def current(self) -> str | None:
        """The image to be ranked next; None when all are."""
        answered = {row["image"] for row in self.answers}
        return next((image for image in self.images if image not in answered), None)

    def shown(self, image: str) -> list[str]:
        """The methods of an image in the order A, B, C."""
        methods = sorted(self.reconstructions)
        return [methods[i] for i in self._shuffled(image, len(methods))]

    def answer(self, letters: str) -> None:
        """Rank the current image: every letter once, best first ("bac", "B A C", "B > A > C"). Written at once."""
        image = self.current
        if image is None:
            raise RankingError("every image is ranked already")
        shown = self.shown(image)
        wanted = _LETTERS[: len(shown)]
        given = [letter for letter in letters.upper() if letter not in " ,>"]
        if sorted(given) != list(wanted):
            raise RankingError(f"a ranking names each of {', '.join(wanted)} once, best first; got {letters!r}")
        ranking = [shown[wanted.index(letter)] for letter in given]
        row = {"rater": self.rater, "image": image, "shown": " ".join(shown), "ranking": " ".join(ranking)}
        self._write([*self._rows, row])

    def undo(self) -> None:
        """Take back this participant's last answer."""
        if not self.answers:
            raise RankingError("there is no answer to take back")
        last = max(i for i, row in enumerate(self._rows) if row["rater"] == self.rater)
        self._write([*self._rows[:last], *self._rows[last + 1 :]])

    def _write(self, rows: list[Any]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        atomic_write_text(self.path, text.getvalue())
        self._rows = rows

    def _shuffled(self, what: str, count: int) -> list[int]:
        key = hashlib.sha256(f"{self.seed} {self.rater} {what}".encode()).digest()
        return list(np.random.default_rng(list(key)).permutation(count))


def session_widget(session: RankingSession, scale: int = 3) -> ipywidgets.Widget:
    """The session to work with: click the pictures' letters best first, or type them and press Enter.

    scale: screen pixels for a pixel, nothing resampled. "Take back" undoes the letters begun, or else the last answer.
    """
    view, state, message = ipywidgets.HTML(), ipywidgets.Label(), ipywidgets.Label()
    letters = [ipywidgets.Button(description=c) for c in _LETTERS[: len(session.reconstructions)]]
    back = ipywidgets.Button(description="Take back")
    typed = ipywidgets.Text(placeholder="or type, best first: bac, Enter", continuous_update=False)
    begun: list[str] = []

    def refresh(note: str = "") -> None:
        image = session.current
        state.value = f"{len(session.answers)} of {len(session.images)} ranked. " + (
            f"Best first: {' > '.join(begun)}" if begun else "Which is most like the original? Then the next."
        )
        message.value = note
        for button in letters:
            button.disabled = image is None or button.description in begun
        typed.disabled = image is None
        if image is None:
            view.value, state.value = "", f"All {len(session.images)} images are ranked. Thank you."
            return
        pictures = {"Original": session.originals[image]}
        pictures |= {c: session.reconstructions[m][image] for c, m in zip(_LETTERS, session.shown(image), strict=False)}
        view.value = show_crops(pictures, scale=scale)._repr_html_()

    def submit(answer: str) -> None:
        begun.clear()
        try:
            session.answer(answer)
        except RankingError as error:
            refresh(str(error))
        else:
            refresh()

    def click(button: ipywidgets.Button) -> None:
        begun.append(button.description)
        if len(begun) == len(letters) - 1:  # the last place is what remains
            begun.extend(b.description for b in letters if b.description not in begun)
            submit("".join(begun))
        else:
            refresh()

    def take_back(_: ipywidgets.Button) -> None:
        note = ""
        if begun:
            begun.clear()
        elif session.answers:
            session.undo()
        else:
            note = "there is no answer to take back"
        refresh(note)

    def enter(change: Mapping[str, Any]) -> None:
        if change["new"]:
            typed.value = ""
            submit(change["new"])

    for button in letters:
        button.on_click(click)
    back.on_click(take_back)
    typed.observe(enter, "value")
    refresh()
    return ipywidgets.VBox([view, state, ipywidgets.HBox([*letters, back, typed]), message])


def read_rankings(path: str | os.PathLike[str], methods: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """The rows of a file of answers, and the rankings (n, m) as positions in `methods`, best first.

    path: a CSV file, or a folder with one for each participant, as pages of sessions hand them back.
    """
    rows = _read_all(Path(path)) if Path(path).is_dir() else _read(Path(path))
    orders = []
    for number, text in enumerate(rows["ranking"], start=2):
        named = text.split()
        if sorted(named) != sorted(methods):
            raise RankingError(
                f"{Path(path).name}, line {number}: ranks {', '.join(named) or 'nothing'}, "
                f"wanted {', '.join(methods)} once each"
            )
        orders.append([list(methods).index(name) for name in named])
    return rows, np.array(orders, dtype=np.intp).reshape(-1, len(methods))


def _read_all(folder: Path) -> pd.DataFrame:
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise RankingError(f"{folder}: no CSV file of rankings in this folder")
    return _distinct(pd.concat(map(_read, files), ignore_index=True), folder)


def _read(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (FileNotFoundError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise RankingError(f"{path}: no file of rankings ({type(error).__name__}); run a session first") from error
    if list(rows.columns) != COLUMNS:
        raise RankingError(f"{path.name}: the columns must be {', '.join(COLUMNS)}, found {', '.join(rows.columns)}")
    return _distinct(rows, path)


def _distinct(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    if rows.duplicated(["rater", "image"]).any():
        twice = rows[rows.duplicated(["rater", "image"])].iloc[0]
        raise RankingError(f"{path.name}: {twice['rater']} ranked {twice['image']} twice; keep one of the rows")
    return rows
