"""Contrast sensitivity functions: sensitivity to a grating by its spatial frequency in cycles per degree.

Only the shape matters to perceptual efficacy, so each function has the scale in which it was published.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mannos_sakrison(frequency: ArrayLike) -> Array:
    """A(f) = 2.6 (0.0192 + 0.114 f) exp(-(0.114 f)^1.1), which peaks near 8 cycles per degree with a value near 1.

    J. L. Mannos, D. J. Sakrison: The effects of a visual fidelity criterion on the encoding of images. IEEE
    Transactions on Information Theory 20 (1974), 525-536.
    """
    f = _frequencies(frequency)
    return 2.6 * (0.0192 + 0.114 * f) * np.exp(-((0.114 * f) ** 1.1))


def movshon_kiorpes(frequency: ArrayLike) -> Array:
    """S(f) = 75 f^0.8 exp(-0.2 f), which peaks at 4 cycles per degree.

    The form is J. A. Movshon and L. Kiorpes': Analysis of the development of spatial contrast sensitivity in monkey and
    human infants. JOSA A 5 (1988), 2166-2172; the constants are those of G. M. Johnson, M. D. Fairchild: On contrast
    sensitivity in an image difference model. IS&T PICS (2002), 18-23.
    """
    f = _frequencies(frequency)
    return 75 * f**0.8 * np.exp(-0.2 * f)


def barten(frequency: ArrayLike, *, luminance: float = 100.0, side: float = 10.0) -> Array:
    """The short form of Barten's model for a luminance L in cd/m2 and a square field of X degrees on each side:

        5200 exp(-0.0016 f^2 (1 + 100/L)^0.08) / sqrt((1 + 144/X^2 + 0.64 f^2) (63/L^0.83 + 1/(1 - exp(-0.02 f^2))))

    P. G. J. Barten: Formula for the contrast sensitivity of the human eye. Proc. SPIE 5294 (2004), 231-238. Zero at 0.
    """
    f = _frequencies(frequency)
    eye = np.exp(-0.0016 * f**2 * (1 + 100 / luminance) ** 0.08)
    inhibition = -np.expm1(-0.02 * f**2)
    field = 1 + 144 / side**2 + 0.64 * f**2
    # multiplied by inhibition above and below, which avoids a division by zero at f = 0
    sensitive: Array = 5200 * eye * np.sqrt(inhibition / (field * (63 / luminance**0.83 * inhibition + 1)))
    return sensitive


def daly(frequency: ArrayLike) -> Array:
    """S(f) = 2.2 (0.192 + 0.114 f) exp(-(0.114 f)^1.1), and 1 up to 6.6 cycles per degree: constant at low frequencies.

    S. Daly: Subroutine for the generation of a two dimensional human visual contrast sensitivity function. Technical
    report 233203Y, Eastman Kodak (1987), as given by T. Mitsa, K. L. Varkur: Evaluation of contrast sensitivity
    functions for the formulation of quality measures incorporated in halftoning algorithms. ICASSP 1993, V-301.
    """
    f = _frequencies(frequency)
    return np.where(f <= 6.6, 1.0, 2.2 * (0.192 + 0.114 * f) * np.exp(-((0.114 * f) ** 1.1)))


CSFS: dict[str, Callable[[ArrayLike], Array]] = {
    "mannos-sakrison": mannos_sakrison,
    "movshon-kiorpes": movshon_kiorpes,
    "barten": barten,
    "daly": daly,
}


def sensitivity(csf: str, frequency: ArrayLike) -> Array:
    """The function of `CSFS` named `csf` at frequencies in cycles per degree. ValueError for an unknown name."""
    if csf not in CSFS:
        raise ValueError(f"unknown contrast sensitivity function {csf!r}; known: {', '.join(CSFS)}")
    return CSFS[csf](frequency)


def peak(csf: str) -> float:
    """The frequency of highest sensitivity in cycles per degree, to 0.01, up to 60; of a plateau, its upper end."""
    grid = np.arange(6000, 0, -1) / 100
    return float(grid[np.argmax(sensitivity(csf, grid))])


def _frequencies(values: ArrayLike) -> Array:
    f = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(f).all() and (f >= 0).all()):
        raise ValueError("frequencies must be finite and not negative, in cycles per degree")
    return f
