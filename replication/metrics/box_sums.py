"""Sums under windows of several sizes at once, on images that lie row by row in one flat array.

Shifting a flat array by one moves every image by a column, shifting it by the row's length moves it by a row: sums of
shifted copies then run over contiguous memory, whatever the size of the images. Windows that would reach over the end
of a row hold sums of other pixels; the caller leaves them out.
"""

from collections.abc import Sequence

from torch import Tensor

Taps = Sequence[float]


def shifted_sums(flat: Tensor, windows: Sequence[int | Taps], stride: int) -> list[Tensor]:
    """For each window w, sum over j of w[j] flat[..., i + j stride], at all i for which the window is whole.

    windows: taps, or an integer for that many ones. A sum of n ones is the sum of two shorter ones side by side: of
    two that are there already, else of its halves. The sizes 3, 7 and 11 take five additions together (2 = 1 + 1,
    3 = 1 + 2, 4 = 1 + 3, 7 = 3 + 4, 11 = 4 + 7).
    """
    boxes = {1: flat}
    return [_box(boxes, w, stride) if isinstance(w, int) else _weighted(flat, w, stride) for w in windows]


def shifted_sum(flat: Tensor, window: int | Taps, stride: int) -> Tensor:
    """The same for one window. Ones are added by doubling, in place as far as possible, which caches like better."""
    if not isinstance(window, int):
        return _weighted(flat, window, stride)
    length = flat.shape[-1] - (window - 1) * stride
    doubled = [flat]
    for power in range(window.bit_length() - 1):
        last, shift = doubled[-1], stride << power
        doubled.append(last.narrow(-1, 0, last.shape[-1] - shift) + last.narrow(-1, shift, last.shape[-1] - shift))
    total, start = doubled[-1].narrow(-1, 0, length), 1 << (window.bit_length() - 1)
    for power in reversed(range(window.bit_length() - 1)):
        if window >> power & 1:
            total.add_(doubled[power].narrow(-1, start * stride, length))
            start += 1 << power
    return total


def _box(boxes: dict[int, Tensor], size: int, stride: int) -> Tensor:
    if size not in boxes:
        left = next((known for known in boxes if size - known in boxes), size // 2)
        first, second = (_box(boxes, part, stride) for part in (left, size - left))
        length = boxes[1].shape[-1] - (size - 1) * stride
        boxes[size] = first.narrow(-1, 0, length) + second.narrow(-1, left * stride, length)
    return boxes[size]


def _weighted(flat: Tensor, taps: Taps, stride: int) -> Tensor:
    """Smallest terms first, as in `filters.separable_filter`."""
    length = flat.shape[-1] - (len(taps) - 1) * stride
    (first, least), *others = sorted(enumerate(taps), key=lambda shift_and_tap: shift_and_tap[1])
    total = flat.narrow(-1, first * stride, length) * least
    for shift, tap in others:
        total.add_(flat.narrow(-1, shift * stride, length), alpha=tap)
    return total
