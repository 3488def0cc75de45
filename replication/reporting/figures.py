"""The house style of figures, and images side by side."""

import io
import os
from collections.abc import Mapping
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from replication import project
from replication.reporting.pictures import webp
from replication.reporting.tables import Html

# Okabe and Ito (2008): distinguishable with the common colour-vision deficiencies; ordered by contrast on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
_POINTS = 1000  # of curves and markers that a figure has as SVG at most: about 100 kB
_PANELS = 6  # that the alternative text of a figure describes
_METADATA = ("Date", "Creator", "Format", "Type")  # that differ between machines or are of no use: left out
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]  # so that nothing depends on colour alone


def style(number: int) -> dict[str, Any]:
    """Colour and marker of line `number` (0, 1, ...), as arguments for matplotlib; 49 lines differ."""
    turn = number // len(COLOURS)
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[(number + turn) % len(MARKERS)]}


def use_house_style() -> None:
    """Set matplotlib's (and so seaborn's) defaults for all figures that follow.

    In a notebook, figures are drawn at twice the pixels and shown at their size, so that they are sharp on any screen.
    """
    mpl.rcParams.update(mpl.rcParamsDefault | {"backend": mpl.get_backend()})
    mpl.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "savefig.dpi": 200,
            "font.size": 10,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "grid.color": "#e3e6ea",
            "grid.linewidth": 0.7,
            "lines.linewidth": 1.6,
            "lines.markersize": 5,
            "legend.frameon": False,
            "image.interpolation": "nearest",
            "image.cmap": "gray",
            "svg.hashsalt": "replication",  # identifiers in SVG files are random otherwise
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if (shell := get_ipython()) is not None:
        set_matplotlib_formats("retina")  # type: ignore[no-untyped-call]
        formatter = shell.display_formatter.formatters["image/png"]
        draw = formatter.lookup_by_type(Figure)
        formatter.for_type(Figure, lambda figure: _with_text(draw(figure), figure))


def _with_text(drawn: tuple[str, dict[str, Any]], figure: Figure) -> tuple[str, dict[str, Any]]:
    """The picture and its metadata, with what its page adds: the alternative text, and the figure as SVG.

    The SVG is drawn after the picture, which is therefore the same with and without it. Run by hand a notebook needs
    none.
    """
    data, metadata = drawn
    vector = as_svg(figure) if os.environ.get(project.PIPELINE) else ""
    return data, {**metadata, "alt": described(figure), **({"svg": vector} if vector else {})}


def as_svg(figure: Figure) -> str:
    """The figure as SVG, the same bytes at every run; "" for pictures, maps and clouds of many points.

    Those take more bytes as SVG than as pixels, and gain nothing. Letters are text, so that they can be edited.
    """
    if any(axes.images or any(isinstance(each, QuadMesh) for each in axes.collections) for axes in figure.axes):
        return ""
    if sum(_points(axes) for axes in figure.axes) > _POINTS:
        return ""
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "replication"}):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata=dict.fromkeys(_METADATA))
    return file.getvalue()


def _points(axes: Axes) -> int:
    """The number of points of curves, markers and areas, and of bars."""
    number = len(axes.patches) + sum(np.size(line.get_xdata()) for line in axes.lines)
    for collection in axes.collections:
        number += np.shape(collection.get_offsets())[0] + sum(
            np.shape(path.vertices)[0] for path in collection.get_paths()
        )
    return number


def described(figure: Figure) -> str:
    """What one sees in a figure, in words: for each panel its title, axes, legend, or that it is an image.

    Such as "Set5: PSNR against step (MSE, SSIM)". What a figure shows of these is in the text of the page.
    """
    panels = [text for axes in figure.axes if axes.get_visible() and (text := _panel(axes))]
    title = figure.get_suptitle()
    shared = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    shown = panels[:_PANELS] + ([f"{len(panels) - _PANELS} more panels"] if len(panels) > _PANELS else [])
    parts = [title, *shown, f"legend: {', '.join(shared)}" if shared else ""]
    return "; ".join(part for part in parts if part) or "Figure"


def _panel(axes: Axes) -> str:
    title = " ".join(filter(None, (axes.get_title(where) for where in ("left", "center", "right"))))
    across, up = axes.get_xlabel(), axes.get_ylabel()
    shown = f"{up} against {across}" if across and up else up or across
    if axes.images and not shown:
        shown = "image"
    names = [text.get_text() for text in legend.get_texts()] if (legend := axes.get_legend()) else []
    words = ": ".join(filter(None, (title, shown)))
    listed = f" ({', '.join(names)})" if names else ""
    return " ".join(f"{words}{listed}".split())


def show_crops(
    crops: Mapping[str, ArrayLike], titles: Mapping[str, str] | None = None, scale: int = 2, *, data_range: float = 1.0
) -> Html:
    """Images side by side as they are: every pixel a square of `scale` screen pixels, nothing resampled.

    crops: name -> (H, W) grey or (H, W, 3) colour array in [0, data_range]; values outside are clipped.
    titles: name -> caption; the name where absent. On a narrow screen the strip wraps.
    """
    figures = []
    for name, crop in crops.items():
        pixels = _eight_bit(name, crop, data_range)
        caption = escape((titles or {}).get(name, name)).replace("\n", "<br>")
        size = f'width="{pixels.shape[1] * scale}" height="{pixels.shape[0] * scale}"'
        figures.append(
            f'<figure style="margin:0"><img {size} alt="{escape(name)}" src="{_source(pixels)}" '
            'style="image-rendering:pixelated;max-width:100%;height:auto;display:block">'
            f'<figcaption style="font-size:.85em;line-height:1.35;padding:.25em 0">{caption}</figcaption></figure>'
        )
    return Html(f'<div style="display:flex;flex-wrap:wrap;gap:.7em">{"".join(figures)}</div>')


def picture_source(name: str, crop: ArrayLike, *, data_range: float = 1.0) -> str:
    """The image as a data URI, 8 bits, without loss: what an <img> takes as its source. crop: as for `show_crops`."""
    return _source(_eight_bit(name, crop, data_range))


def _source(pixels: NDArray[np.uint8]) -> str:
    return f"data:image/webp;base64,{webp(pixels, lossless=True)}"


def _eight_bit(name: str, crop: ArrayLike, data_range: float) -> NDArray[np.uint8]:
    image = np.asarray(crop, dtype=np.float64)
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"crop {name!r} must be (H, W) or (H, W, 3), got {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError(f"crop {name!r} holds values that are not finite")
    return np.rint(np.clip(image / data_range, 0, 1) * 255).astype(np.uint8)
