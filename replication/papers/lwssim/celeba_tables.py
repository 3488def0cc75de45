"""Tables of paper 2, as text for a page."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim.celeba import COMPARED, DECIMALS, PAPER, SHARES, TABLE, difference_words
from replication.papers.lwssim.celeba_networks import MODELS, Key, row_name
from replication.reporting import published
from replication.reporting.numbers import MISSING, p_value, signed
from replication.training.losses import title
from replication.training.trained import Trained


def recipes(trained: Mapping[Key, Trained[Autoencoder]]) -> pd.DataFrame:
    """Parameters that each row was trained with; one column for each parameter that may differ, seeds together."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for key, run in trained.items():
        recipe = run.identity["recipe"]
        row = rows.setdefault((key.model, key.loss), {"row": row_name(key.model, key.loss), "seeds": []})
        row["seeds"].append(key.seed)
        row |= {
            "loss options": ", ".join(f"{k} {v}" for k, v in recipe["loss_options"].items()) or "defaults",
            "unit of the loss": run.identity["unit"],
            "prior weight": recipe["prior_weight"] if key.model != "ae" else float("nan"),
            **{name: recipe[name] for name in ("bottleneck", "width", "steps", "batch")},
            "learning rate": f"{recipe['learning_rate']:g}",
            "parameters": sum(p.numel() for p in run.network.parameters()),
        }
    table = pd.DataFrame(rows.values())
    return table.assign(seeds=[", ".join(map(str, seeds)) for seeds in table["seeds"]])


def in_common(table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The columns that are equal in all rows, in words, and the table without it."""
    same = [column for column in table.columns if table[column].nunique(dropna=False) == 1]
    said = ", ".join(f"{column} {table[column].iloc[0]}" for column in same)
    return said, table.drop(columns=same)


def tolerance_words() -> str:
    """The tolerances of `reproduced` and `close`, in words."""
    limits = published.tolerances()
    own = limits[(limits["paper"] == PAPER) & (limits["table"] == TABLE)]
    said = []
    for row in own.to_dict("records"):
        near, far = (f"{row[k]:.0%}" if row["scale"] == "relative" else f"{row[k]:g}" for k in ("reproduced", "close"))
        said.append(f"{row['statistic']}: reproduced within {near} of the published value, close within {far}")
    return f"{'; '.join(said)}; half a unit of the last printed digit is added to each."


def readable(differences: pd.DataFrame) -> pd.DataFrame:
    """`differences` as text for a page: measure, model, losses, difference with its interval, p, effect, same sign."""
    rows = []
    for row in differences.to_dict("records"):
        rows.append(
            {
                "measure": COMPARED[row["figure"]],
                "model": MODELS.get(row["model"], row["model"]),
                "losses": f"{title(row['first'])} minus {title(row['second'])}",
                "difference": difference_words(row),
                "p (Holm)": p_value(row["p_holm"]),
                "effect": signed(row["effect"], 2),
                "same sign": f"{row['agree']} of {row['seeds']}",
            }
        )
    return pd.DataFrame(rows)


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


def in_words(scores: pd.DataFrame) -> list[str]:
    """A line of the result for each model: mean SSIM and MSE of every loss over images and seeds; of `celeba.score`."""
    lines = []
    for model, group in scores.groupby("model", sort=False):
        means = group.groupby("loss", sort=False)[["ssim", "mse"]].mean()
        each = [f"{title(str(loss))} training {row['ssim']:.3f} and {row['mse']:.4f}" for loss, row in means.iterrows()]
        lines.append(f"{MODELS.get(str(model), model)}, SSIM and MSE: {'; '.join(each)}.")
    return lines
