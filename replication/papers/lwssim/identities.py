"""Paper 2: people who are in the training images and in the test images."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from replication.datasets.stacks import Stack

NOT_KNOWN = (
    "Who is on an image is not known: CelebA's list of identities (identity_CelebA.txt) is not among its files, and "
    "training and test images are told apart by their files alone. A person may be on both sides, in the paper as well."
)


def acquainted(training: Stack, test: Stack, identities: Mapping[str, str]) -> "pd.Series[bool]":
    """For each test image, by name, whether its person is on a training image. KeyError for an image not listed."""
    seen = {identities[Path(name).stem] for name in training.names}
    found: pd.Series[bool] = pd.Series([identities[Path(name).stem] in seen for name in test.names], list(test.names))
    return found


def about_identities(
    training: Stack, test: Stack, identities: Mapping[str, str], means: pd.DataFrame, loss: str = "mse"
) -> str:
    """A paragraph: how many test images show a person of the training images, and what that is worth.

    identities: by the image's name without its ending (`datasets.faces.identities`), empty where not known. means: of
    `celeba.image_means`, of which plain autoencoders trained with `loss` are compared.
    """
    if not identities:
        return NOT_KNOWN
    known = acquainted(training, test, identities)
    said = f"{known.sum():,} of {len(known):,} test images show a person who is on a training image, too."
    own = means[(means["model"] == "ae") & (means["loss"] == loss)].set_index("image")["mse"]
    both = known.loc[own.index]
    if not both.any() or both.all():
        return said
    return (
        f"{said} Mean squared error of MSE training on these {own[both].mean():.5f}, on others {own[~both].mean():.5f}."
    )
