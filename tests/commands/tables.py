"""Tables of opinions and made-up scores, as people write them."""

from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ("SSIM", "distance", "weak")


def wide(images: int = 12, references: int = 8) -> pd.DataFrame:
    """A row for each image: SSIM increases with the opinions, `distance` falls with them, `weak` is mostly noise."""
    random = np.random.default_rng(3)
    count = images * references
    opinion = random.normal(50, 10, count)
    return pd.DataFrame(
        {
            "reference": [f"r{i // images}.png" for i in range(count)],
            "distorted": [f"d/i{i}.png" for i in range(count)],
            "opinion": opinion,
            "distortion": ["blur" if i % 2 else "noise" for i in range(count)],
            "SSIM": opinion / 100 + 0.02 * random.normal(size=count),
            "distance": -opinion + 6 * random.normal(size=count),
            "weak": opinion + 30 * random.normal(size=count),
        }
    )


def long(table: pd.DataFrame) -> pd.DataFrame:
    """The same with a row for each score."""
    keys = [name for name in table if name not in LABELS]
    return table.melt(keys, var_name="metric", value_name="score")


def save(table: pd.DataFrame, file: Path) -> Path:
    table.to_csv(file, index=False)
    return file
