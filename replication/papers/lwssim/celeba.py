"""Paper 2, table 1: autoencoders trained with MSE, SSIM, LWSSIM and any other loss, compared on held-out images.

Figures are those of `scoring.colour_reconstructions`. A row is a model and a loss; where several seeds were trained, an
image's figure is the mean over them, intervals come from resampling images, and seeds have a table of their own.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from replication.datasets.stacks import Stack
from replication.evaluation import bootstrap_mean, bootstrap_statistic, compare_paired, holm
from replication.evaluation.seeds import over_seeds
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim.celeba_networks import LOSSES, MODELS, Key, row_name
from replication.progress import progress
from replication.reporting.losses import holm_by_family, pairs
from replication.reporting.numbers import signed_interval
from replication.reporting.verdicts import VALUE_COLUMNS
from replication.scoring.colour_reconstructions import FIGURES, measure
from replication.scoring.errors import ScoringError
from replication.training.trained import Trained

PAPER, TABLE, COLUMN = "lwssim", "celeba", "CelebA 64"
PAIRS = (("lwssim", "mse"), ("lwssim", "ssim"), ("ssim", "mse"))
COMPARED = {
    "ssim": "SSIM",
    "mse": "MSE",
    "chroma_error": "chroma error",
    "chroma": "vibrancy (mean C*)",
    "lightness_error": "lightness error",
    "mse_brightness": "MSE due to brightness",
    "mse_interior": "MSE, interior",
    "mse_border": "MSE, border",
    "detail": "correlation of fine detail",
}
"""Figures by which losses are compared; Holm's correction is over the comparisons of one of them."""
SHARES = ("brightness", "contrast")  # of the mean squared error
DECIMALS = {
    **dict.fromkeys(["ssim", "detail"], 4),
    **dict.fromkeys(["mse", "mse_brightness", "mse_interior", "mse_border"], 5),
    **dict.fromkeys(["chroma_error", "chroma", "lightness_error"], 2),
}


def measure_variants(
    trained: Mapping[Key, Trained[Autoencoder]], variants: Mapping[str, Trained[Autoencoder] | str], images: Stack
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame | str]]:
    """`measure` of the training that variants differ from in their options alone, and of each variant.

    Where the AE was trained with SSIM and the same seed, it is among the variants: what all of LWSSIM's choices change.
    Raises ScoringError if that training, the AE with LWSSIM and the variants' seed 0, is not among the trained.
    """
    default = Key("ae", "lwssim", 0)
    if default not in trained:
        raise ScoringError(f"variants are compared with {default.folder}, which is not trained: add it to params.yaml")
    beside = {"SSIM training": trained[ssim]} if (ssim := Key("ae", "ssim", 0)) in trained else {}
    wanted = {**beside, **variants}
    measured = {name: v if isinstance(v, str) else measure(v.network, images) for name, v in wanted.items()}
    return measure(trained[default].network, images), measured


def score(trained: Mapping[Key, Trained[Autoencoder]], images: Stack) -> pd.DataFrame:
    """`colour_reconstructions.measure` of every network: model, loss, seed, image and FIGURES."""
    parts = []
    with progress("reconstructions", len(trained), 0, "networks") as advance:
        for key, run in trained.items():
            table = measure(run.network, images)
            parts.append(table.assign(model=key.model, loss=key.loss, seed=key.seed))
            advance(1)
    return pd.concat(parts, ignore_index=True)[["model", "loss", "seed", "image", *FIGURES]]


def image_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Each image's figures, mean over seeds: model, loss, image and FIGURES."""
    return scores.groupby(["model", "loss", "image"], sort=False)[list(FIGURES)].mean().reset_index()


