"""A trained network on disk: three files, the same bytes for the same training, refused where they are damaged."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from replication.absent import AbsentError
from replication.models.autoencoders import Autoencoder
from replication.models.srcnn import SRCNN
from replication.training.trained import Trained, recipe_values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = Autoencoder("vae", size=16, channels=1, bottleneck=2, width=2).eval()
    identity = {"network": {"kind": "vae", "size": 16, "channels": 1, "bottleneck": 2, "width": 2}, "seed": 1}
    Trained(network, pd.DataFrame({"step": [1, 2], "loss": [0.5, 1 / 3]}), identity).save(tmp_path / "ae")
    return tmp_path / "ae"


def test_a_network_is_rebuilt_from_its_identity_and_read_back_as_it_was(folder: Path) -> None:
    loaded = Trained.load(folder, Autoencoder)
    assert (loaded.network.kind, loaded.network.size, loaded.network.bottleneck) == ("vae", 16, 2)
    assert not loaded.network.training
    again = folder.parent / "again"
    loaded.save(again)
    for name in ("network.safetensors", "identity.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert (folder / "history.csv").read_text() == "step,loss\n1,0.5\n2,0.33333333\n"


def test_weights_are_stored_in_the_ordinary_layout_whatever_the_network_has(tmp_path: Path) -> None:
    for name, layout in (("a", torch.contiguous_format), ("b", torch.channels_last)):
        torch.manual_seed(0)
        network = SRCNN()
        network.to(memory_format=layout)  # type: ignore[call-overload]
        Trained(network, pd.DataFrame({"step": [1]}), {}).save(tmp_path / name)
    assert (tmp_path / "a" / "network.safetensors").read_bytes() == (
        tmp_path / "b" / "network.safetensors"
    ).read_bytes()


def test_a_network_that_was_not_trained_is_absent_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match="results mse: no trained network. Train it first .*dvc repro") as error:
        Trained.load(tmp_path / "mse", SRCNN)
    assert error.value.absent.kind == "results"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("network.safetensors", b"no tensors"),
        ("network.safetensors", b""),
        ("identity.json", b"{"),
        ("identity.json", b"[]"),
        ("identity.json", b'{"network": {"kind": "gan"}}'),
        ("identity.json", b'{"network": {"depth": 3}}'),
        ("identity.json", b'{"network": {"width": 3}}'),
        ("identity.json", b"\xff\xfe"),
        ("history.csv", b""),
    ],
)
def test_damaged_files_are_one_sentence(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match="the trained network in .* cannot be read .*train it again") as error:
        Trained.load(folder, Autoencoder)
    assert "\n" not in str(error.value)


def test_an_option_that_came_later_is_part_of_an_identity_only_where_it_is_used() -> None:
    @dataclass(frozen=True)
    class Recipe:
        loss: str
        options: dict[str, Any]
        sizes: tuple[int, ...] = (1, 2)
        decay: str = field(default="cosine", metadata={"later": True})

    assert json.dumps(recipe_values(Recipe("mse", {"a": 1}))) == '{"loss": "mse", "options": {"a": 1}, "sizes": [1, 2]}'
    assert recipe_values(Recipe("mse", {}, decay="when-flat"))["decay"] == "when-flat"


def test_any_function_can_build_the_network(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    Trained(network, pd.DataFrame({"step": [1]}), {"network": {"inputs": 2}}).save(tmp_path)
    loaded = Trained.load(tmp_path, lambda inputs: nn.Linear(inputs, 3))
    assert torch.equal(loaded.network.weight, network.weight)
