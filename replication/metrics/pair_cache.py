"""A cache of results of pairs of tensors, so that metrics that need the same intermediate compute it once.

An entry lives as long as both of its tensors.
"""

import weakref
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, TypeVar

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

Result = TypeVar("Result")

_cache: MutableMapping[Tensor, dict[Hashable, tuple[weakref.ref[Tensor], Any]]] = WeakIdKeyDictionary()


def cached(key: Hashable, first: Tensor, second: Tensor, compute: Callable[[], Result]) -> Result:
    """Return compute(), or its earlier result for the same key and the same two tensors (the same objects).

    key: names the computation and its options. second: may be `first`.
    Results of tensors that require a gradient are not stored: they would keep their whole graph alive.
    """
    if first.requires_grad or second.requires_grad:
        return compute()
    entry = _cache.setdefault(first, {}).get(key)
    if entry is None or entry[0]() is not second:
        entry = weakref.ref(second), compute()
        _cache[first][key] = entry
    result: Result = entry[1]
    return result
