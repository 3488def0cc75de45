"""Importing torchvision, also where its compiled operators cannot load.

The torchvision wheels on PyPI are built against CUDA. Beside a CPU-only torch their operator library does not load, and
`import torchvision` then fails while it registers shape rules for two detection operators that do not exist;
torchmetrics and piq import torchvision, so they would fail with it. This project uses torchvision's networks only and
never those operators: declaring their signatures is enough, and calling one still fails with torch's own clear error.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import torch

from replication.absent import Absent, AbsentError

_OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[torch.library.Library] = []  # a Library withdraws its operators when it is garbage-collected


def make_importable() -> None:
    """Declare torchvision's missing operators, unless its own library provides them. Safe to call more than once."""
    spec = importlib.util.find_spec("torchvision")
    if _declared or spec is None or spec.origin is None:
        return
    for library in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
    library_ = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    _declared.append(library_)
    for name, signature in _OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            library_.define(signature)  # type: ignore[no-untyped-call]


def torchvision_models() -> ModuleType:
    """Return the module torchvision.models. Raises AbsentError where torchvision is not installed."""
    make_importable()
    try:
        from torchvision import models
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        how = "`pip install torchvision` installs it"
        raise AbsentError(Absent("package", "torchvision", "not installed", how)) from error
    module: ModuleType = models
    return module
