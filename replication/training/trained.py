"""A trained network with its history and identity, in memory and as a folder of three files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from replication.absent import Absent, AbsentError
from replication.files import atomic_write_bytes, atomic_write_text

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Trained(Generic[Network]):
    """A trained network, its history (a row for each round) and its identity: all that it was made from (JSON values).

    identity["network"], where it exists, holds the arguments of the network's class.
    """

    network: Network
    history: pd.DataFrame
    identity: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write network.safetensors, history.csv and identity.json."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        atomic_write_bytes(folder / "network.safetensors", safetensors.torch.save(state))
        text = self.history.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        atomic_write_text(folder / "history.csv", text)
        atomic_write_text(folder / "identity.json", json.dumps(self.identity, indent=2, sort_keys=True) + "\n")

    @staticmethod
    def load(folder: Path, build: Callable[..., Network]) -> "Trained[Network]":
        """Read the files that `save` wrote.

        build: the class of the network, or a function; called with the arguments in identity["network"].
        Raises AbsentError if there are no such files, and ValueError if they are damaged or belong to another network.
        """
        try:
            weights = (folder / "network.safetensors").read_bytes()
            history = pd.read_csv(folder / "history.csv")
            identity = json.loads((folder / "identity.json").read_text(encoding="utf-8"))
            network = build(**identity.get("network", {}))
            network.load_state_dict(safetensors.torch.load(weights))
        except FileNotFoundError as error:
            how = f"Train it first (`dvc repro`, or the training notebook); its folder is {folder}"
            raise AbsentError(Absent("results", folder.name, "no trained network", how)) from error
        except (SafetensorError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"the trained network in {folder} cannot be read ({reason}); remove the folder and train it again"
            ) from error
        return Trained(network.eval(), history, identity)


def recipe_values(recipe: Any) -> dict[str, Any]:
    """A recipe (a dataclass) as JSON values for an identity.

    An option whose field has the metadata "later" appears only where it differs from its default, so that networks
    trained before the option existed keep their identity.
    """
    values = {
        field.name: getattr(recipe, field.name)
        for field in fields(recipe)
        if not (field.metadata.get("later") and getattr(recipe, field.name) == field.default)
    }
    return json.loads(json.dumps(values))  # type: ignore[no-any-return]
