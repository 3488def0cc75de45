"""GMSD against piq, and the memory of large images."""

import importlib
from pathlib import Path

import pytest
import torch

from replication.metrics import gmsd
from tests.metrics.originals import noisy, photo

MODULE = importlib.import_module("replication.metrics.gmsd")  # the package's attribute of that name is the function
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@pytest.mark.parametrize("size", [(64, 80), (63, 81), (64, 81), (5, 6), (256, 256)])
def test_agrees_with_piq_whose_deviation_is_biased(size: tuple[int, int]) -> None:
    import piq

    reference = photo(*size)[:, :1].double()
    distorted = noisy(reference)
    pixels = -(-size[0] // 2) * -(-size[1] // 2)
    if size[0] % 2 != size[1] % 2:  # piq pads both sides where one is odd, and then leaves half a pixel out
        reference, distorted = (
            torch.nn.functional.pad(x, (0, size[1] % 2, 0, size[0] % 2)) for x in (reference, distorted)
        )
    expected = piq.gmsd(distorted, reference, reduction="none") * (pixels / (pixels - 1)) ** 0.5
    # piq adds a small number under the root of the gradient.
    torch.testing.assert_close(gmsd(reference, distorted), expected, rtol=1e-6, atol=1e-9)


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = photo(101, 77).double()
    distorted = noisy(reference)
    expected = gmsd(reference, distorted)
    for pixels in (1, 39, 500):
        monkeypatch.setattr(MODULE, "_STRIP_CPU", pixels)
        torch.testing.assert_close(gmsd(reference, distorted), expected, rtol=1e-12, atol=0)


@pytest.mark.skipif(not CLEAR.exists(), reason="peak memory is read from Linux's /proc")
def test_24_megapixels_in_colour_stay_below_a_gigabyte() -> None:
    from replication import metrics

    created = metrics.create("gmsd")
    reference = torch.rand(1, 3, 4000, 6000)
    distorted = reference.flip(-1)

    def resident(field: str) -> float:
        """In MiB."""
        return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field)) / 1024

    before = resident("VmRSS")
    CLEAR.write_text("5")  # the high-water mark falls to what is resident now
    created(reference, distorted)
    assert resident("VmHWM") - before < 600
