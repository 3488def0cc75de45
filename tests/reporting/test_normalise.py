"""Figures of executed notebooks: fewer bytes, the same picture."""

import base64
import io

import numpy as np
from matplotlib import pyplot as plt
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from replication.reporting.normalise import normalise


def figure() -> bytes:
    drawn, axis = plt.subplots(figsize=(4, 3))
    axis.plot(*np.random.default_rng(0).normal(size=(2, 3000)), ".", markersize=2, alpha=0.5)
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=200)
    plt.close(drawn)
    return file.getvalue()


def after(png: bytes) -> bytes:
    output = new_output("display_data", {"image/png": base64.b64encode(png).decode()})
    notebook = new_notebook(cells=[new_code_cell("", outputs=[output])])
    normalise(notebook, {})
    return base64.b64decode(notebook.cells[0].outputs[0].data["image/png"])


def test_a_figure_takes_half_the_bytes_and_looks_the_same() -> None:
    before = figure()
    kept = after(before)
    assert len(kept) < len(before) / 2
    one, two = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (before, kept))
    assert np.sqrt(np.mean((one - two) ** 2)) < 2  # of 255 grey levels
    assert after(before) == kept


def test_a_picture_that_would_not_shrink_stays_as_it_is() -> None:
    file = io.BytesIO()
    Image.new("L", (3, 3)).save(file, "PNG", optimize=True)
    assert after(file.getvalue()) == file.getvalue()
