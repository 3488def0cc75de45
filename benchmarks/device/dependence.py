"""MIC per second, and the ten columns of scores weighted by it."""

from collections.abc import Sequence

import torch

from benchmarks.device.part import Cells, Part, Settings
from benchmarks.device.timing import exact_float32, rate
from replication import metrics
from replication.metrics.mic import mic

MEASURES = ("psnr", "ssim", "lpips-vgg", "dists", "deepwsd")
COLUMNS = tuple(f"{measure}+{kind}" for kind in ("smic", "mic") for measure in MEASURES)
ALL = "all ten together"
POINTS, PAIRS = (49, 200), 2**15
IMAGES, HEIGHT, WIDTH = 16, 384, 512


class Measured(Part):
    title = "MIC and SMIC"
    about = (
        "MIC: characteristic matrices per second, one for each pair of Gaussian samples with alpha = 0.5, c = 10; "
        f"{PAIRS:,} pairs at a time. SMIC: distorted versions of one photo of {WIDTH} x {HEIGHT} pixels scored per "
        f"second, {IMAGES} versions at a time, from 8-bit pixels on the host to scores on the host, as scoring does "
        "it; networks have random weights; TF32 off. On the CPU, a trial, sizes are a hundredth."
    )
    headings = ("what", "case", "per second", "unit")
    share = 0.2

    def __init__(self, settings: Settings, seconds: float) -> None:
        exact_float32()
        torch.set_grad_enabled(False)
        self.settings = settings
        self.items = [("MIC", f"{n} points, correlation {rho}") for n in POINTS for rho in ("0.0", "0.5", "0.9")]
        self.items += [("SMIC", name) for name in (*COLUMNS, ALL)]
        self.seconds = min(2.0, 0.3 * seconds / len(self.items))

    def measure(self, item: Cells) -> list[Cells]:
        what, case = item
        if what == "MIC":
            n, rho = int(case.split()[0]), float(case.split()[-1])
            return [(f"{self._matrices(n, rho):.4g}", "matrices")]
        return [(f"{self._images(COLUMNS if case == ALL else (case,)):.4g}", "images")]

    def _matrices(self, n: int, rho: float) -> float:
        count, device = (PAIRS // 100 if self.settings.small else PAIRS), self.settings.device
        x, noise = torch.randn(2, count, n, generator=torch.Generator().manual_seed(0)).to(device)
        y = rho * x + (1 - rho**2) ** 0.5 * noise
        return count * rate(lambda: mic(x, y), device, self.seconds)

    def _images(self, names: Sequence[str]) -> float:
        from benchmarks.smic import ours, photographs

        small, device = self.settings.small, self.settings.device
        count = 1 if small else IMAGES
        reference, distorted = photographs(count)
        if small:
            reference, distorted = reference[:96, :128], [image[:96, :128] for image in distorted]
        created = tuple(metrics.create(name, device=device, weights="random") for name in names)
        return count * rate(lambda: ours(created, reference, distorted, device), device, self.seconds)

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        found = {row[1]: f"{row[2]} {row[3]}/s" for row in rows}
        chosen = {f"{POINTS[0]} points, correlation 0.0": "MIC", ALL: "ten columns"}
        return ", ".join(f"{words} {found[case]}" for case, words in chosen.items() if case in found) or "some rows"
