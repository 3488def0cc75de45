"""Paper 2, table 1: autoencoders trained with MSE, SSIM and LWSSIM, compared on images they have not seen.

Figures are those of `scoring.colour_reconstructions`. A row is a model and a loss; where several seeds were trained, an
image's figure is the mean over them, intervals come from resampling images, and seeds have a table of their own.
"""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from replication.datasets.stacks import Stack
from replication.evaluation import bootstrap_mean, bootstrap_statistic, compare_paired, holm
from replication.models.autoencoders import Autoencoder
from replication.reporting import published
from replication.reporting.numbers import MISSING, p_value, signed, signed_interval
from replication.reporting.verdicts import VALUE_COLUMNS
from replication.scoring.colour_reconstructions import FIGURES, measure
from replication.scoring.errors import ScoringError
from replication.scoring.progress import progress
from replication.training.autoencoders import choose_prior_weight
from replication.training.trained import Trained

PAPER, TABLE, COLUMN = "lwssim", "celeba", "CelebA 64"
MODELS = {"ae": "AE", "vae": "VAE", "mmd_ae": "MMD AE"}
LOSSES = {"mse": "MSE", "ssim": "SSIM", "lwssim": "LWSSIM"}
PAIRS = (("lwssim", "mse"), ("lwssim", "ssim"), ("ssim", "mse"))
COMPARED = {
    "ssim": "SSIM",
    "mse": "MSE",
    "chroma_error": "chroma error",
    "chroma": "vibrancy (mean C*)",
    "lightness_error": "lightness error",
    "mse_brightness": "MSE due to brightness",
}
"""Figures by which losses are compared; Holm's correction is over the comparisons of one of them."""
SHARES = ("brightness", "contrast")  # of the mean squared error
DECIMALS = {"ssim": 4, "mse": 5, "chroma_error": 2, "chroma": 2, "lightness_error": 2, "mse_brightness": 5}


class Key(NamedTuple):
    """One training."""

    model: str
    loss: str
    seed: int

    @property
    def folder(self) -> str:
        return f"{self.model}-{self.loss}-{self.seed}"


def row_name(model: str, loss: str) -> str:
    """As the paper writes it: 'MMD AE (LWSSIM)'."""
    return f"{MODELS.get(model, model)} ({LOSSES.get(loss, loss)})"


def load(
    folder: Path, models: Iterable[str], losses: Iterable[str], seeds: Iterable[int]
) -> dict[Key, Trained[Autoencoder]]:
    """All trainings, model by model; FileNotFoundError naming the first that is missing and the stage that makes it."""
    keys = [Key(model, loss, int(seed)) for model in models for loss in losses for seed in seeds]
    missing = [key.folder for key in keys if not (folder / key.folder / "network.safetensors").is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(keys)} trained autoencoders are not in {folder.name}, the first is {missing[0]}; "
            f"train them with `dvc repro` (stage {folder.name}), or fetch them with `dvc pull`"
        )
    return {key: Trained.load(folder / key.folder, Autoencoder) for key in keys}


def load_variants(folder: Path, names: Iterable[str]) -> dict[str, Trained[Autoencoder] | str]:
    """The trainings with other options of LWSSIM; where there is none, the reason."""
    found: dict[str, Trained[Autoencoder] | str] = {}
    for name in names:
        there = (folder / name / "network.safetensors").is_file()
        found[name] = Trained.load(folder / name, Autoencoder) if there else f"not run: no network in {folder.name}"
    return found


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


