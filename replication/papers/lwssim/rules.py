"""Paper 2: what the numbers say of each of its claims. paper.toml has the rules in words."""

import pandas as pd

from replication.papers.lwssim.celeba import COMPARED, difference_words
from replication.papers.lwssim.celeba_networks import MODELS
from replication.reporting.numbers import ALPHA
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.training.losses import title

FIGURE_MODEL = "mmd_ae"  # Figure 1 shows reconstructions of this one
LOW_CONTRAST = 0.4  # of the original's, in the rule on luminance
CONSTANT = 0.01  # l is called constant if it changes by no more
TWICE, MORE = 2.0, 1.1  # how much more the sum must charge for lost contrast than the product

Outcome = tuple[str, str]


def outcomes(differences: pd.DataFrame, contrast: pd.DataFrame) -> dict[str, Outcome]:
    """What the numbers say of every claim, and the evidence; see `verdicts.judged`.

    differences: of `celeba.differences`. contrast: of `luminance.contrast_table`.
    """
    found = {
        "ssim-beats-mse": _over_models(differences, "ssim", "mse", +1),
        "outperforms-ssim": _outperforms_ssim(differences),
        "less-blurry": _less_blurry(differences),
        "mse-lower-than-ssim": _over_models(differences, "mse", "ssim", -1),
        "mse-often-lowest": _often(differences),
        "colour": _colour(differences),
    }
    about = _on(differences)
    for claim, (word, said) in found.items():
        found[claim] = (word, said if word == NOT_RUN else f"{about} {said}")
    return {**found, "luminance-argument": _luminance(contrast)}


def significant_sign(differences: pd.DataFrame) -> pd.Series:
    """1 or -1 for each difference that is significantly above or below zero, else 0.

    Significant: its 95 % interval excludes zero, its p (Wilcoxon, Holm's correction over the comparisons of a figure)
    is below 0.05, and every seed has its sign.
    """
    above, below = differences["low"] > 0, differences["high"] < 0
    tested = (differences["p_holm"] < ALPHA) & (differences["agree"] == differences["seeds"])
    return (above.astype(int) - below.astype(int)) * tested.astype(int)


def _select(differences: pd.DataFrame, figure: str, first: str, second: str) -> pd.DataFrame:
    """`first` training minus `second` training, a row for each model, with its `significant_sign` as `sign`."""
    of_figure = differences[(differences["figure"] == figure) & (differences["model"].isin(MODELS))]
    rows = of_figure[(of_figure["first"] == first) & (of_figure["second"] == second)]
    return rows.assign(sign=significant_sign(rows)).set_index("model")


def _lacking(*tables: pd.DataFrame) -> str:
    missing = [name for model, name in MODELS.items() if any(model not in table.index for table in tables)]
    return f"not run: {', '.join(missing)} not measured with both losses" if missing else ""


def _over_models(differences: pd.DataFrame, figure: str, other: str, sign: int) -> Outcome:
    rows = _select(differences, figure, "lwssim", other)
    if reason := _lacking(rows):
        return NOT_RUN, reason
    won = int((rows["sign"] == sign).sum())
    verdict = REPRODUCED if won == len(MODELS) else CLOSE if won > len(MODELS) / 2 else NOT_REPRODUCED
    direction = "higher" if sign > 0 else "lower"
    return verdict, f"Significantly {direction} in {won} of {len(MODELS)} models. {_said(rows)}"


def _outperforms_ssim(differences: pd.DataFrame) -> Outcome:
    similarity, error = (_select(differences, figure, "lwssim", "ssim") for figure in ("ssim", "mse"))
    if reason := _lacking(similarity, error):
        return NOT_RUN, reason
    signs = pd.concat([similarity.loc[["ae", "mmd_ae"], "sign"], -error["sign"]])
    won = int((signs == 1).sum())
    worse = bool((signs == -1).any())
    verdict = REPRODUCED if won == len(signs) else CLOSE if won == len(signs) - 1 and not worse else NOT_REPRODUCED
    return verdict, f"Significantly better in {won} of the {len(signs)} comparisons. {_said(similarity)} {_said(error)}"


