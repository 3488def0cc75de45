"""Fixtures for all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from replication.torchvision_compat import make_importable

make_importable()  # torchmetrics and piq, which values are compared with, import torchvision

ROOT = Path(__file__).resolve().parents[1]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where torch finds no CUDA device."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU")


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("set5")` is that folder of the data root; where it is absent, the test is skipped and says so."""
    root = Path(os.environ.get("REPLICATION_DATA") or ROOT / "data")

    def folder(name: str) -> Path:
        path = root / name
        if not path.exists():
            pytest.skip(f"REAL DATA ABSENT: no {name} under the data root (set REPLICATION_DATA)")
        return path

    return folder


@pytest.fixture(autouse=True)
def _at_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests find the project from wherever pytest was started."""
    monkeypatch.chdir(ROOT)