def recipes(trained: Mapping[Key, Trained[Autoencoder]]) -> pd.DataFrame:
    """What each row was trained with; one column for each parameter that may differ, seeds together."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for key, run in trained.items():
        recipe = run.identity["recipe"]
        row = rows.setdefault((key.model, key.loss), {"row": row_name(key.model, key.loss), "seeds": []})
        row["seeds"].append(key.seed)
        row |= {
            "loss options": ", ".join(f"{k} {v}" for k, v in recipe["loss_options"].items()) or "defaults",
            "unit of the loss": run.identity["unit"],
            "prior weight": recipe["prior_weight"] if key.model != "ae" else float("nan"),
            **{name: recipe[name] for name in ("bottleneck", "width", "steps", "batch", "learning_rate")},
            "parameters": sum(p.numel() for p in run.network.parameters()),
        }
    table = pd.DataFrame(rows.values())
    return table.assign(seeds=[", ".join(map(str, seeds)) for seeds in table["seeds"]])


def in_common(table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """What all rows share, in words, and the table without it."""
    same = [column for column in table.columns if table[column].nunique(dropna=False) == 1]
    said = ", ".join(f"{column.replace('_', ' ')} {table[column].iloc[0]}" for column in same)
    return said, table.drop(columns=same)


def histories(trained: Mapping[Key, Trained[Autoencoder]], images: int) -> pd.DataFrame:
    """All training curves: model, loss, seed, epoch (of `images` training images) and the columns of the history."""
    parts = []
    for key, run in trained.items():
        epoch = run.history["step"] * run.identity["recipe"]["batch"] / images
        parts.append(run.history.assign(model=key.model, loss=key.loss, seed=key.seed, epoch=epoch))
    return pd.concat(parts, ignore_index=True)


def flatness(curves: pd.DataFrame, share: float = 0.2) -> pd.DataFrame:
    """How much validation SSIM and MSE still moved in the last `share` of the training, mean over seeds.

    Columns: row, epochs, ssim, ssim_change, mse, mse_change (in percent of the last value).
    """
    rows = []
    for (model, loss), group in curves.groupby(["model", "loss"], sort=False):
        last, before = [], []
        for _, run in group.groupby("seed"):
            earlier = run[run["step"] <= (1 - share) * run["step"].max()]
            last.append(run.iloc[-1])
            before.append(earlier.iloc[-1] if len(earlier) else run.iloc[0])
        end, start = (pd.DataFrame(part).mean(numeric_only=True) for part in (last, before))
        row: dict[str, Any] = {"row": row_name(str(model), str(loss)), "epochs": end["epoch"]}
        for figure in ("ssim", "mse"):
            now, then = end[f"validation_{figure}"], start[f"validation_{figure}"]
            row |= {figure: now, f"{figure}_change": now - then if figure == "ssim" else 100 * (now - then) / now}
        rows.append(row)
    return pd.DataFrame(rows)


def score(trained: Mapping[Key, Trained[Autoencoder]], images: Stack) -> pd.DataFrame:
    """`colour_reconstructions.measure` of every network: model, loss, seed, image and FIGURES."""
    parts = []
    with progress("reconstructions", len(trained), 0, "networks") as advance:
        for key, run in trained.items():
            table = measure(run.network, images)
            parts.append(table.assign(model=key.model, loss=key.loss, seed=key.seed))
            advance(1)
    return pd.concat(parts, ignore_index=True)[["model", "loss", "seed", "image", *FIGURES]]


def over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Each image's figures, mean over seeds: model, loss, image and FIGURES."""
    return scores.groupby(["model", "loss", "image"], sort=False)[list(FIGURES)].mean().reset_index()


