"""Paper 2: verdicts on what it says of its loss, each with its rule."""

import pandas as pd

from replication.papers.lwssim.celeba import COMPARED, PAPER, difference_words
from replication.papers.lwssim.celeba_networks import LOSSES, MODELS, loss_title, row_name
from replication.reporting.numbers import ALPHA
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.training.losses import title

FIGURE_MODEL = "mmd_ae"  # Figure 1 shows reconstructions of this one

RULES = {
    "significant": (
        "A difference is significant if its 95 % interval over test images (of the mean over seeds) excludes zero, its "
        f"p (Wilcoxon signed-rank, Holm's correction over all comparisons of the figure) is below {ALPHA}, and every "
        "seed has its sign."
    ),
    "ssim-beats-mse": (
        "SSIM with LWSSIM training minus SSIM with MSE training. Reproduced: significantly above zero in all three "
        "models. Close: significantly in two of the three. Otherwise not reproduced; not run unless all three were "
        "trained with both."
    ),
    "mse-lower-than-ssim": "The same rule for MSE: LWSSIM training significantly below SSIM training.",
    "mse-often-lowest": (
        "MSE with LWSSIM training minus MSE with MSE training. The paper's table has it lower in two of three models. "
        "Reproduced: significantly below zero in two of the three at least. Close: below zero in two, not "
        "significantly. Otherwise not reproduced."
    ),
    "colour": (
        "By two figures, chroma error and vibrancy (mean C*). Reproduced: in all three models the chroma error is "
        "significantly larger and the vibrancy significantly lower with SSIM training than with LWSSIM training (SSIM "
        "loses colour), and the vibrancy with LWSSIM training is not significantly lower than with MSE training "
        "(LWSSIM preserves it). Close: against LWSSIM, one of the two, the other not significantly the other way, in "
        "two models or in "
        f"{MODELS[FIGURE_MODEL]}, the model of Figure 1. Otherwise not reproduced."
    ),
    "luminance-argument": (
        "An error of luminance is masked in a window if the score's derivative by the luminance term is below half of "
        "what it is in the sum, where it is 1. In the product it is c s, so that algebra says where luminance is "
        "masked; how much is measured. Windows are those of all test images and their reconstructions by the networks "
        "of the first seed. Reproduced: more windows are masked among the half with higher c s than among the other "
        "half, in most of the rows. Otherwise not reproduced: the statement is about where luminance is masked. The "
        "evidence adds what one would expect of it, whether errors of brightness are larger with SSIM training."
    ),
}


