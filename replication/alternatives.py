"""Texts that stand for several: "psnr+smic(projections={8|32})" is two metrics, of different K."""

import itertools
import re


def alternatives(text: str) -> list[str]:
    """A text for each choice among what stands in braces, "{a|b}"; the last brace varies fastest."""
    parts = re.split(r"\{([^{}]*)\}", text)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]
