"""Random patches of paired images, cut for a whole batch at once, the same ones for the same seed and step."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STREAM = 0x5EED  # keeps the patch generator apart from other uses of the same seed


class PatchBank:
    """Pairs of 8-bit grey images, (input, target), from which aligned patches are drawn uniformly over all positions.

    The input patch is `margin` pixels larger on each side than the target patch, for networks with unpadded
    convolutions; outside the image its border pixels are repeated, as when the network is used on whole images.
    All images lie end to end in two flat tensors on `device`, so that a batch is one gather, on a GPU too.
    """

    def __init__(
        self,
        pairs: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]],
        *,
        patch: int,
        margin: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        if not pairs:
            raise ValueError("no images to cut patches from")
        inputs, targets, heights, widths = [], [], [], []
        for name, (source, target) in pairs.items():
            if source.shape != target.shape or source.ndim != 2:
                raise ValueError(
                    f"{name}: input and target must be grey images of one size, got {source.shape} and {target.shape}"
                )
            if min(target.shape) < patch:
                raise ValueError(
                    f"{name}: {target.shape[1]}x{target.shape[0]} pixels is smaller than the {patch}x{patch} patch; "
                    "leave the image out or choose a smaller patch"
                )
            inputs.append(np.pad(source, margin, mode="edge").ravel())
            targets.append(target.ravel())
            heights.append(target.shape[0])
            widths.append(target.shape[1])
        self.patch, self.margin = patch, margin
        self._inputs = torch.from_numpy(np.concatenate(inputs)).to(device)
        self._targets = torch.from_numpy(np.concatenate(targets)).to(device)
        height, width = np.array(heights), np.array(widths)
        self._columns = torch.from_numpy(width - patch + 1)  # patch positions in a row of each image
        self._widths = torch.from_numpy(width)
        self._positions_before = torch.from_numpy(_starts((height - patch + 1) * (width - patch + 1)))
        self._target_starts = torch.from_numpy(_starts(height * width))
        self._input_starts = torch.from_numpy(_starts((height + 2 * margin) * (width + 2 * margin)))

    @property
    def positions(self) -> int:
        """Number of different patches, turns and reflections aside."""
        return int(self._positions_before[-1])

    def batch(self, count: int, *, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Batch number `step` of the sequence that belongs to `seed`: inputs and targets, (count, 1, h, w) in [0, 1].

        Each patch is turned and reflected at random (the eight symmetries of the square). A batch depends on nothing
        but its arguments, so training that starts again at step k sees what it would have seen.
        """
        draw = np.random.default_rng([_STREAM, seed, step])
        position = torch.from_numpy(draw.integers(self.positions, size=count))
        symmetry = torch.from_numpy(draw.integers(8, size=count))
        image = torch.searchsorted(self._positions_before, position, right=True) - 1
        within = position - self._positions_before[image]
        top, left = within // self._columns[image], within % self._columns[image]
        width = self._widths[image]
        targets = _gather(self._targets, self._target_starts[image], top, left, width, self.patch, symmetry)
        size = self.patch + 2 * self.margin
        inputs = _gather(self._inputs, self._input_starts[image], top, left, width + 2 * self.margin, size, symmetry)
        return inputs, targets


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start of each of consecutive runs of the given sizes, and the end of the last one."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _gather(
    flat: Tensor, start: Tensor, top: Tensor, left: Tensor, width: Tensor, size: int, symmetry: Tensor
) -> Tensor:
    """Square patches of images stored row by row in `flat`, as (N, 1, size, size) floats in [0, 1]."""
    start, top, left, width, symmetry = (v.view(-1, 1, 1) for v in (start, top, left, width, symmetry))
    row, column = torch.arange(size).view(1, -1, 1), torch.arange(size).view(1, 1, -1)
    row, column = torch.where(symmetry >= 4, column, row), torch.where(symmetry >= 4, row, column)
    row = torch.where(symmetry % 2 == 1, size - 1 - row, row)
    column = torch.where(symmetry % 4 >= 2, size - 1 - column, column)
    index = start + (top + row) * width + left + column
    return flat[index.to(flat.device)].unsqueeze(1).float() / 255
