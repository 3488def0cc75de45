"""Whether our numbers are a test of a paper's: one rule for all papers.

A number or comparison of ours tests a published one if it was made from the paper's own images or an exact part of
them, with the paper's network and weights, by its protocol, and, where networks were trained, by training that passes
its gates. An exact part of a data set tests claims, which are orders and differences within the same images, but not
values: the correlation or mean of a part is not that of the whole. What is no test is reported all the same, as
supporting or contradicting the paper.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Images = Literal["own", "exact part", "stand-in"]

RULE = (
    "A number of ours tests a published one only if it was made from the paper's own images or an exact part of them, "
    "with the paper's network and weights, by its protocol, and by training that passes its gates (better than a "
    "linear baseline of the same size, a held-out loss that no longer falls at a constant rate, equal capacity). "
    "A part of a data set tests claims, not values, because the correlation or mean of a part is not that of the "
    "whole. A claim about several sets or networks can be refuted on some of them, but reproduced only on all. What is "
    "no test is called not tested, with what the numbers say all the same: supports, inconclusive or contradicts."
)


@dataclass(frozen=True)
class Gate:
    """A condition that training must meet before its result counts.

    name: the condition in words. passed: whether it is met. found: the numbers that show it.
    """

    name: str
    passed: bool
    found: str = ""


@dataclass(frozen=True)
class Basis:
    """What a number rests on, as far as it decides whether it tests a paper.

    images: "own" (the paper's), "exact part" (of them, pixel for pixel) or "stand-in" (any others).
    about: the images in words, such as "229 of LIVE's 779 images".
    network, weights, protocol: what differs from the paper's, in words; empty where nothing does.
    gates: of training; empty where nothing was trained.
    missing: what a claim about several sets or networks also needs; empty where it is complete.
    """

    images: Images
    about: str = ""
    network: str = ""
    weights: str = ""
    protocol: str = ""
    gates: tuple[Gate, ...] = field(default=())
    missing: str = ""

    def untested(self, what: Literal["value", "claim"]) -> str:
        """The reasons why this is no test of a published value or claim, as one text; empty if it is a test."""
        reasons = []
        if self.images == "stand-in":
            reasons.append(f"stand-in images{_about(self.about)}")
        elif self.images == "exact part" and what == "value":
            reasons.append(f"part of the images{_about(self.about)}")
        reasons += [reason for reason in (self.network, self.weights, self.protocol) if reason]
        if failed := [gate.name for gate in self.gates if not gate.passed]:
            reasons.append(f"conditions of training not met: {', '.join(failed)}")
        return "; ".join(reasons)


def combined(bases: Iterable[Basis], missing: str = "") -> Basis:
    """The basis of a claim that rests on several numbers: the weakest in every respect."""
    each = list(bases)
    order: tuple[Images, ...] = ("own", "exact part", "stand-in")
    images: Images = max((basis.images for basis in each), key=order.index, default="stand-in")

    def all_of(name: str) -> str:
        return "; ".join(dict.fromkeys(text for basis in each if (text := getattr(basis, name))))

    gates = tuple(dict.fromkeys(gate for basis in each for gate in basis.gates))
    lacking = "; ".join(dict.fromkeys(text for text in (missing, all_of("missing")) if text))
    return Basis(images, all_of("about"), all_of("network"), all_of("weights"), all_of("protocol"), gates, lacking)


def _about(text: str) -> str:
    return f" ({text})" if text else ""
