"""PieAPP against piq's, with the same random weights; and what happens without the trained ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from replication import metrics
from replication.absent import AbsentError
from replication.features import weights_of
from replication.metrics import pieapp, pieapp_network
from tests.metrics.originals import PAIRS, noisy, original_pair, original_score, photo

RealData = Callable[[str], Path]


def published_form(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """As the tensors are in the file, where one lacks a dimension."""
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tensors["ref_score_subtract.weight"] = tensors["ref_score_subtract.weight"].flatten()
    return tensors


def test_agrees_with_piq_for_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    import piq

    network = pieapp_network("random")
    with torch.no_grad():
        network.fc2_weight.bias.fill_(1.0)  # type: ignore[union-attr]  # weights of one sign, as trained ones have
    tensors = published_form(network)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **options: dict(published_form(network)))
    theirs: Any = piq.PieAPP(reduction="none")
    reference = torch.cat((photo(96, 130), photo(96, 130).flip(-1)))
    distorted = noisy(reference)
    expected = theirs(distorted, reference)
    torch.testing.assert_close(pieapp(reference, distorted, pieapp_network(tensors)), expected, rtol=1e-4, atol=1e-6)


def test_random_weights_are_always_the_same_and_leave_the_generator_alone() -> None:
    state = torch.random.get_rng_state()
    first, second = (pieapp_network("random").state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_metric_says_which_weights_it_has() -> None:
    created = metrics.create("pieapp", weights="random", stride=40)
    assert not created.higher_is_better
    assert created.protocol == {"colour": "rgb", "weights": "random, seed 0", "patch": 64, "stride": 40}
    reference = photo(64, 110)
    copies = torch.cat((noisy(reference, 0.05), noisy(reference, 0.1)))
    scores = created.compare(created.prepare(reference), created.prepare(copies))
    torch.testing.assert_close(scores, created(reference.expand(2, -1, -1, -1), copies))


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="not PieAPP's, which are at https://github.com/photosynthesis-team"):
        pieapp_network({"conv1.weight": torch.zeros(64, 3, 3, 3)})


def test_images_without_a_patch_are_refused() -> None:
    network = pieapp_network("random")
    small = torch.rand(1, 3, 63, 80)
    with pytest.raises(ValueError, match="least size is 64 x 64"):
        pieapp(small, small, network)
    with pytest.raises(ValueError, match="2 channels"):
        pieapp(torch.rand(1, 2, 64, 64), torch.rand(1, 2, 64, 64), network)


def test_missing_weights_are_an_error_that_says_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(AbsentError, match="weights PieAPP: not available") as caught:
        metrics.create("pieapp")
    (entry,) = weights_of("pieapp")
    for words in (entry.url, entry.file, str(tmp_path)):
        assert words in str(caught.value)


@pytest.mark.parametrize("pair", PAIRS)
def test_scores_are_those_of_the_original_implementation(real_data: RealData, pair: str) -> None:
    images = original_pair(real_data, pair)
    real_data("weights/PieAPPv0.1.pth")
    score = metrics.create("pieapp")(*images)
    assert score.item() == pytest.approx(original_score(real_data, "pieapp", pair), rel=0.01)
