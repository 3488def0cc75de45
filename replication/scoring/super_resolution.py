"""The super-resolution table's measurements: PSNR and SSIM of luminance, image by image, by SRCNN's protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor

from replication.metrics.colour import to_uint8
from replication.metrics.psnr import psnr
from replication.metrics.resize import shave
from replication.metrics.ssim import ssim
from replication.models.srcnn import SRCNN
from replication.training.pairs import Pairs, read_pairs

BICUBIC = "Bicubic"  # the method without a network
FITTED = "PSNR, fitted"  # the metric that forgives a method its brightness and contrast


def score(
    networks: Mapping[str, SRCNN],
    test_sets: Mapping[str, str],
    *,
    scale: int,
    on_error: Literal["stop", "skip"] = "stop",
    device: torch.device | str = "cpu",
) -> tuple[pd.DataFrame, list[str]]:
    """Scores of bicubic enlargement and of each network on each test set, and what could not be read.

    networks: name of the method -> network. test_sets: name in the table -> image set.
    The table is long-form: data_set, image, method, metric, score. Metrics are PSNR in decibels, SSIM with the standard
    11 x 11 Gaussian window, and the PSNR of a + b y, with the a and b that fit the output y of this image best (least
    squares), all on 8-bit Y with a border of `scale` pixels shaved.
    """
    rows: list[tuple[str, str, str, str, float]] = []
    problems: list[str] = []
    for title, name in test_sets.items():
        pairs, unreadable = read_pairs([name], scale, on_error=on_error)
        problems += unreadable
        for image, (_, original) in pairs.items():
            target = shave(_tensor(original, device), scale)
            for method, output in enlargements(networks, pairs, image, device=device).items():
                result = shave(_tensor(output, device), scale)
                values = {
                    "PSNR": psnr(target, result),
                    "SSIM": ssim(target, result),
                    FITTED: psnr(target, _fitted(target, result), validate=False),
                }
                rows += [
                    (title, image.removeprefix(f"{name}/"), method, metric, v.item()) for metric, v in values.items()
                ]
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"]), problems


def enlargements(
    networks: Mapping[str, SRCNN], pairs: Pairs, image: str, *, device: torch.device | str = "cpu"
) -> dict[str, NDArray[np.uint8]]:
    """The image as each method enlarges it, 8-bit Y, bicubic first."""
    enlarged = pairs[image][0]
    results = {BICUBIC: enlarged}
    with torch.inference_mode():
        for method, network in networks.items():
            output = network.to(device).enlarge(_tensor(enlarged, device))
            results[method] = to_uint8(output)[0, 0].cpu().numpy()
    return results


@dataclass(frozen=True)
class Example:
    """A crop of a test image as every method shows it, and why it was chosen."""

    data_set: str
    image: str
    why: str
    crops: dict[str, NDArray[np.uint8]]
    captions: dict[str, str]


def choose_examples(
    networks: Mapping[str, SRCNN],
    scores: pd.DataFrame,
    test_sets: Mapping[str, str],
    *,
    scale: int,
    size: int,
    gain: tuple[str, str],
) -> list[Example]:
    """Images and crops that show the difference between two methods, chosen by rule.

    gain: the two methods; an image's gain is its SSIM with the first minus that with the second. Chosen are the image
    of median gain of each data set (the upper one of an even number), then those of largest and smallest gain of all.
    The crop is the size x size window, `scale` pixels away from the border at least, where the two methods differ most.
    """
    first, second = gain
    wide = scores[scores["metric"] == "SSIM"].pivot(index=["data_set", "image"], columns="method", values="score")
    gains = (wide[first] - wide[second]).sort_values(kind="stable")
    chosen = []
    for title in test_sets:
        of_set = gains.xs(title, level="data_set")
        chosen.append((title, of_set.index[len(of_set) // 2], f"median gain of {title}"))
    chosen += [(*gains.index[-1], "largest gain of all"), (*gains.index[0], "smallest gain of all")]
    numbers = scores.pivot(index=["data_set", "image", "method"], columns="metric", values="score")
    examples = []
    for title, image, why in chosen:
        name = test_sets[title]
        pairs, _ = read_pairs([name], scale, only=image)
        outputs = enlargements(networks, pairs, f"{name}/{image}")
        window = most_different_window(outputs[first], outputs[second], size, scale)
        crops = {"Original": pairs[f"{name}/{image}"][1][window]} | {m: output[window] for m, output in outputs.items()}
        captions = {"Original": "Original\nPSNR / SSIM"}
        for method in outputs:
            row = numbers.xs((title, image, method))
            captions[method] = f"{method}\n{row['PSNR']:.2f} / {row['SSIM']:.4f}"
        examples.append(Example(title, image, f"{why}: {gains[title, image]:+.4f} SSIM", crops, captions))
    return examples


def most_different_window(
    first: NDArray[np.uint8], second: NDArray[np.uint8], size: int, border: int
) -> tuple[slice, slice]:
    """Rows and columns of the size x size window in which two images differ most (mean absolute difference).

    Windows that reach into the `border` at the edge are left out. It chooses crops by rule; the first of equals wins.
    """
    height, width = first.shape
    if min(height, width) < size + 2 * border:
        raise ValueError(f"images of {width}x{height} are smaller than a window of {size} within a border of {border}")
    difference = np.abs(first.astype(np.float64) - second)
    offset = size // 2  # the pixel on which uniform_filter centres its window
    means = uniform_filter(difference, size, mode="constant")
    inner = means[
        border + offset : height - border - size + offset + 1, border + offset : width - border - size + offset + 1
    ]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(int(top) + border, int(top) + border + size), slice(int(left) + border, int(left) + border + size)


def _fitted(target: Tensor, result: Tensor) -> Tensor:
    """a + b result, with a and b of least squared error to `target`; its mean where `result` is flat."""
    x, y = result.double(), target.double()
    variance = x.var(correction=0)
    slope = ((x - x.mean()) * (y - y.mean())).mean() / variance if variance > 0 else torch.zeros_like(variance)
    return (y.mean() + slope * (x - x.mean())).to(result.dtype)


def _tensor(image: NDArray[np.uint8], device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).to(device).unsqueeze(0).unsqueeze(0).float() / 255
