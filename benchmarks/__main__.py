"""`python -m benchmarks [ssim | mad | mic]`: the metrics' speed beside other libraries; ssim unless told otherwise."""

import sys

from benchmarks import mad, mic, ssim

_MAINS = {"ssim": ssim.main, "mad": mad.main, "mic": mic.main}

_MAINS[sys.argv[1] if sys.argv[1:] and sys.argv[1] in _MAINS else "ssim"]()
