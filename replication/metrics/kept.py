"""Results that several metrics need, computed once for each pair of tensors and kept as long as these live."""

import weakref
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, TypeVar

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

Result = TypeVar("Result")

_kept: MutableMapping[Tensor, dict[Hashable, tuple[weakref.ref[Tensor], Any]]] = WeakIdKeyDictionary()


def once(asked: Hashable, first: Tensor, second: Tensor, compute: Callable[[], Result]) -> Result:
    """compute(), or what it gave last time for the same `asked` and the same two tensors (the same objects).

    `second` may be `first`. Nothing is kept of tensors that need a gradient: the result would keep them alive.
    """
    if first.requires_grad or second.requires_grad:
        return compute()
    known = _kept.setdefault(first, {}).get(asked)
    if known is None or known[0]() is not second:
        known = weakref.ref(second), compute()
        _kept[first][asked] = known
    result: Result = known[1]
    return result
