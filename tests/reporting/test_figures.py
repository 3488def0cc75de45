"""Figures: crops shown pixel by pixel, and a style that survives printing without colour."""

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from replication.reporting.figures import COLOURS, MARKERS, as_svg, described, show_crops, use_house_style


def decoded(html: str) -> list[np.ndarray]:
    images = re.findall(r"data:image/webp;base64,([^\"]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))) for image in images]


def test_crops_keep_every_pixel():
    grey = np.array([[0.0, 0.5, 1.0], [-0.2, 1.3, 0.25]])
    colour = np.random.default_rng(0).random((2, 3, 3))
    shown = show_crops({"grey": grey, "colour": colour}, {"grey": "a < b\n30.1 dB"}, scale=4)
    first, second = decoded(shown._repr_html_())
    assert (first == first[..., :1]).all()  # WebP has no grey pictures
    assert first[..., 0].tolist() == [[0, 128, 255], [0, 255, 64]]
    assert np.abs(second / 255 - colour).max() <= 0.5 / 255 + 1e-12
    assert re.findall(r'width="(\d+)" height="(\d+)" alt="(\w+)"', shown.html) == [
        ("12", "8", "grey"),
        ("12", "8", "colour"),
    ]
    assert re.findall(r"<figcaption.*?>(.*?)</figcaption>", shown.html) == ["a &lt; b<br>30.1 dB", "colour"]
    assert shown.html.count("image-rendering:pixelated") == 2


def test_crops_of_eight_bits_are_shown_as_they_are():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (decoded(show_crops({"all": pixels}, data_range=255).html)[0] == pixels[..., None]).all()


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        (np.zeros((2, 2, 4)), r"'a' must be \(H, W\) or \(H, W, 3\), got \(2, 2, 4\)"),
        (np.zeros((0, 2)), r"got \(0, 2\)"),
        (np.zeros(3), r"got \(3,\)"),
        (np.full((2, 2), np.nan), "'a' holds values that are not finite"),
    ],
)
def test_what_is_no_image_is_named(crop, message):
    with pytest.raises(ValueError, match=message):
        show_crops({"a": crop})


def test_house_style_sets_matplotlibs_defaults():
    with mpl.rc_context():
        use_house_style()
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == COLOURS
        assert mpl.rcParams["svg.hashsalt"]
        assert not mpl.rcParams["axes.spines.top"]
    assert len(MARKERS) == len(COLOURS) == len(set(COLOURS))


def test_neighbouring_colours_differ_in_luminance_or_marker():
    def luminance(colour: str) -> float:
        red, green, blue = mpl.colors.to_rgb(colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert all(1.0 - luminance(colour) > 0.2 for colour in COLOURS)  # visible on white
    assert len(set(MARKERS)) == len(MARKERS)


def test_the_alternative_text_of_a_figure_names_panels_axes_and_lines() -> None:
    figure, axes = plt.subplots(1, 3)
    axes[0].plot([1, 2], label="MSE")
    axes[0].plot([2, 1], label="SSIM")
    axes[0].set(xlabel="step", ylabel="PSNR\nin dB")
    axes[0].set_title("Set5", loc="left")
    axes[0].legend()
    axes[1].imshow([[0, 1]])
    axes[2].set_visible(False)
    figure.suptitle("Curves")
    assert described(figure) == "Curves; Set5: PSNR in dB against step (MSE, SSIM); image"
    assert described(plt.figure()) == "Figure"
    plt.close("all")


def test_a_figure_as_svg_is_the_same_at_every_run_and_its_letters_are_text() -> None:
    def draw() -> str:
        figure, axes = plt.subplots()
        axes.plot([1, 2, 4], marker="o", clip_on=True)
        axes.fill_between([0, 1, 2], [0, 1, 2], [1, 2, 4], hatch="/")  # hatches and clips have identifiers
        axes.set_title("Set5 & Set14")
        return as_svg(figure)

    first = draw()
    assert first == draw()
    words = [text for each in ElementTree.fromstring(first).iter() if (text := (each.text or "").strip())]
    assert "Set5 & Set14" in words
    assert not re.search(r"20\d\d-\d\d-\d\d|matplotlib.org|<dc:", first)
    assert len(first) < 30_000
    plt.close("all")


def test_pictures_maps_and_clouds_of_points_are_not_drawn_as_svg() -> None:
    figure, axes = plt.subplots(1, 2)
    axes[0].plot([1, 2])
    assert as_svg(figure)
    points = np.random.default_rng(0).random((2, 990))
    cloud = axes[1].scatter(*points)
    assert len(as_svg(figure)) < 200_000
    cloud.remove()
    axes[1].scatter(*np.tile(points, 2))
    assert as_svg(figure) == ""
    for draw in ("imshow", "pcolormesh"):
        figure, axis = plt.subplots()
        getattr(axis, draw)(np.eye(3))
        assert as_svg(figure) == ""
    plt.close("all")
