"""The stand-in set: what the distortions do, by closed form or another library, and that they are always the same."""

import io
import multiprocessing
import pickle

import numpy as np
import pytest
from PIL import Image

from replication import datasets
from replication.datasets import distort, photos

GREY = np.full((200, 200, 3), 128, np.uint8)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_additive_noise_has_the_deviation_and_independent_channels() -> None:
    noise = distort.additive_noise(GREY, 10, random()).astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.15)  # 10 / sqrt(120000) is 0.03
    assert noise.std() == pytest.approx(10, abs=0.1)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_blur_of_a_point_is_a_gaussian() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    blurred = distort.gaussian_blur(point, 1.0, random())[..., 0]
    away = np.arange(41) - 20.0
    bell = np.exp(-(away**2) / 2)
    bell /= bell.sum()
    assert np.abs(blurred - 255 * np.outer(bell, bell)).max() <= 0.51  # rounding to whole numbers
    assert np.array_equal(distort.gaussian_blur(GREY, 3.0, random()), GREY)


def test_jpeg_is_pillows() -> None:
    pixels = photos.PHOTOS["photos-a"][1]["chelsea-left"].read()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=15)
    assert np.array_equal(distort.jpeg(pixels, 15, random()), np.asarray(Image.open(io.BytesIO(file.getvalue()))))


def test_contrast_keeps_the_mean_and_scales_the_deviation() -> None:
    pixels = photos.PHOTOS["photos-a"][1]["chelsea-left"].read()
    lower = distort.contrast(pixels, 0.4, random()).astype(float)
    assert lower.mean(axis=(0, 1)) == pytest.approx(pixels.mean(axis=(0, 1)), abs=0.1)
    assert lower.std(axis=(0, 1)) == pytest.approx(0.4 * pixels.std(axis=(0, 1)), abs=0.1)


def test_impulses_replace_a_share_of_samples_by_black_or_white() -> None:
    noisy = distort.impulse_noise(GREY, 0.2, random())
    assert np.isin(noisy, (0, 128, 255)).all()
    assert (noisy == 0).mean() == pytest.approx(0.1, abs=0.005)
    assert (noisy == 255).mean() == pytest.approx(0.1, abs=0.005)


def test_the_set_has_every_reference_distortion_and_level() -> None:
    found = datasets.load("photos-distorted")
    table = found.table
    assert table.groupby(["reference", "distortion"])["level"].apply(list).map(tuple).unique().tolist() == [
        (1, 2, 3, 4)
    ]
    assert (table["reference"].nunique(), table["distortion"].nunique(), len(table)) == (6, 5, 120)
    assert table["opinion"].tolist() == table["level"].tolist()
    assert found.opinion == datasets.Opinion("order", 1, 4, higher_is_better=False)
    assert "opinions are the order in which the distortions were made, no human scored them" in found.remarks


def test_each_level_is_further_from_the_reference_than_the_one_before() -> None:
    found = datasets.load("photos-distorted")
    for (reference, _), rows in found.table.groupby(["reference", "distortion"]):
        clean = found.images[reference].read().astype(float)
        errors = [((found.images[name].read() - clean) ** 2).mean() for name in rows["distorted"]]
        assert errors == sorted(errors)
        assert errors[0] > 0
        assert errors[-1] > 2 * errors[0]


def test_an_image_is_the_same_on_every_reading_and_in_another_process() -> None:
    images = datasets.load("photos-distorted").images
    names = ["retina-noise-4", "retina-impulse-1", "rocket-right-noise-4", "rocket-right-blur-2"]
    here = [images[name].digest() for name in names]
    assert [pickle.loads(pickle.dumps(images[name])).digest() for name in names] == here
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_digest, [images[name] for name in names]) == here
    assert len(set(here)) == len(names)


def _digest(image: datasets.Readable) -> str:
    return image.digest()


def test_noise_differs_between_images() -> None:
    images = datasets.load("photos-distorted").images
    first, second = (images[f"camera-head-noise-{level}"].read().astype(float) for level in (1, 2))
    clean = images["camera-head"].read().astype(float)
    assert abs(np.corrcoef((first - clean).ravel(), (second - clean).ravel())[0, 1]) < 0.05


def test_the_whole_set_has_one_digest_every_time() -> None:
    assert datasets.load("photos-distorted").digest == datasets.load("photos-distorted").digest


def test_grey_is_not_to_be_had() -> None:
    with pytest.raises(ValueError, match="is a colour image"):
        datasets.load("photos-distorted").images["retina-blur-1"].read("L")
