"""A trained super-resolution network as it is kept on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from replication.files import atomic_write_bytes, atomic_write_text
from replication.models.srcnn import SRCNN


@dataclass(frozen=True)
class Trained:
    """A trained network, its history (a row for each round) and what it was made from."""

    network: SRCNN
    history: pd.DataFrame
    identity: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write network.safetensors, history.csv and identity.json."""
        atomic_write_bytes(folder / "network.safetensors", safetensors.torch.save(_plain_state(self.network)))
        atomic_write_text(
            folder / "history.csv", self.history.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        )
        atomic_write_text(folder / "identity.json", json.dumps(self.identity, indent=2, sort_keys=True) + "\n")

    @staticmethod
    def load(folder: Path) -> "Trained":
        """What `save` wrote; FileNotFoundError naming the folder and the way to make it if it is not there."""
        try:
            weights = (folder / "network.safetensors").read_bytes()
            history = pd.read_csv(folder / "history.csv")
            identity = json.loads((folder / "identity.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no trained network in {folder}; train it first (`dvc repro`, or the training notebook)"
            ) from error
        network = SRCNN()
        network.load_state_dict(safetensors.torch.load(weights))
        return Trained(network.eval(), history, identity)


def _plain_state(network: nn.Module) -> dict[str, Tensor]:
    """Weights in the ordinary memory layout, which is the only one safetensors writes."""
    return {
        name: value.detach().cpu().contiguous(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