def table_values(scores: pd.DataFrame, *, seed: int = 0, note: str = "") -> pd.DataFrame:
    """Table 1: means with their 95 % bootstrap interval over images of the mean over seeds, keyed as the paper's.

    Rows of the paper that were not trained are there with NaN and the reason.
    """
    rows: list[tuple[Any, ...]] = []
    for statistic, figure in (("SSIM", "ssim"), ("MSE", "mse")):
        found = {key: group[figure] for key, group in over_seeds(scores).groupby(["model", "loss"], sort=False)}
        for model in MODELS:
            for loss in LOSSES:
                about = (PAPER, TABLE, row_name(model, loss), COLUMN, statistic)
                if (model, loss) in found:
                    values = found[model, loss]
                    rows.append((*about, *bootstrap_mean(values, seed=seed), len(values), note))
                else:
                    rows.append((*about, *[float("nan")] * 3, None, "not run: not among models and losses"))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def tolerance_words() -> str:
    """How near counts as reproduced and as close, from the published tolerances."""
    limits = published.tolerances()
    own = limits[(limits["paper"] == PAPER) & (limits["table"] == TABLE)]
    said = []
    for row in own.to_dict("records"):
        near, far = (f"{row[k]:.0%}" if row["scale"] == "relative" else f"{row[k]:g}" for k in ("reproduced", "close"))
        said.append(f"{row['statistic']}: reproduced within {near} of the published value, close within {far}")
    return f"{'; '.join(said)}; half a unit of the last printed digit is added to each."


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
    """What the protocol of measuring decides: SSIM on channels and on luminance; how far rounding to 8 bits moves both.

    Columns: row, ssim, ssim_gray, ssim_rounding, mse, mse_rounding (rounded minus not rounded).
    """
    rows = []
    for (model, loss), group in over_seeds(scores).groupby(["model", "loss"], sort=False):
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
    for (model, loss), group in over_seeds(scores).groupby(["model", "loss"], sort=False):
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
    """Every pair of losses of a model compared over the same images, by each of COMPARED.

    Columns: figure, model, first, second, mean, low, high (first minus second, mean over seeds; 95 % bootstrap over
    images), effect (matched-pairs rank-biserial), p (Wilcoxon), p_holm (over the tests of a figure), agree (seeds whose
    own difference has the sign of the mean), seeds, n.
    """
    rows = []
    for figure in COMPARED:
        for model, group in scores.groupby("model", sort=False):
            wide = group.pivot(index="image", columns=["loss", "seed"], values=figure)
            for first, second in PAIRS:
                if not {first, second} <= set(wide.columns.get_level_values("loss")):
                    continue
                a, b = (pd.DataFrame(wide.xs(loss, axis=1, level="loss")) for loss in (first, second))
                each = a - b
                result = compare_paired(a.mean(axis=1), b.mean(axis=1), seed=seed)
                agree = int((np.sign(each.mean()) == np.sign(result.difference.estimate)).sum())
                about = (figure, model, first, second, *result.difference, result.effect, result.p_value)
                rows.append((*about, agree, each.shape[1], result.n))
    columns = ["figure", "model", "first", "second", "mean", "low", "high", "effect", "p", "agree", "seeds", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(9, "p_holm", table.groupby("figure")["p"].transform(lambda p: holm(p.to_numpy())))
    return table


def readable(differences: pd.DataFrame) -> pd.DataFrame:
    """`differences` as text for a page: measure, model, losses, difference with its interval, p, effect, same sign."""
    rows = []
    for row in differences.to_dict("records"):
        rows.append(
            {
                "measure": COMPARED[row["figure"]],
                "model": MODELS.get(row["model"], row["model"]),
                "losses": f"{LOSSES[row['first']]} minus {LOSSES[row['second']]}",
                "difference": difference_words(row),
                "p (Holm)": p_value(row["p_holm"]),
                "effect": signed(row["effect"], 2),
                "same sign": f"{row['agree']} of {row['seeds']}",
            }
        )
    return pd.DataFrame(rows)


def difference_words(row: Mapping[Hashable, Any]) -> str:
    """'+0.0123 [+0.0100, +0.0150]', with as many decimals as the row's figure has."""
    return signed_interval(row["mean"], row["low"], row["high"], DECIMALS[row["figure"]])


def with_intervals(colours: pd.DataFrame, statistics: Iterable[str]) -> pd.DataFrame:
    """Statistics of `colour_table` as text for a page: a row for each model and loss, a column for each statistic."""
    chosen = colours[colours["statistic"].isin(list(statistics))]
    said = []
    for row in chosen.to_dict("records"):
        form = ".1%" if row["statistic"] in SHARES else ".2f" if row["statistic"].endswith("error") else ".3f"
        value, low, high = (format(row[end], form) for end in ("value", "low", "high"))
        said.append(f"{value} [{low}, {high}]")
    wide = chosen.assign(said=said).pivot_table("said", "row", "statistic", aggfunc="first", sort=False)
    return pd.DataFrame(wide.rename_axis(columns=None).reset_index())


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


def readable_variants(table: pd.DataFrame) -> pd.DataFrame:
    """`variant_table` as text for a page."""
    rows = []
    for row in table.to_dict("records"):
        there, compared = pd.notna(row["value"]), pd.notna(row["mean"])
        rows.append(
            {
                "measure": COMPARED[row["figure"]],
                "variant": row["variant"],
                "options": row["options"],
                "value": f"{row['value']:.{DECIMALS[row['figure']]}f}" if there else MISSING,
                "minus default": difference_words(row) if compared else row["reason"],
                "p (Holm)": p_value(row["p_holm"]) if compared else "",
            }
        )
    return pd.DataFrame(rows)


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
    """Colour, parts of the error and SSIM on luminance, for the scorecard: numbers that no paper has printed."""
    rows = [(PAPER, "colour", row.row, COLUMN, *row[2:6], row.n, note) for row in colours.itertuples()]
    for (model, loss), group in over_seeds(scores).groupby(["model", "loss"], sort=False):
        interval = bootstrap_mean(group["ssim_gray"], seed=seed)
        name = row_name(str(model), str(loss))
        rows.append((PAPER, TABLE, name, COLUMN, "SSIM on luminance", *interval, len(group), note))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def prior_runs(folder: Path) -> pd.DataFrame:
    """The short runs on which prior weights were chosen: a table <model>.csv each; empty if there are none."""
    parts = [pd.read_csv(path).assign(model=path.stem) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["model", "loss", "prior_weight"])


def prior_choices(
    runs: pd.DataFrame, targets: Mapping[str, float], weights: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """The weight that the rule picks from the runs beside the one that was trained with: a row for each model and loss.

    Columns: row, target, picked, its validation prior term, used, agrees ("yes", "no", or why that is not known).
    """
    rows = []
    for model, by_loss in weights.items():
        for loss, used in by_loss.items():
            own = runs[(runs["model"] == model) & (runs["loss"] == loss)]
            about: dict[str, Any] = {"row": row_name(model, loss), "used": float(used)}
            if own.empty or model not in targets:
                rows.append({**about, "agrees": "not known: no short runs" if own.empty else "not known: no target"})
                continue
            picked = choose_prior_weight(own, targets[model])
            term = own.loc[own["prior_weight"] == picked, "validation_prior"].iloc[0]
            agrees = "yes" if np.isclose(picked, float(used), rtol=1e-9) else "no"
            rows.append({**about, "target": targets[model], "picked": picked, "prior": term, "agrees": agrees})
    return pd.DataFrame(rows).reindex(columns=["row", "target", "picked", "prior", "used", "agrees"])


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(above.sum(axis=-1) / below.sum(axis=-1))