def table_values(
    scores: pd.DataFrame, losses: Iterable[str] = LOSSES, *, seed: int = 0, note: str = "", untested: str = ""
) -> pd.DataFrame:
    """Table 1: means over images and seeds, their 95 % interval over both (`evaluation.seeds`), keyed as the paper's.

    losses: the paper's, or others. untested: why they are no test of the published values. Rows that were not trained
    have NaN and the reason.
    """
    rows: list[tuple[Any, ...]] = []
    for statistic, figure in (("SSIM", "ssim"), ("MSE", "mse")):
        found = {
            key: group.pivot(index="image", columns="seed", values=figure)
            for key, group in scores.groupby(["model", "loss"], sort=False)
        }
        for model in MODELS:
            for loss in losses:
                about = (PAPER, TABLE, row_name(model, loss), COLUMN, statistic)
                if (model, loss) in found:
                    values = found[model, loss]
                    mean = over_seeds(bootstrap_mean(values.mean(axis=1), seed=seed), values.mean())
                    rows.append((*about, *mean, len(values), "", untested, note))
                else:
                    reason = "not run: not among models and losses"
                    rows.append((*about, *[float("nan")] * 3, None, "", "", reason))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def seed_table(scores: pd.DataFrame, figure: str) -> pd.DataFrame:
    """A row's mean over images, seed by seed; over seeds the mean, the deviation and its 95 % t interval.

    Columns: row, a column for each seed ("seed 0"), mean, sd, low, high. With one seed there is no deviation.
    """
    rows = []
    for (model, loss), group in scores.groupby(["model", "loss"], sort=False):
        means = group.groupby("seed")[figure].mean()
        n, middle = len(means), float(means.mean())
        sd = float(means.std(ddof=1)) if n > 1 else float("nan")
        half = float(stats.t.ppf(0.975, n - 1)) * sd / n**0.5 if n > 1 else float("nan")
        each = {f"seed {s}": value for s, value in means.items()}
        ends = {"mean": middle, "sd": sd, "low": middle - half, "high": middle + half}
        rows.append({"row": row_name(str(model), str(loss)), **each, **ends})
    return pd.DataFrame(rows)


def protocol_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Effects of the measuring protocol: SSIM on channels and on luminance; the change of both by rounding to 8 bits.

    Columns: row, ssim, ssim_gray, ssim_rounding, mse, mse_rounding (rounded minus not rounded).
    """
    rows = []
    for (model, loss), group in image_means(scores).groupby(["model", "loss"], sort=False):
        m = group[list(FIGURES)].mean()
        rows.append(
            {
                "row": row_name(str(model), str(loss)),
                "ssim": m["ssim"],
                "ssim_gray": m["ssim_gray"],
                "ssim_rounding": m["ssim_8bit"] - m["ssim"],
                "mse": m["mse"],
                "mse_rounding": m["mse_8bit"] - m["mse"],
            }
        )
    return pd.DataFrame(rows)


def colour_table(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Colour and error of each row with 95 % bootstrap intervals over images: row, statistic, value, low, high, n.

    Statistics: lightness error and chroma error (CIELAB); vibrancy, the mean C* of reconstructions / that of originals;
    brightness and contrast, the shares of the mean squared error that are due to them.
    """
    rows = []
    for (model, loss), group in image_means(scores).groupby(["model", "loss"], sort=False):
        found = {
            "lightness error": bootstrap_mean(group["lightness_error"], seed=seed),
            "chroma error": bootstrap_mean(group["chroma_error"], seed=seed),
        }
        ratios = {
            "vibrancy": ("chroma", "chroma_original"),
            **{name: (f"mse_{name}", "mse") for name in SHARES},
        }
        for name, (above, below) in ratios.items():
            found[name] = bootstrap_statistic(_ratio, group[above], group[below], method="percentile", seed=seed)
        rows += [(row_name(str(model), str(loss)), name, *values, len(group)) for name, values in found.items()]
    return pd.DataFrame(rows, columns=["row", "statistic", "value", "low", "high", "n"])


