"""`python -m benchmarks [ssim | lwssim | mad | mic | msds | smic]`: speed beside other libraries, by default of ssim.

`python -m benchmarks memory`: peak memory of every metric by the size of the image.

`python -m benchmarks faults`: damaged inputs and killed work.

`python -m benchmarks device`: tests, agreement, speed and training on a GPU, within ten minutes.
"""

import importlib
import sys

_OWN = ("ssim", "lwssim", "mad", "mic", "msds", "smic", "faults", "device")
_NAMES = {name: name for name in _OWN} | {"memory": "footprint"}

name = sys.argv.pop(1) if sys.argv[1:] and sys.argv[1] in _NAMES else "ssim"  # the rest is the benchmark's own
importlib.import_module(f"benchmarks.{_NAMES[name]}").main()
