"""Numbers as text, written the same way on every page: signs, intervals, p-values."""

import math

ALPHA = 0.05
"""Level of every test of significance in the suite."""

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"


def minus(text: str) -> str:
    """The text of numbers with the sign for minus in place of every hyphen."""
    return text.replace("-", MINUS)


def number(value: object, form: str = ".3f") -> str:
    """A number in the given format, a dash where there is none (None, NaN, text)."""
    if not isinstance(value, float) or math.isnan(value):
        return MISSING
    return minus(format(value, form))


def signed(value: float, decimals: int = 3) -> str:
    """A difference with its sign: +0.012."""
    return minus(f"{value:+.{decimals}f}")


def signed_interval(value: float, low: float, high: float, decimals: int = 3) -> str:
    """A difference and the ends of its interval: +0.012 [+0.010, +0.015]."""
    return f"{signed(value, decimals)} [{signed(low, decimals)}, {signed(high, decimals)}]"


def p_value(value: float) -> str:
    """A p-value with two significant digits, or that it is below one in ten thousand."""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def p_equals(value: float) -> str:
    """`p_value` as part of a sentence: p = 0.012, or p < 0.0001."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