def differences(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Losses of a model compared over the same images, by each of COMPARED: PAIRS, then every extension with each.

    Columns: figure, model, first, second, mean, low, high (first minus second, mean over seeds; 95 % interval over
    images and seeds), effect (matched-pairs rank-biserial), p (Wilcoxon), p_holm (over the tests of a figure among the
    paper's losses, and separately over those of extensions), agree (seeds whose own difference has the sign of the
    mean), seeds, n.
    """
    rows = []
    compared = pairs(PAIRS, dict.fromkeys(scores["loss"]))
    for figure in COMPARED:
        for model, group in scores.groupby("model", sort=False):
            wide = group.pivot(index="image", columns=["loss", "seed"], values=figure)
            for first, second in compared:
                if not {first, second} <= set(wide.columns.get_level_values("loss")):
                    continue
                a, b = (pd.DataFrame(wide.xs(loss, axis=1, level="loss")) for loss in (first, second))
                each = a - b
                result = compare_paired(a.mean(axis=1), b.mean(axis=1), seed=seed)
                agree = int((np.sign(each.mean()) == np.sign(result.difference.estimate)).sum())
                interval = over_seeds(result.difference, each.mean())
                about = (figure, model, first, second, *interval, result.effect, result.p_value)
                rows.append((*about, agree, each.shape[1], result.n))
    columns = ["figure", "model", "first", "second", "mean", "low", "high", "effect", "p", "agree", "seeds", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(9, "p_holm", holm_by_family(table, LOSSES, ["figure"]))
    return table


def difference_words(row: Mapping[Hashable, Any]) -> str:
    """'+0.0123 [+0.0100, +0.0150]', with as many decimals as the row's figure has."""
    return signed_interval(row["mean"], row["low"], row["high"], DECIMALS[row["figure"]])


def variant_table(
    default: pd.DataFrame,
    variants: Mapping[str, pd.DataFrame | str],
    options: Mapping[str, Mapping[str, Any]],
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Trainings with other options of LWSSIM beside the default one, on the same images.

    default, variants: of `colour_reconstructions.measure`, or the reason why there is none.
    Columns: variant, options, figure (ssim, mse, chroma_error), value, mean, low, high (variant minus default, 95 %
    bootstrap over images), p_holm (Wilcoxon, over the variants of a figure), reason.
    """
    rows: list[dict[str, Any]] = []
    for figure in ("ssim", "mse", "chroma_error"):
        base = default.set_index("image")[figure]
        rows.append({"variant": "default", "options": "", "figure": figure, "value": base.mean()})
        for name, table in variants.items():
            row: dict[str, Any] = {"variant": name, "options": words(options.get(name, {})), "figure": figure}
            if isinstance(table, str):
                rows.append({**row, "reason": table})
                continue
            own = table.set_index("image")[figure].loc[base.index]
            result = compare_paired(own, base, seed=seed)
            ends = dict(zip(("mean", "low", "high"), result.difference, strict=True))
            rows.append({**row, "value": own.mean(), **ends, "p": result.p_value})
    columns = ["variant", "options", "figure", "value", "mean", "low", "high", "p", "reason"]
    found = pd.DataFrame(rows).reindex(columns=columns)
    tested = found["p"].notna()
    found.loc[tested, "p_holm"] = found[tested].groupby("figure")["p"].transform(lambda p: holm(p.to_numpy()))
    return found.assign(reason=found["reason"].fillna("")).reindex(columns=[*columns[:7], "p_holm", "reason"])


def spread_over_seeds(scores: pd.DataFrame, model: str, loss: str) -> dict[str, tuple[float, float]]:
    """Least and largest difference of a row's other seeds from its first, by figure, 0 among them; none with one seed.

    What a variant must exceed to be more than another draw of initial weights and batches.
    """
    own = scores[(scores["model"] == model) & (scores["loss"] == loss)]
    means = own.groupby("seed", sort=False)[list(FIGURES)].mean()
    if len(means) < 2:
        return {}
    apart = means - means.iloc[0]
    return {figure: (float(apart[figure].min()), float(apart[figure].max())) for figure in FIGURES}


def words(options: Mapping[str, Any]) -> str:
    """Options in words: 'window_sizes 11, alpha 0.5'."""
    return "; ".join(f"{k} {', '.join(map(str, v)) if isinstance(v, list | tuple) else v}" for k, v in options.items())


def extensions(colours: pd.DataFrame, scores: pd.DataFrame, *, seed: int = 0, note: str = "") -> pd.DataFrame:
    """For the scorecard, what no paper has printed: colour, parts of the error, SSIM on luminance, and other losses.

    The last are the rows of `other_losses`.
    """
    rows = [(PAPER, "colour", row.row, COLUMN, *row[2:6], row.n, "", "", note) for row in colours.itertuples()]
    for (model, loss), group in image_means(scores).groupby(["model", "loss"], sort=False):
        interval = bootstrap_mean(group["ssim_gray"], seed=seed)
        name = row_name(str(model), str(loss))
        rows.append((PAPER, TABLE, name, COLUMN, "SSIM on luminance", *interval, len(group), "", "", note))
    found = pd.DataFrame(rows, columns=VALUE_COLUMNS)
    others = other_losses(scores, seed=seed, note=note)
    return pd.concat([found, others], ignore_index=True) if len(others) else found


def other_losses(scores: pd.DataFrame, *, seed: int = 0, note: str = "") -> pd.DataFrame:
    """Rows as in `table_values` for the losses that the paper does not have; none if there are none."""
    names = [loss for loss in dict.fromkeys(scores["loss"]) if loss not in LOSSES]
    return table_values(scores, names, seed=seed, note=note).dropna(subset="value")


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(above.sum(axis=-1) / below.sum(axis=-1))
