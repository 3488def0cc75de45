"""Paper 2's argument against SSIM's product, made visible: what each form sees, and where luminance is masked."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.evaluation import bootstrap_statistic
from replication.metrics.terms import Terms, ssim_terms

CONTRASTS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
STRUCTURES = (1.0, 0.5, 0.0, -0.5)
MASKED = 0.5  # a derivative by luminance below this share of the sum's
BINS = np.linspace(-1, 1, 41)
_HALVES = {"": "", ", higher half": "_upper", ", lower half": "_lower"}
_SIDE, _AMPLITUDE = 48, 0.15


def boards(contrast: float, structure: float = 1.0, brightness: float = 0.0) -> tuple[Tensor, Tensor]:
    """Two grey pictures (1, 1, 48, 48), float64: a board of 2 x 2 squares, and a copy changed in one way at a time.

    contrast: of the copy, 1 for the board's own. structure: its correlation with the board, the rest being the board
    shifted by one pixel, which is uncorrelated with it. brightness: added. Under an 11 x 11 Gaussian window local means
    of both boards are 0.5 to within 0.001, whatever the contrast.
    """
    squares = 2.0 * ((torch.arange(_SIDE, dtype=torch.float64) // 2) % 2) - 1
    shifted = 2.0 * (((torch.arange(_SIDE, dtype=torch.float64) + 1) // 2) % 2) - 1
    board, other = torch.outer(squares, squares), torch.outer(squares, shifted)
    pattern = structure * board + (1 - structure**2) ** 0.5 * other
    pair = (0.5 + _AMPLITUDE * board, 0.5 + brightness + _AMPLITUDE * contrast * pattern)
    return pair[0][None, None], pair[1][None, None]


def forms(pair: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Means over windows: l, c, s, c s, the product l c s (SSIM) and the sum l + c s (LWSSIM at one window size)."""
    found = ssim_terms(*pair)
    structure = found.contrast * found.structure
    maps = {
        "l": found.luminance,
        "c": found.contrast,
        "s": found.structure,
        "c s": structure,
        "product": found.luminance * structure,
        "sum": found.luminance + structure,
    }
    return {name: float(values.mean()) for name, values in maps.items()}


def contrast_table(contrasts: Sequence[float] = CONTRASTS, step: float = 1e-3) -> pd.DataFrame:
    """A board beside copies of equal local means and lower contrast: `forms`, and what either form gains by contrast.

    Columns: contrast, l, c, s, product, sum, by_product, by_sum: the last two are derivatives by contrast (differences
    over `step` to either side).
    """
    rows = []
    for contrast in contrasts:
        now, up, down = (forms(boards(contrast + shift)) for shift in (0, step, -step))
        slopes = {f"by_{form}": (up[form] - down[form]) / (2 * step) for form in ("product", "sum")}
        rows.append({"contrast": contrast, **{k: now[k] for k in ("l", "c", "s", "product", "sum")}, **slopes})
    return pd.DataFrame(rows)


def brightness_table(structures: Sequence[float] = STRUCTURES, limit: float = 0.25, points: int = 51) -> pd.DataFrame:
    """Loss of either form by an error of brightness, at good, poor and inverted structure.

    Columns: structure, brightness, product, sum (each minus its value at no error).
    """
    rows = []
    for structure in structures:
        base = forms(boards(1.0, structure))
        for brightness in np.linspace(-limit, limit, points):
            found = forms(boards(1.0, structure, float(brightness)))
            rows.append((structure, brightness, found["product"] - base["product"], found["sum"] - base["sum"]))
    return pd.DataFrame(rows, columns=["structure", "brightness", "product", "sum"])


def window_figures(terms: Terms) -> pd.DataFrame:
    """Gradient of either form by luminance in each image: luminance, structure, pull, kept, masked, wrong.

    luminance, structure: means over windows of l and of c s. pull: sum over windows of |dl/dm|, the derivative by local
    brightness m of the sum l + c s; kept: the same for the product, c s |dl/dm|, so that kept / pull is the share of
    luminance's pull that the product keeps. masked: share of windows where c s, the product's derivative by l, is below
    0.5; wrong: where it is below 0, so that an error of luminance is rewarded.
    """
    structure = terms.contrast * terms.structure
    pull = terms.slope.abs()
    maps = {
        "luminance": terms.luminance,
        "structure": structure,
        "pull": pull,
        "kept": pull * structure,
        "masked": (structure < MASKED).double(),
        "wrong": (structure < 0).double(),
    }
    return pd.DataFrame({name: values.double().mean(dim=(1, 2, 3)).numpy() for name, values in maps.items()})


def by_structure(terms: Terms) -> dict[str, float]:
    """Share of masked windows in the half with the higher c s of all windows, and in the other half."""
    ranked = np.sort((terms.contrast * terms.structure).flatten().numpy())
    lower, upper = np.array_split(ranked, 2)
    return {"masked_upper": float((upper < MASKED).mean()), "masked_lower": float((lower < MASKED).mean())}


def histogram(terms: Terms) -> NDArray[np.float64]:
    """Share of windows with c s in each of BINS."""
    structure = (terms.contrast * terms.structure).flatten().double().numpy()
    counts, _ = np.histogram(np.clip(structure, -1, 1), bins=BINS)
    return np.asarray(counts / counts.sum())


def summary(rows: Mapping[str, tuple[pd.DataFrame, Mapping[str, float]]], *, seed: int = 0) -> pd.DataFrame:
    """A row for each of `rows`, name -> (`window_figures`, `by_structure`).

    Columns: row, luminance, structure, kept (sum of kept / sum of pull) with low and high (95 % bootstrap over images),
    masked, masked_upper, masked_lower, wrong, n.
    """
    table = []
    for name, (images, halves) in rows.items():
        kept = bootstrap_statistic(
            lambda kept, pull: np.asarray(kept.sum(axis=-1) / pull.sum(axis=-1)),
            images["kept"],
            images["pull"],
            method="percentile",
            seed=seed,
        )
        means = images[["luminance", "structure", "masked", "wrong"]].mean()
        ends = {"kept": kept.estimate, "low": kept.low, "high": kept.high}
        table.append({"row": name, **means, **ends, **halves, "n": len(images)})
    columns = ["row", "luminance", "structure", "kept", "low", "high", "masked", "masked_upper", "masked_lower"]
    return pd.DataFrame(table)[[*columns, "wrong", "n"]]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """`summary` as text for a page."""
    rows = []
    for row in table.to_dict("records"):
        masked = {f"masked{name}": f"{row[f'masked{key}']:.0%}" for name, key in _HALVES.items()}
        means = {"l": f"{row['luminance']:.4f}", "c s": f"{row['structure']:.3f}"}
        low, high = 100 * row["low"], 100 * row["high"]
        kept = f"{row['kept']:.0%} [{low:.0f}, {high:.0f}]".replace(" ", "\N{NO-BREAK SPACE}")
        rows.append({"row": row["row"], **means, "kept": kept, **masked, "wrong": f"{row['wrong']:.1%}"})
    return pd.DataFrame(rows)
