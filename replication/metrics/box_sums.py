"""Sums under windows of several sizes at once, along one side of images, and the gradients of these sums.

A sum of n ones is the sum of two shorter ones side by side, so that windows share their parts: the sizes 3, 7 and 11
take five additions together (2 = 1 + 1, 3 = 1 + 2, 4 = 1 + 3, 7 = 3 + 4, 11 = 4 + 7), whatever the image.
"""

import functools
from collections.abc import Sequence

from torch import Tensor


def box_sums(image: Tensor, sizes: Sequence[int], dim: int) -> list[Tensor]:
    """Sums over every whole window of n pixels along `dim`, which becomes n - 1 shorter, for each size n."""
    length = image.shape[dim]
    sums = {1: image}
    additions = _additions(tuple(sizes))
    for place, (size, left, right) in enumerate(additions):
        parts = [sums[part].narrow(dim, shift, length - size + 1) for part, shift in ((left, 0), (right, left))]
        needed = {1, *sizes, *(part for addition in additions[place + 1 :] for part in addition[1:])}
        # In place where a part is not needed again: that moves a third less memory.
        if right not in needed and left != right:
            parts.reverse()
        sums[size] = parts[0] + parts[1] if {left, right} <= needed or left == right else parts[0].add_(parts[1])
    return [sums[size] for size in sizes]


def box_sums_adjoint(gradients: Sequence[Tensor], sizes: Sequence[int], dim: int) -> Tensor:
    """The gradient with respect to the image of `box_sums`, given those with respect to its sums, which are used up.

    Each addition backwards: both parts receive the gradient of their sum.
    """
    length = gradients[0].shape[dim] + sizes[0] - 1
    by_size: dict[int, Tensor] = {}
    for size, gradient in zip(sizes, gradients, strict=True):
        by_size[size] = by_size[size].add_(gradient) if size in by_size else gradient
    for size, left, right in reversed(_additions(tuple(sizes))):
        gradient = by_size.pop(size)
        for part, shift in ((left, 0), (right, left)):
            if part not in by_size:
                shape = list(gradient.shape)
                shape[dim] = length - part + 1
                by_size[part] = gradient.new_zeros(shape)
            by_size[part].narrow(dim, shift, gradient.shape[dim]).add_(gradient)
    return by_size[1]


@functools.cache
def _additions(sizes: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """(size, left part, right part) in an order in which parts come before their sums; single pixels are given.

    A size is the sum of two sizes that exist already where possible, else of its halves.
    """
    additions: list[tuple[int, int, int]] = []
    known = {1: None}

    def add(size: int) -> None:
        if size not in known:
            left = next((part for part in known if size - part in known), size // 2)
            add(left)
            add(size - left)
            known[size] = None
            additions.append((size, left, size - left))

    for size in sizes:
        add(size)
    return tuple(additions)
