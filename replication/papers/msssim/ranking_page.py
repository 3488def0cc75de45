"""Ranking sessions as one static page, which any browser opens without Jupyter, a server or a network."""

import hashlib
import json
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from replication.files import atomic_write_text
from replication.papers.msssim.ranking import COLUMNS, RankingError, RankingSession
from replication.reporting.figures import picture_source

_SCALE = 3  # screen pixels for a pixel of an image, at most


def write_page(path: str | os.PathLike[str], sessions: Sequence[RankingSession]) -> Path:
    """Write the sessions' unanswered images as one HTML file; returns its path.

    A page of several sessions first asks whose it is. Images and methods come in the sessions' own orders, and the page
    hands back a CSV file with the rows that the session would have written. Answers stay in the browser's storage until
    they are downloaded, so that a session goes on where it stopped. The names of methods are in the page's source,
    where a participant who looks for them finds them.

    With two methods, an answer is a choice of one of two (2AFC). All images are embedded: a thousand grey images of 96
    pixels with three reconstructions each make some 30 MB, so rather a page for each participant.
    Raises RankingError without sessions, for two of one participant, or where all images are answered.
    """
    raters = [session.rater for session in sessions]
    if not raters or len(set(raters)) < len(raters):
        raise RankingError(f"a page needs sessions of different participants, got {', '.join(raters) or 'none'}")
    content: dict[str, Any] = {
        "columns": COLUMNS,
        "width": _SCALE * max(np.asarray(image).shape[1] for one in sessions for image in one.originals.values()),
        "sessions": [{"rater": session.rater, "items": _items(session)} for session in sessions],
    }
    content["id"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    template = (resources.files(__package__) / "ranking.html").read_text(encoding="utf-8")
    text = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")  # no name can end the script
    atomic_write_text(Path(path), template.replace("{{DATA}}", text))
    return Path(path)


def _items(session: RankingSession) -> list[dict[str, Any]]:
    answered = {row["image"] for row in session.answers}
    items = []
    for image in session.images:
        if image not in answered:
            shown = session.shown(image)
            pictures = [picture_source(image, session.reconstructions[method][image]) for method in shown]
            original = picture_source(image, session.originals[image])
            items.append({"image": image, "shown": shown, "original": original, "pictures": pictures})
    if not items:
        raise RankingError(f"{session.rater} has ranked all {len(session.images)} images already")
    return items
