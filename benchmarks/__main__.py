"""`python -m benchmarks [ssim | lwssim | mad | mic | msds | smic]`: speed beside other libraries, by default of ssim.

`python -m benchmarks memory`: peak memory of every metric by the size of the image.

`python -m benchmarks faults`: damaged inputs and killed work.
"""

import importlib
import sys

_NAMES = {name: name for name in ("ssim", "lwssim", "mad", "mic", "msds", "smic", "faults")} | {"memory": "footprint"}

name = sys.argv[1] if sys.argv[1:] and sys.argv[1] in _NAMES else "ssim"
sys.argv[1:2] = []  # the rest is the benchmark's own
importlib.import_module(f"benchmarks.{_NAMES[name]}").main()
