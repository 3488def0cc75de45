"""The cache of results of pairs of tensors: hits, and entries that go with their tensors."""

import gc
import weakref

import torch
from torch import Tensor

from replication.metrics.pair_cache import cached


class Counter:
    """Adds two tensors and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def add(self, key: str, x: Tensor, y: Tensor) -> Tensor:
        def compute() -> Tensor:
            self.calls += 1
            return x + y

        return cached(key, x, y, compute)


def test_a_result_of_the_same_key_and_tensors_is_computed_once() -> None:
    counter, (x, y) = Counter(), torch.rand(2, 3)
    assert counter.add("sum", x, y) is counter.add("sum", x, y)
    assert counter.calls == 1
    assert torch.equal(counter.add("sum", x, y.clone()), x + y)  # equal, but not the same
    counter.add("sum", x.clone(), y)
    counter.add("other", x, y)
    assert counter.calls == 4
    counter.add("itself", x, x)
    counter.add("itself", x, x)
    assert counter.calls == 5


def test_nothing_is_cached_of_tensors_that_are_gone_or_need_a_gradient() -> None:
    counter, (x, y) = Counter(), torch.rand(2, 3).clone().unbind()
    x, y = x.clone(), y.clone()
    result = weakref.ref(counter.add("sum", x, y))
    assert result() is not None
    del x
    gc.collect()
    assert result() is None
    z = torch.rand(3, requires_grad=True)
    assert counter.add("sum", z, y) is not counter.add("sum", z, y)
    assert counter.calls == 3
