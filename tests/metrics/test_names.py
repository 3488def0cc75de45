"""Metrics written as text."""

import math
import random
import struct

import pytest

from replication.metrics import create
from replication.metrics.names import parse


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("ssim", "ssim", {}),
        ("lpips-vgg+smic", "lpips-vgg+smic", {}),
        (" ssim ( colour=gray,reduction=2004 ) ", "ssim", {"colour": "gray", "reduction": 2004}),
        ("m(weights=[0.5, .5], eight_bit=true)", "m", {"weights": [0.5, 0.5], "eight_bit": True}),
        ("m(taps=[fire3, fire5], weighting=none)", "m", {"taps": ["fire3", "fire5"], "weighting": "none"}),
        ("m(a=1e-10, b=1e-2, c=-3, d=+4E2, e=5.)", "m", {"a": 1e-10, "b": 0.01, "c": -3, "d": 400.0, "e": 5.0}),
        (
            "m(a='2004', b=\"x, (y)\", c=x=y, d=a b, e=1_000)",
            "m",
            {"a": "2004", "b": "x, (y)", "c": "x=y", "d": "a b", "e": "1_000"},
        ),
        ("m(empty=[])", "m", {"empty": []}),
        ("m(a=nan, b=inf, c=null)", "m", {"a": "nan", "b": "inf", "c": "null"}),
    ],
)
def test_name_and_options_are_read(text: str, name: str, options: dict[str, object]) -> None:
    found = parse(text)
    assert found == (name, options)
    assert [type(value) for value in found[1].values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize(
    "text",
    ["", "ssim(", "ssim(gray)", "ssim(colour=[)", "a b", "ssim(colour=gray) x", "m(a=[1, [2]])", "m(a=)", "m(a='b)"],
)
def test_what_is_no_metric_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no metric; write it as NAME or as NAME"):
        parse(text)


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="gives the option k1 twice"):
        parse("ssim(k1=0.01, k1=0.5)")


@pytest.mark.parametrize("brackets", ["[" * 3000, "[" * 3000 + "]" * 3000, "(" * 3000])
def test_nested_brackets_are_one_short_sentence(brackets: str) -> None:
    with pytest.raises(ValueError, match="is no metric") as refused:
        parse(f"ssim(k1={brackets})")
    assert len(str(refused.value)) < 300


def test_every_number_is_read_as_that_number() -> None:
    generator = random.Random(0)
    for _ in range(1000):
        (number,) = struct.unpack("d", generator.randbytes(8))  # all magnitudes alike
        if math.isfinite(number):
            assert parse(f"m(x={number!r})")[1]["x"] == number


def test_any_text_is_a_metric_or_one_line() -> None:
    generator = random.Random(0)
    for _ in range(3000):
        text = "".join(generator.choices("ab1.=,()[]'\" \n\0é", k=generator.randrange(12)))
        for written in (text, f"m({text})", f"m(x={text})"):
            try:
                name, options = parse(written)
            except ValueError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert name
                assert all(option.isidentifier() or option[0].isdigit() for option in options)


def test_numbers_reach_the_metric() -> None:
    for text in ("psnr(epsilon=1e-10)", "ssim(k1=1e-2)"):
        name, options = parse(text)
        assert options.items() <= create(name, **options).protocol.items()
