"""imresize against its definition pixel by pixel, and against Pillow and torch where they agree with MATLAB."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from replication.metrics.resize import crop_to_multiple, degrade, imresize, reduce_2004, resize_matrix, shave


def keys(x: float) -> float:
    """Cubic convolution, a = -1/2 (Keys 1981, eq. 15)."""
    x = abs(x)
    if x < 1:
        return 3 / 2 * x**3 - 5 / 2 * x**2 + 1
    return -1 / 2 * x**3 + 5 / 2 * x**2 - 4 * x + 2 if x < 2 else 0.0


def resized_by_definition(signal: list[float], length: int, scale: float, antialias: bool) -> list[float]:
    """Every output pixel as a normalised sum over mirrored copies of the signal that reach beyond any kernel."""
    stretch = min(scale, 1.0) if antialias else 1.0
    mirrored = signal + signal[::-1]
    result = []
    for pixel in range(length):
        centre = (pixel + 0.5) / scale - 0.5
        near = range(math.floor(centre - 3 / stretch), math.ceil(centre + 3 / stretch) + 1)
        weights = [keys(stretch * (centre - position)) for position in near]
        values = [mirrored[position % len(mirrored)] for position in near]
        result.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return result


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("scale", [0.25, 1 / 3, 0.5, 0.7, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("length", [3, 12, 17])
def test_agrees_with_the_definition(length: int, scale: float, antialias: bool) -> None:
    signal = np.random.default_rng(0).random(length)
    expected = resized_by_definition(signal.tolist(), math.ceil(length * scale), scale, antialias)
    row = torch.from_numpy(signal).view(1, 1, 1, length)
    assert imresize(row, scale=(1.0, scale), antialias=antialias).flatten().tolist() == pytest.approx(expected)
    column = imresize(row.mT, scale=(scale, 1.0), antialias=antialias)
    assert column.flatten().tolist() == pytest.approx(expected)


def test_enlarging_a_step_by_two_overshoots_as_the_kernel_says() -> None:
    """Weights at distances .25, .75, 1.25, 1.75 are 111, 29, -9, -3 over 128."""
    step = torch.tensor([0.0, 0.0, 0.0, 128.0, 128.0, 128.0], dtype=torch.float64).expand(1, 1, 6, 6)
    assert imresize(step, scale=2.0)[0, 0, 0].tolist() == [0, 0, 0, -3, -9, 26, 102, 137, 131, 128, 128, 128]


@pytest.mark.parametrize("size", [(60, 48), (37, 90), (128, 128)])
def test_agrees_with_pillow_away_from_the_border(size: tuple[int, int]) -> None:
    """Pillow has the same antialiased kernel but another border."""
    photo = data.camera()[:240, :192].astype(np.float32)
    expected = np.asarray(Image.fromarray(photo).resize(size[::-1], Image.Resampling.BICUBIC))
    ours = imresize(torch.from_numpy(photo)[None, None], size=size)[0, 0].numpy()
    inside = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(ours[inside], expected[inside], atol=2e-3)


@pytest.mark.parametrize("size", [(60, 48), (300, 250)])
def test_agrees_with_antialiased_torch_away_from_the_border(size: tuple[int, int]) -> None:
    photo = torch.from_numpy(data.camera()[:240, :192] / 255)[None, None]
    expected = torch.nn.functional.interpolate(photo, size, mode="bicubic", antialias=True)
    torch.testing.assert_close(shave(imresize(photo, size=size), 4), shave(expected, 4), rtol=0, atol=1e-6)


def test_bilinear_and_box_agree_with_torch() -> None:
    image = torch.rand(2, 3, 24, 36, dtype=torch.float64)
    expected = torch.nn.functional.interpolate(image, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(imresize(image, scale=2, kernel="bilinear"), expected)
    torch.testing.assert_close(
        imresize(image, scale=0.25, kernel="box"), torch.nn.functional.avg_pool2d(image, 4), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear", "box"])
@pytest.mark.parametrize("size", [(5, 40), (13, 11), (1, 1)])
def test_a_flat_image_stays_flat(kernel: str, size: tuple[int, int]) -> None:
    flat = torch.full((1, 1, 13, 11), 0.3, dtype=torch.float64)
    torch.testing.assert_close(imresize(flat, size=size, kernel=kernel), flat[..., :1, :1].expand(1, 1, *size))


def test_the_side_that_shrinks_more_is_resized_first_and_the_result_separable() -> None:
    image = torch.rand(1, 1, 20, 30, dtype=torch.float64)
    rows, columns = resize_matrix(20, 10, 0.5), resize_matrix(30, 60, 2.0)
    torch.testing.assert_close(imresize(image, scale=(0.5, 2.0)), rows @ image @ columns.T)


def test_batches_dtypes_and_gradients() -> None:
    image = torch.rand(2, 3, 9, 10, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, size=(4, 15)), (image,))
    assert imresize(image.half(), scale=0.5).dtype == torch.float32
    together = imresize(image, scale=0.5)
    torch.testing.assert_close(together[1, 2], imresize(image[1, 2], scale=0.5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(imresize(image.float(), scale=0.5), together.float())


def test_output_sizes_are_rounded_up() -> None:
    assert imresize(torch.rand(1, 1, 10, 11), scale=0.25).shape == (1, 1, 3, 3)
    assert imresize(torch.rand(7, 5), scale=1).shape == (7, 5)


def test_wrong_arguments_are_errors() -> None:
    image = torch.rand(1, 1, 8, 8)
    with pytest.raises(ValueError, match="either scale or size"):
        imresize(image)
    with pytest.raises(ValueError, match="either scale or size"):
        imresize(image, scale=2, size=(3, 3))
    with pytest.raises(ValueError, match="size must be positive"):
        imresize(image, size=(0, 3))
    with pytest.raises(ValueError, match="scale must be positive"):
        imresize(image, scale=-1)
    with pytest.raises(ValueError, match="kernel must be one of bicubic, bilinear, box, got 'cubic'"):
        imresize(image, scale=2, kernel="cubic")
    with pytest.raises(ValueError, match="must be floating-point, got torch.uint8"):
        imresize(image.to(torch.uint8), scale=2)
    with pytest.raises(ValueError, match="at least one pixel"):
        imresize(image[..., :0], scale=2)


def test_shave_and_crop() -> None:
    image = torch.arange(7 * 9).view(1, 7, 9)
    assert torch.equal(shave(image, 2), image[:, 2:5, 2:7])
    assert torch.equal(shave(image, 0), image)
    assert torch.equal(crop_to_multiple(image, 4), image[:, :4, :8])
    with pytest.raises(ValueError, match="border of 4 cannot be shaved off an image of 7 x 9"):
        shave(image, 4)
    with pytest.raises(ValueError, match="7 x 9 has no 8 x 8 pixels"):
        crop_to_multiple(image, 8)


def test_degrade_returns_eight_bit_images_of_both_sizes_and_refuses_others() -> None:
    image = torch.randint(0, 256, (1, 12, 16), dtype=torch.uint8)
    low, enlarged = degrade(image, 4)
    assert (low.shape, low.dtype) == ((1, 3, 4), torch.uint8)
    assert (enlarged.shape, enlarged.dtype) == ((1, 12, 16), torch.uint8)
    with pytest.raises(ValueError, match="8-bit luminance image"):
        degrade(image.float(), 4)
    with pytest.raises(ValueError, match=r"multiples of 4, got \(12, 15\); use crop_to_multiple"):
        degrade(image[..., 1:], 4)


def test_reduction_of_2004_takes_box_means_around_every_nth_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 700, 801, dtype=torch.float64, generator=generator)  # 700 / 256 rounds to 3
    reduced = reduce_2004(image)
    assert reduced.shape == (1, 1, 234, 267)
    assert reduced[0, 0, 10, 20].item() == pytest.approx(image[0, 0, 29:32, 59:62].mean().item())
    corner = image[0, 0][[0, 0, 1]][:, [0, 0, 1]]  # the border pixel repeated by the mirror
    assert reduced[0, 0, 0, 0].item() == pytest.approx(corner.mean().item())
    even = image[..., :512, :514]
    torch.testing.assert_close(reduce_2004(even), torch.nn.functional.avg_pool2d(even, 2))
    assert reduce_2004(image[..., :383]) is not None
    small = image[..., :383, :383]
    assert reduce_2004(small) is small
