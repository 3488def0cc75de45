"""The package: a metric is one file, and importing it is light."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import replication
from replication import metrics
from replication.metrics import registry

PACKAGE = Path(replication.__file__).parent
HEAVY = ("torchvision", "torchmetrics", "piq", "matplotlib", "lightning", "pytorch_lightning", "dask", "dvc", "pandas")

METRIC = '''"""Mean absolute error."""

from torch import Tensor

from replication.metrics.registry import metric


@metric("mean-absolute-error", higher_is_better=False)
def mean_absolute_error(reference: Tensor, distorted: Tensor, *, scale: float = 1.0) -> Tensor:
    """Mean of scale |x - y| of each image, shape (N,)."""
    return scale * (reference - distorted).abs().mean(dim=(1, 2, 3))
'''


def run(code: str, folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_metric_is_added_by_one_file(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "replication", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "replication" / "metrics" / "added.py").write_text(METRIC)
    code = (
        "import torch; from replication import metrics; x = torch.zeros(1, 3, 8, 8);"
        "print(metrics.create('mean-absolute-error', scale=3.0)(x, x + 0.5).item(),"
        "metrics.registry.module_of('mean-absolute-error'))"
    )
    assert run(code, tmp_path) == "1.5 replication.metrics.added"


def test_a_metric_in_a_module_outside_the_package_is_known_once_that_is_imported(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(METRIC)
    code = (
        f"import sys; sys.path.append({str(PACKAGE.parent)!r}); from replication import metrics;"
        "before = 'mean-absolute-error' in metrics.names(); import mine;"
        "print(before, 'mean-absolute-error' in metrics.names(), metrics.registry.module_of('mean-absolute-error'))"
    )
    assert run(code, tmp_path) == "False True mine"


def test_importing_the_metrics_imports_nothing_heavy() -> None:
    code = f"import sys, replication.metrics; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code, PACKAGE.parent) == "[]"


def test_every_metric_is_registered_in_a_file_of_the_package() -> None:
    own = [name for name in metrics.names() if registry.module_of(name).startswith("replication.metrics.")]
    assert {"psnr", "ssim", "ms-ssim", "gmsd", "lpips-vgg", "dists+smic"} <= set(own)
    assert registry.module_of("psnr") == "replication.metrics.psnr"
    assert registry.module_of("ms-ssim") == "replication.metrics.ssim"
    assert registry.module_of("dists+smic") == "replication.metrics.smic"
    assert registry.module_of("lpips-alex") == "replication.metrics.lpips"


def test_functions_keep_their_names_beside_modules_of_the_same_name() -> None:
    assert callable(metrics.ssim)
    assert callable(metrics.psnr)
    assert metrics.psnr.__module__ == "replication.metrics.psnr"


def test_a_metric_is_shown_as_its_name_and_protocol() -> None:
    shown = repr(metrics.create("gmsd", colour="y"))
    assert shown == str(metrics.create("gmsd", colour="y")) == "gmsd (colour: y, eight_bit: True, reduction: none)"
