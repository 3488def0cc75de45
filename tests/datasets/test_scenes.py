"""Scenes that data sets share, against the photos themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replication.datasets.scenes import scene


@pytest.mark.parametrize(
    ("data_set", "reference", "expected"),
    [
        ("live", "bikes.bmp", "kodim05"),
        ("live-part", "womanhat.bmp", "kodim04"),
        ("tid2013-part", "i05.bmp", "kodim05"),
        ("tid2013", "I24.BMP", "kodim24"),
        ("tid2008", "I05.BMP", "kodim05"),
        ("tid2013", "i25.bmp", "tid2013/i25.bmp"),  # no photo
        ("live", "monarch.bmp", "live/monarch.bmp"),
        ("csiq", "i05.bmp", "csiq/i05.bmp"),
        ("live-md", "bikes.bmp", "live-md/bikes.bmp"),
    ],
)
def test_a_scene_is_the_kodak_photo_or_the_sets_own(data_set: str, reference: str, expected: str) -> None:
    assert scene(data_set, reference) == expected


def test_the_photos_of_live_are_those_of_kodak(real_data: Callable[[str], Path]) -> None:
    kodak, live = real_data("kodak"), real_data("live-part") / "refimgs"
    if not live.is_dir():
        pytest.skip("REAL DATA ABSENT: live-part has not been built")

    def small(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            sides = (48, 32) if image.width > image.height else (32, 48)
            grey = np.asarray(image.convert("L").resize(sides, Image.Resampling.BOX), dtype=float)
        return (grey - grey.mean()) / grey.std()

    photos = {path.stem: small(path) for path in sorted(kodak.glob("*.png"))}
    shared = 0
    for path in sorted(live.glob("*.bmp")):
        own = small(path)
        likeness = {name: (own * photo).mean() for name, photo in photos.items() if photo.shape == own.shape}
        best = max(likeness, key=lambda name: likeness[name])
        assert (scene("live", path.name) == best) == (likeness[best] > 0.9)
        shared += likeness[best] > 0.9
    assert shared == 19
