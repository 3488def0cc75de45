"""`python -m benchmarks [ssim | lwssim | mad | mic | msds | smic]`: speed beside other libraries; ssim unless told."""

import sys

from benchmarks import lwssim, mad, mic, msds, smic, ssim

_MAINS = {
    "ssim": ssim.main,
    "lwssim": lwssim.main,
    "mad": mad.main,
    "mic": mic.main,
    "msds": msds.main,
    "smic": smic.main,
}

_MAINS[sys.argv[1] if sys.argv[1:] and sys.argv[1] in _MAINS else "ssim"]()
