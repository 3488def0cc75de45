"""Pictures of an executed notebook in few bytes: WebP in its page, small ones in the copy of the notebook beside it.

A page holds every picture once, at the pixels it was drawn with, as WebP. A plot is stored without loss, in at most 256
colours; a picture with photographs in it, recognised by what that saves, with loss at quality 85, where differences are
not seen. The notebook holds each picture at the size it is shown, as PNG or, with photographs, JPEG, which every viewer
of notebooks knows; the full picture is in the page. Equal pictures give equal bytes.
"""

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from nbformat import NotebookNode

_COLOURS = 256
_QUALITY = 85  # of WebP with loss; at 75 blocks show in skies and skin
_UNSEEN = 1.0  # of 255 levels, mean over all pixels
_PHOTOGRAPH = 0.9  # a picture is stored with loss where that takes less than this part of the bytes without


def for_page(png: str) -> tuple[str, str]:
    """Kind and base64 text of the picture as a page holds it; `png` is base64 text, line breaks allowed."""
    picture = _on_white(png)
    return "image/webp", _text(_photograph(picture) or _without_loss(picture))


def for_notebook(png: str, shown: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and base64 text of the picture as the notebook holds it, with the width and height of `shown`."""
    picture = _on_white(png)
    kind = "JPEG" if _photograph(picture) else "PNG"
    width, height = int(shown.get("width", picture.width)), int(shown.get("height", picture.height))
    if width < picture.width and height < picture.height:
        picture = picture.resize((width, height), Image.Resampling.BOX)  # adds the fewest colours
    file = io.BytesIO()
    if kind == "JPEG":
        picture.save(file, kind, quality=_QUALITY, optimize=True)
    else:
        _few_colours(picture).save(file, kind, optimize=True)
    return f"image/{kind.lower()}", _text(file.getvalue())


def shrink(notebook: "NotebookNode") -> None:
    """Replace the PNG pictures of `notebook` in place by those of `for_notebook`."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                size = output.metadata.pop("image/png", {})
                size.pop("svg", None)
                kind, data[kind] = for_notebook(data.pop("image/png"), size)
                if size:
                    output.metadata[kind] = size


def webp(pixels: NDArray[np.uint8], *, lossless: bool) -> str:
    """Base64 text of an image, (H, W) or (H, W, 3) in 8 bits, as WebP."""
    return _text(_webp(Image.fromarray(pixels).convert("RGB"), lossless=lossless))


def _on_white(png: str) -> Image.Image:
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _few_colours(picture: Image.Image) -> Image.Image:
    """The picture in at most 256 colours: chosen by an octree where the change is not visible, else the best ones.

    An octree moves the soft edges of lines and letters by a few levels and halves the bytes; photographs and maps of
    colours would show steps.
    """
    few = picture.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.array(few.getpalette(), dtype=np.uint8).reshape(-1, 3)
    palette[(palette >= 252).all(axis=1)] = 255  # white stays white
    few.putpalette(palette.tobytes())
    moved = np.abs(np.asarray(few.convert("RGB"), dtype=np.int16) - np.asarray(picture, dtype=np.int16))
    if moved.max(axis=2).mean() <= _UNSEEN:
        return few
    return picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _without_loss(picture: Image.Image) -> bytes:
    return _webp(_few_colours(picture).convert("RGB"), lossless=True)


def _photograph(picture: Image.Image) -> bytes | None:
    """The picture stored with loss, if that takes much less than without: then there are photographs in it."""
    content = _webp(picture, lossless=False)
    return content if len(content) < _PHOTOGRAPH * len(_without_loss(picture)) else None


def _webp(picture: Image.Image, *, lossless: bool) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=lossless, quality=80 if lossless else _QUALITY, method=4)  # lossless: effort
    return file.getvalue()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
