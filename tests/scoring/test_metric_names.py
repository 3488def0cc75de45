"""Names and options read from source are the registered ones, and wrong ones are refused with the likeliest meant."""

import re
import sys

import pytest

from replication.errors import CommandError
from replication.metrics import registry
from replication.scoring import metric_names


def test_what_the_source_gives_is_what_is_registered() -> None:
    found = metric_names._registered()
    assert set(found.options) <= set(registry.names())
    for name, options in found.options.items():
        assert list(options or []) == list(registry._entry(name).options or {})
    for name in set(registry.names()) - set(found.options):
        assert any(re.fullmatch(pattern, name) for pattern in found.patterns), name


@pytest.fixture
def before_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "replication.metrics")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SSIM", "unknown metric 'SSIM'; did you mean ssim?"),
        ("MSSSIM(k1=0.1)", "unknown metric 'MSSSIM'; did you mean ms-ssim?"),
        ("pnsr", "unknown metric 'pnsr'; did you mean psnr"),
        ("qqqq", "unknown metric 'qqqq' (`python -m replication metrics` lists them)"),
        ("ssim(color=gray)", "metric 'ssim' has no option 'color'; known: colour, .*; did you mean colour"),
        ("ssim(k1=0.1, sigm=2)", "metric 'ssim' has no option 'sigm'; .*; did you mean sigma"),
    ],
)
def test_a_wrong_name_or_option_is_refused(before_import: None, text: str, said: str) -> None:
    with pytest.raises(CommandError, match="^" + said.replace("(`", r"\(`").replace("them)", r"them\)")):
        metric_names.refuse_unknown("psnr", text)


@pytest.mark.parametrize("text", [*registry.names(), "LPIPS", "lpips-x", "ssim(colour='a, b=c')", "", "ssim(", "(x"])
def test_what_is_not_certain_passes(before_import: None, text: str) -> None:
    metric_names.refuse_unknown(text)


def test_a_metric_registered_elsewhere_passes() -> None:
    metric_names.refuse_unknown("of-my-own")