def judge_claims(differences: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Verdicts: paper, claim, verdict, evidence. RULES says how each is reached.

    differences: of `celeba.differences`. windows: of `luminance.summary`.
    """
    verdicts = {
        "ssim-beats-mse": _over_models(differences, "ssim", "mse", +1),
        "mse-lower-than-ssim": _over_models(differences, "mse", "ssim", -1),
        "mse-often-lowest": _often(differences),
        "colour": _colour(differences),
        "luminance-argument": _luminance(windows, differences),
    }
    about = _on(differences)
    rows = [
        (PAPER, claim, verdict, evidence if verdict == NOT_RUN else f"{about} {evidence}")
        for claim, (verdict, evidence) in verdicts.items()
    ]
    return pd.DataFrame(rows, columns=["paper", "claim", "verdict", "evidence"])


def significant_sign(differences: pd.DataFrame) -> pd.Series:
    """1 or -1 for each difference that is significantly above or below zero, else 0; see RULES["significant"]."""
    above, below = differences["low"] > 0, differences["high"] < 0
    tested = (differences["p_holm"] < ALPHA) & (differences["agree"] == differences["seeds"])
    return (above.astype(int) - below.astype(int)) * tested.astype(int)


def _select(differences: pd.DataFrame, figure: str, other: str) -> pd.DataFrame:
    """LWSSIM training minus `other` training, a row for each model, with its `significant_sign` as `sign`."""
    of_figure = differences[(differences["figure"] == figure) & (differences["model"].isin(MODELS))]
    rows = of_figure[(of_figure["first"] == "lwssim") & (of_figure["second"] == other)]
    return rows.assign(sign=significant_sign(rows))


def _lacking(*tables: pd.DataFrame) -> str:
    missing = [name for model, name in MODELS.items() if any(model not in set(table["model"]) for table in tables)]
    return f"not run: {', '.join(missing)} not trained with both losses" if missing else ""


def _over_models(differences: pd.DataFrame, figure: str, other: str, sign: int) -> tuple[str, str]:
    rows = _select(differences, figure, other)
    if reason := _lacking(rows):
        return NOT_RUN, reason
    won = int((rows["sign"] == sign).sum())
    verdict = REPRODUCED if won == len(MODELS) else CLOSE if won > len(MODELS) / 2 else NOT_REPRODUCED
    direction = "higher" if sign > 0 else "lower"
    return (
        verdict,
        f"{_title(figure, other)}: significantly {direction} in {won} of {len(MODELS)} models: {_each(rows)}.",
    )


def _often(differences: pd.DataFrame) -> tuple[str, str]:
    rows = _select(differences, "mse", "mse")
    if reason := _lacking(rows):
        return NOT_RUN, reason
    found, lower, half = int((rows["sign"] < 0).sum()), int((rows["mean"] < 0).sum()), len(MODELS) / 2
    verdict = REPRODUCED if found > half else CLOSE if lower > half else NOT_REPRODUCED
    return verdict, f"{_title('mse', 'mse')}: significantly lower in {found} of {len(MODELS)} models: {_each(rows)}."


def _colour(differences: pd.DataFrame) -> tuple[str, str]:
    error, vibrancy = _select(differences, "chroma_error", "ssim"), _select(differences, "chroma", "ssim")
    kept = _select(differences, "chroma", "mse")
    if reason := _lacking(error, vibrancy, kept):
        return NOT_RUN, reason
    # LWSSIM minus SSIM: the claim is that errors are smaller and colours more vibrant
    signs = pd.DataFrame({"error": -error.set_index("model")["sign"], "vibrancy": vibrancy.set_index("model")["sign"]})
    full = (signs == 1).all(axis=1)
    part = (signs == 1).any(axis=1) & (signs >= 0).all(axis=1)
    if full.all() and (kept["sign"] >= 0).all():
        verdict = REPRODUCED
    else:
        verdict = CLOSE if part[FIGURE_MODEL] or part.sum() > len(MODELS) / 2 else NOT_REPRODUCED
    compared = (("chroma_error", "ssim", error), ("chroma", "ssim", vibrancy), ("chroma", "mse", kept))
    return verdict, " ".join(f"{_title(figure, other)}: {_each(rows)}." for figure, other, rows in compared)


def _luminance(windows: pd.DataFrame, differences: pd.DataFrame) -> tuple[str, str]:
    names = {row_name(model, loss) for model in MODELS for loss in LOSSES}
    rows = windows[windows["row"].isin(names)]
    brightness = _select(differences, "mse_brightness", "ssim")
    if reason := _lacking(brightness):
        return NOT_RUN, reason
    where_high = (rows["masked_upper"] > rows["masked_lower"]).mean() > 0.5
    verdict = REPRODUCED if where_high else NOT_REPRODUCED
    others = windows[windows["row"].map(loss_title) == ""]
    before = "".join(f", {row['kept']:.0%} for the {row['row']}" for row in others.to_dict("records"))
    return verdict, (
        "The product's derivative by luminance is c s: luminance is masked where contrast and structure are poor, the "
        "opposite of the statement; the sum's is 1 everywhere. Masked windows of reconstructions: "
        f"{_range(rows['masked_upper'])} in the half where c s is higher, {_range(rows['masked_lower'])} in the other. "
        f"The product keeps {_range(rows['kept'])} of luminance's pull{before}. "
        f"{_title('mse_brightness', 'ssim')}: {_each(brightness)}."
    )


def _on(differences: pd.DataFrame) -> str:
    images, seeds = differences[["n", "seeds"]].max() if len(differences) else (0, 0)
    return f"{images:,.0f} test images, {seeds:.0f} seed{'' if seeds == 1 else 's'}."


def _title(figure: str, other: str) -> str:
    name = COMPARED[figure]
    return f"{name[0].upper()}{name[1:]}, LWSSIM minus {title(other)} training"


def _each(rows: pd.DataFrame) -> str:
    said = []
    for row in rows.to_dict("records"):
        agree = "" if row["agree"] == row["seeds"] else f", the sign in {row['agree']} of {row['seeds']} seeds"
        said.append(f"{MODELS[row['model']]} {difference_words(row)}{agree}")
    return "; ".join(said)


def _range(shares: pd.Series) -> str:
    low, high = f"{shares.min():.0%}", f"{shares.max():.0%}"
    return low if low == high else f"{low} to {high}"
