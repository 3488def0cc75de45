"""`python -m benchmarks [ssim | lwssim | mad | mic | msds | smic]`: speed beside other libraries, by default of ssim.

`python -m benchmarks faults`: damaged inputs and killed work.
"""

import importlib
import sys

_NAMES = ("ssim", "lwssim", "mad", "mic", "msds", "smic", "faults")

importlib.import_module(f"benchmarks.{sys.argv[1] if sys.argv[1:] and sys.argv[1] in _NAMES else 'ssim'}").main()
