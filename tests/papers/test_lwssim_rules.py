"""Rules of paper 2: its own printed numbers reproduce its claims, numbers that refute it do not."""

import re
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
import pytest

from replication.papers.lwssim import celeba, luminance, rules
from replication.papers.lwssim.basis import FORMULAE, HALF_SIZE, of_faces
from replication.papers.lwssim.celeba_networks import row_name
from replication.reporting import published
from replication.reporting.adequacy import Gate
from replication.reporting.verdicts import judged
from tests.papers.test_lwssim_celeba import MODELS, of_all, scores

WORDS = {  # what the paper says without numbers: mean of each loss's training, in every model
    "detail": {"mse": 0.3, "ssim": 0.4, "lwssim": 0.45},  # "less blurry", "higher levels of detail"
    "chroma": {"mse": 18.0, "ssim": 15.0, "lwssim": 18.0},  # "less vibrant colors", "preserving the color vibrancy"
    "chroma_error": {"mse": 6.0, "ssim": 8.0, "lwssim": 6.0},
}
CONFIRMED = pd.DataFrame(  # a product to which contrast is nothing, and a sum that sees it
    {"contrast": [1.0, 0.4, 0.0], "l": 1.0, "product": [1.0, 0.98, 0.95], "sum": [2.0, 1.7, 1.1]}
)


def exact(changes: Mapping[tuple[str, str, str], float] | None = None) -> pd.DataFrame:
    """Differences of the printed table and of WORDS, without any uncertainty.

    changes: (figure, model, loss) -> the mean in place of the printed one.
    """
    table = published.values("lwssim", "celeba").set_index(["row", "statistic"])["value"]
    rows = []
    for figure in ("ssim", "mse", *WORDS):
        for model in MODELS:
            means = {
                loss: table[row_name(model, loss), figure.upper()] if figure not in WORDS else WORDS[figure][loss]
                for loss in ("mse", "ssim", "lwssim")
            }
            means |= {loss: value for (f, m, loss), value in (changes or {}).items() if (f, m) == (figure, model)}
            for first, second in celeba.PAIRS:
                mean = means[first] - means[second]
                rows.append((figure, model, first, second, mean, mean, mean, 0.0, 3, 3, 1000))
    columns = ["figure", "model", "first", "second", "mean", "low", "high", "p_holm", "agree", "seeds", "n"]
    return pd.DataFrame(rows, columns=columns)


def verdicts(differences: pd.DataFrame, contrast: pd.DataFrame = CONFIRMED) -> dict[str, str]:
    found = rules.outcomes(differences, contrast)
    assert not any(re.search(r"\bnan\b", evidence) for _, evidence in found.values())
    return {claim: verdict for claim, (verdict, _) in found.items()}


def test_every_claim_has_a_dated_rule_in_words_and_one_in_code() -> None:
    claims = published.claims("lwssim")
    assert set(claims["claim"]) == set(rules.outcomes(exact(), CONFIRMED))
    assert (claims["rule"] != "").all()
    assert set(claims["fixed"]) == {str(date(2026, 11, 28))}


