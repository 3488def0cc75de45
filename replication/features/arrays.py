"""Reading pickles of plain numpy arrays, in nested dictionaries, without running anything that a pickle may name."""

import pickle
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = ("f2", "f4", "f8")


class NotArraysError(ValueError):
    """A pickle that holds something else than arrays of floating-point numbers in nested dictionaries."""


def read_arrays(file: IO[bytes]) -> dict[str, Any]:
    """Return the nested dictionary of float arrays that a pickle holds.

    Only what numpy writes for such an array is understood; every other name in the pickle, and every other argument to
    one of these, is refused before anything is called. Raises NotArraysError.
    """
    try:
        content = _Arrays(file).load()
    except NotArraysError:
        raise
    except Exception as error:  # pickle raises errors of any class on damaged content
        raise NotArraysError(f"not a pickle of arrays ({str(error) or type(error).__name__})") from error
    _check(content)
    arrays: dict[str, Any] = content
    return arrays


class _Arrays(pickle.Unpickler):
    """An unpickler that knows the three names in the pickle of an array, and replaces each by its own."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return _ARRAY
        if (module, name) == ("numpy", "dtype"):
            return _dtype
        raise NotArraysError(f"it names {module}.{name}")


_ARRAY = object()  # stands for the class of arrays, and cannot be called


def _empty_array(kind: object, shape: object, code: object) -> NDArray[Any]:
    if kind is not _ARRAY or shape != (0,) or code != b"b":
        raise NotArraysError("an array is built in an unusual way")
    return np.empty(0, dtype=np.int8)  # numpy then sets its shape, its type and its bytes, and compares their sizes


def _dtype(code: object, *_: object) -> np.dtype[Any]:
    if code not in _NUMBERS:
        raise NotArraysError(f"numbers of type {code!r}")
    return np.dtype(str(code))


def _check(content: object) -> None:
    if isinstance(content, Mapping):
        for key, value in content.items():
            if not isinstance(key, str):
                raise NotArraysError(f"the key {key!r}")
            _check(value)
    elif not isinstance(content, np.ndarray):
        raise NotArraysError(f"it holds {type(content).__name__}")