def _less_blurry(differences: pd.DataFrame) -> Outcome:
    against = {
        pair: _select(differences, "detail", *pair) for pair in (("ssim", "mse"), ("lwssim", "mse"), ("lwssim", "ssim"))
    }
    if reason := _lacking(*against.values()):
        return NOT_RUN, reason
    signs = pd.DataFrame({pair: rows["sign"] for pair, rows in against.items()})
    full = (signs["ssim", "mse"] == 1) & (signs["lwssim", "mse"] == 1) & (signs["lwssim", "ssim"] >= 0)
    verdict = REPRODUCED if full.all() else CLOSE if full[FIGURE_MODEL] else NOT_REPRODUCED
    return verdict, f"Holds in {int(full.sum())} of {len(MODELS)} models. {' '.join(map(_said, against.values()))}"


def _often(differences: pd.DataFrame) -> Outcome:
    rows = _select(differences, "mse", "lwssim", "mse")
    if reason := _lacking(rows):
        return NOT_RUN, reason
    found, lower, half = int((rows["sign"] < 0).sum()), int((rows["mean"] < 0).sum()), len(MODELS) / 2
    verdict = REPRODUCED if found > half else CLOSE if lower > half else NOT_REPRODUCED
    return verdict, f"Significantly lower in {found} of {len(MODELS)} models. {_said(rows)}"


def _colour(differences: pd.DataFrame) -> Outcome:
    lost = _select(differences, "chroma", "ssim", "mse")
    regained, kept = (_select(differences, "chroma", "lwssim", other) for other in ("ssim", "mse"))
    error = _select(differences, "chroma_error", "lwssim", "ssim")
    if reason := _lacking(lost, regained, kept, error):
        return NOT_RUN, reason
    loses = lost["sign"] == -1
    keeps = (regained["sign"] == 1) & (kept["sign"] >= 0) & (error["sign"] <= 0)
    full = (loses & keeps).reindex(list(MODELS))
    most = full[FIGURE_MODEL] or full.sum() > len(MODELS) / 2
    verdict = REPRODUCED if full.all() else CLOSE if most else NOT_REPRODUCED
    said = (
        f"SSIM training loses vibrancy in {int(loses.sum())} of {len(MODELS)} models, LWSSIM training keeps it in "
        f"{int(keeps.sum())}."
    )
    return verdict, " ".join([said, *map(_said, (lost, regained, kept, error))])


def _luminance(contrast: pd.DataFrame) -> Outcome:
    lost = {}
    for form in ("l", "product", "sum"):
        values = dict(zip(contrast["contrast"], contrast[form], strict=True))
        lost[form] = float(values[1.0] - values[LOW_CONTRAST])
    constant = contrast["l"].max() - contrast["l"].min() <= CONSTANT
    more = lost["sum"] - TWICE * lost["product"], lost["sum"] - MORE * lost["product"]
    verdict = NOT_REPRODUCED
    if constant and lost["sum"] > CONSTANT:
        verdict = REPRODUCED if more[0] >= 0 else CLOSE if more[1] >= 0 else NOT_REPRODUCED
    return verdict, (
        f"A board and a copy with {LOW_CONTRAST:.0%} of its contrast and equal local means: the luminance term loses "
        f"{abs(lost['l']):.3f}, the product {lost['product']:.3f}, the sum {lost['sum']:.3f}."
    )


def _on(differences: pd.DataFrame) -> str:
    images, seeds = differences[["n", "seeds"]].max() if len(differences) else (0, 0)
    return f"{images:,.0f} test images, {seeds:.0f} seed{'' if seeds == 1 else 's'}."


def _said(rows: pd.DataFrame) -> str:
    """One sentence: what was compared, and the difference in each model."""
    first = rows.iloc[0]
    name = COMPARED[first["figure"]]
    heading = f"{name[0].upper()}{name[1:]}, {title(first['first'])} minus {title(first['second'])} training"
    said: list[str] = []
    for row in rows.reset_index().to_dict("records"):
        agree = "" if row["agree"] == row["seeds"] else f", the sign in {row['agree']} of {row['seeds']} seeds"
        said.append(f"{MODELS[row['model']]} {difference_words(row)}{agree}")
    return f"{heading}: {'; '.join(said)}."