def test_the_papers_own_numbers_reproduce_all_of_its_claims() -> None:
    assert set(verdicts(exact()).values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("ssim-beats-mse", {("ssim", model, "lwssim"): 0.5 for model in ("ae", "vae")}),
        ("outperforms-ssim", {("ssim", "ae", "lwssim"): 0.85}),
        ("outperforms-ssim", {("mse", model, "lwssim"): 0.03 for model in MODELS}),
        ("less-blurry", {("detail", "mmd_ae", "ssim"): 0.2}),
        ("less-blurry", {("detail", "mmd_ae", "lwssim"): 0.35}),
        ("mse-lower-than-ssim", {("mse", model, "lwssim"): 0.03 for model in MODELS}),
        ("mse-often-lowest", {("mse", model, "lwssim"): 0.03 for model in MODELS}),
        ("colour", {("chroma", model, "ssim"): 19.0 for model in MODELS}),  # SSIM training loses nothing
        ("colour", {("chroma", model, "lwssim"): 16.0 for model in MODELS}),  # LWSSIM training does not keep it
        ("colour", {("chroma_error", model, "lwssim"): 9.0 for model in MODELS}),  # vivid, but wrong
    ],
)
def test_numbers_that_refute_a_claim_do_not_reproduce_it(
    claim: str, changes: dict[tuple[str, str, str], float]
) -> None:
    assert verdicts(exact(changes))[claim] == "not reproduced"


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("ssim-beats-mse", {("ssim", "ae", "lwssim"): 0.5}),
        ("outperforms-ssim", {("ssim", "ae", "lwssim"): 0.86}),
        ("less-blurry", {("detail", "ae", "ssim"): 0.2}),
        ("mse-lower-than-ssim", {("mse", "vae", "lwssim"): 0.03}),
        ("colour", {("chroma", "ae", "ssim"): 19.0}),
    ],
)
def test_one_exception_is_close(claim: str, changes: dict[tuple[str, str, str], float]) -> None:
    assert verdicts(exact(changes))[claim] == "close"


def test_the_luminance_argument_is_refuted_by_the_formulae_and_could_be_confirmed() -> None:
    table = luminance.contrast_table()
    assert verdicts(exact(), table)["luminance-argument"] == "not reproduced"
    kept = table.assign(product=table["l"])  # had the product no contrast term
    assert verdicts(exact(), kept)["luminance-argument"] == "reproduced"
    half = table.assign(product=1 - (1 - table["product"]) / 1.5)
    assert verdicts(exact(), half)["luminance-argument"] == "close"
    seen = kept.assign(l=np.linspace(1, 0.5, len(kept)))  # a luminance term that compares more than means
    assert verdicts(exact(), seen)["luminance-argument"] == "not reproduced"


class TestSignificance:
    def test_no_difference_reproduces_nothing(self) -> None:
        found = verdicts(celeba.differences(scores(noise=0.01)))
        del found["luminance-argument"]
        assert set(found.values()) == {"not reproduced"}

    def test_a_seed_of_the_other_sign_makes_a_difference_not_significant(self) -> None:
        table = scores(of_all("lwssim", ssim=0.1, mse=-0.01))
        table.loc[(table["seed"] == 2) & (table["loss"] == "lwssim"), ["ssim", "mse"]] += [-0.15, 0.015]
        found = verdicts(celeba.differences(table))
        assert found["ssim-beats-mse"] == "not reproduced"
        assert found["mse-often-lowest"] == "close"  # lower on average, not significantly

    def test_without_all_models_nothing_about_networks_is_judged(self) -> None:
        found = verdicts(celeba.differences(scores(models=("ae", "vae"))))
        assert {claim for claim, verdict in found.items() if verdict != "not run"} == {"luminance-argument"}


class TestBasis:
    def test_other_images_and_training_that_fails_its_gates_test_nothing(self) -> None:
        basis = of_faces({"source": "crops"}, "squares of photos", [Gate("flat", False, "5 %"), Gate("seeds", True)])
        assert basis.untested("value") == "stand-in images (squares of photos); conditions of training not met: flat"
        rows = judged("lwssim", rules.outcomes(exact(), CONFIRMED), {"colour": basis, "luminance-argument": FORMULAE})
        by_claim = rows.set_index("claim")
        assert by_claim.loc["colour", ["verdict", "says"]].tolist() == ["not tested", "supports"]
        assert by_claim["verdict"]["luminance-argument"] == "reproduced"

    @pytest.mark.parametrize(("official", "images"), [(True, "exact part"), (False, "stand-in")])
    def test_faces_of_half_size_stand_in_for_the_official_ones(
        self, monkeypatch: pytest.MonkeyPatch, official: bool, images: str
    ) -> None:
        monkeypatch.setattr("replication.papers.lwssim.basis.of_official_size", lambda folder: official)
        basis = of_faces({"source": "faces", "folder": "celeba"}, "CelebA", [])
        assert basis.images == images
        assert (HALF_SIZE in basis.untested("claim")) == (not official)
