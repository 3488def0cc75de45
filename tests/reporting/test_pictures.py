"""Pictures of pages and executed notebooks: fewer bytes, the same picture."""

import base64
import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from replication.reporting import pictures


@pytest.fixture(autouse=True)
def usual_style():
    """Pictures drawn as matplotlib comes, whatever style an earlier test has set."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def plot() -> str:
    drawn, axis = plt.subplots(figsize=(4, 3))
    axis.plot(*np.random.default_rng(0).normal(size=(2, 300)), ".", markersize=2, alpha=0.5)
    return saved(drawn)


def photograph() -> str:
    """Smooth colours with grain in them, as a photograph has, in a figure with a title."""
    y, x = np.mgrid[0:1:240j, 0:1:320j]
    smooth = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x * y)], axis=-1)
    drawn, axis = plt.subplots(figsize=(4, 3))
    axis.imshow(np.clip(smooth + np.random.default_rng(0).normal(scale=0.02, size=smooth.shape), 0, 1))
    axis.set_title("a photograph")
    return saved(drawn)


def saved(figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=200)
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def distance(one: str, two: str) -> float:
    """Root of the mean squared difference, of 255 grey levels."""
    first, second = (np.asarray(decoded(text).convert("RGB"), dtype=float) for text in (one, two))
    return float(np.sqrt(np.mean((first - second) ** 2)))


def test_a_plot_is_stored_without_loss_in_few_colours() -> None:
    before = plot()
    kind, after = pictures.for_page(before)
    assert kind == "image/webp"
    assert decoded(after).size == decoded(before).size
    assert len(decoded(after).convert("RGB").getcolors(256)) <= 256
    assert decoded(after).convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert len(after) < len(before) / 2
    assert distance(before, after) < 3
    assert pictures.for_page(before) == (kind, after)


def test_a_photograph_keeps_its_shades() -> None:
    before = photograph()
    kind, after = pictures.for_page(before)
    assert kind == "image/webp"
    assert decoded(after).convert("RGB").getcolors(256) is None  # not 256 colours, which would show as steps
    assert len(after) < len(before) / 4
    assert distance(before, after) < 5  # its grain has a deviation of 5 levels


def test_a_map_of_colours_keeps_them_exactly() -> None:
    file = io.BytesIO()
    tones = np.stack(np.meshgrid(np.arange(0, 160, 10), np.arange(3, 163, 10)), axis=-1).astype(np.uint8)
    shades = np.concatenate([tones, tones[..., :1]], axis=-1).repeat(20, axis=0).repeat(20, axis=1)  # 256 of them
    Image.fromarray(shades).save(file, "PNG")
    before = base64.b64encode(file.getvalue()).decode()
    assert distance(before, pictures.for_page(before)[1]) == 0


@pytest.mark.parametrize(("picture", "kind"), [(plot, "image/png"), (photograph, "image/jpeg")])
def test_the_notebook_holds_a_picture_at_the_size_it_is_shown(picture, kind) -> None:
    output = new_output("display_data", {"image/png": picture(), "text/plain": "<Figure>"})
    output.metadata["image/png"] = {"width": 400, "height": 300}
    notebook = new_notebook(cells=[new_code_cell("", outputs=[output])])
    pictures.shrink(notebook)
    after = notebook.cells[0].outputs[0]
    assert set(after.data) == {kind, "text/plain"}
    assert decoded(after.data[kind]).size == (400, 300)
    assert after.metadata == {kind: {"width": 400, "height": 300}}
    wanted = decoded(picture()).convert("RGB").resize((400, 300), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(decoded(after.data[kind]).convert("RGB"), float) - np.asarray(wanted, float)).mean() < 3


def test_a_picture_of_unknown_size_stays_as_large() -> None:
    kind, text = pictures.for_notebook(plot(), {})
    assert (kind, decoded(text).size) == ("image/png", (800, 600))


def test_transparency_becomes_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(file, "PNG")
    clear = base64.b64encode(file.getvalue()).decode()
    assert decoded(pictures.for_page(clear)[1]).convert("RGB").getpixel((0, 0)) == (255, 255, 255)
