"""The trained autoencoders of paper 2: what was trained, from what, and how training went."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from replication.models.autoencoders import Autoencoder
from replication.reporting.losses import titles
from replication.training.autoencoders import choose_prior_weight
from replication.training.losses import title
from replication.training.trained import Trained

MODELS = {"ae": "AE", "vae": "VAE", "mmd_ae": "MMD AE"}
LOSSES = ("mse", "ssim", "lwssim")  # the paper's


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
    return f"{MODELS.get(model, model)} ({title(loss)})"


def loss_title(row: str) -> str:
    """The title of the loss in a `row_name`; "" for another row, such as that of the mean image."""
    return row.partition(" (")[2].removesuffix(")")


def load(
    folder: Path, models: Iterable[str], losses: Iterable[str], seeds: Iterable[int]
) -> dict[Key, Trained[Autoencoder]]:
    """All trainings, model by model, the paper's losses first, see `titles`.

    Raises FileNotFoundError naming the first that is missing and the stage that makes it.
    """
    names = titles(losses, LOSSES)
    keys = [Key(model, loss, int(seed)) for model in models for loss in names for seed in seeds]
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


def histories(trained: Mapping[Key, Trained[Autoencoder]], images: int) -> pd.DataFrame:
    """All training curves: model, loss, seed, epoch (of `images` training images) and the columns of the history."""
    parts = []
    for key, run in trained.items():
        epoch = run.history["step"] * run.identity["recipe"]["batch"] / images
        parts.append(run.history.assign(model=key.model, loss=key.loss, seed=key.seed, epoch=epoch))
    return pd.concat(parts, ignore_index=True)


def flatness(curves: pd.DataFrame, share: float = 0.2) -> pd.DataFrame:
    """Change of validation SSIM and MSE in the last `share` of the training, mean over seeds.

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
