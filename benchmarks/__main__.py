"""`python -m benchmarks [ssim | lwssim | mad | mic | msds | smic]`: speed beside other libraries, ssim by default.

`python -m benchmarks memory`: peak memory of every metric by the size of the image.
"""

import sys

from benchmarks import footprint, lwssim, mad, mic, msds, smic, ssim

_MAINS = {
    "ssim": ssim.main,
    "lwssim": lwssim.main,
    "mad": mad.main,
    "mic": mic.main,
    "msds": msds.main,
    "smic": smic.main,
    "memory": lambda: footprint.main(sys.argv[2:]),
}

_MAINS[sys.argv[1] if sys.argv[1:] and sys.argv[1] in _MAINS else "ssim"]()
