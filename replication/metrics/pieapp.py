"""PieAPP: perceptual image error by a network trained on pairwise preferences."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from replication.metrics.checks import Validate, check_layout, check_least_size, check_values, checked_pair
from replication.metrics.libraries import piq
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered

_WEIGHTS_SOURCE = "https://github.com/photosynthesis-team/piq/releases"

PATCH = 64  # pixels; the least side of an image

Weights = str | PathLike[str] | Mapping[str, Tensor]


def pieapp(
    reference: Tensor,
    distorted: Tensor,
    network: nn.Module,
    *,
    data_range: float = 1.0,
    stride: int = 27,
    validate: Validate = None,
) -> Tensor:
    """PieAPP of each image, shape (N,); lower is better.

        PieAPP = sum of w e / sum of w

    over patches of 64 x 64 pixels, one every `stride`, of the error e and weight w that the network gives to the
    difference between the features of the two patches (Prashnani, Cai, Mostofi, Sen 2018).

    reference, distorted: (N, C, H, W) floats in [0, data_range], RGB, or one channel taken for all three; 64 x 64 at
        least. Computed in the precision of the network's weights, float32, whatever the autocast, one row of patches
        at a time.
    network: from `pieapp_network`; it is moved to where the images are.
    stride: 27 is the authors' sparse sampling, 6 their dense one.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    number, channels, height = reference.shape[:3]
    if channels not in (1, 3):
        raise ValueError(f"reference and distorted have {channels} channels; PieAPP is for one channel or RGB")
    check_least_size(reference, PATCH, "PieAPP")
    _check_stride(stride)
    model: Any = network.to(reference.device)
    precision = next(model.parameters()).dtype
    with torch.autocast(reference.device.type, enabled=False):
        x, y = (255 / data_range * image.to(precision).expand(-1, 3, -1, -1) for image in (reference, distorted))
        error = weight = torch.zeros(number, dtype=precision, device=x.device)
        for top in range(0, height - PATCH + 1, stride):
            (features_x, last_x), (features_y, last_y) = (model(_patches(image, top, stride)) for image in (x, y))
            errors, weights = (
                z.view(number, -1) for z in model.compute_difference(features_x - features_y, last_x - last_y)
            )
            error, weight = error + (errors * weights).sum(-1), weight + weights.sum(-1)
        return error / weight


def pieapp_network(weights: Weights) -> nn.Module:
    """PieAPP's network, to be passed to `pieapp`.

    weights: a path of, or the tensors in, the file PieAPPv0.1.pth of piq's releases; or "random": as the layers are
        initialised after torch.manual_seed(0), for tests.
    Raises ValueError for weights that are not this network's, DataError for a file that cannot be read.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = piq().pieapp.PieAPPModel()
    if weights != "random":
        tensors = dict(weights if isinstance(weights, Mapping) else _read(Path(weights)))
        if "ref_score_subtract.weight" in tensors:  # a matrix whose file lacks a dimension
            tensors["ref_score_subtract.weight"] = tensors["ref_score_subtract.weight"].reshape(-1, 1)
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(f"these weights are not PieAPP's, which are at {_WEIGHTS_SOURCE}: {error}") from error
    return network.eval().requires_grad_(False)


@registered("pieapp")
def _create(*, weights: Weights = "pretrained", stride: int = 27, device: Device = None) -> Metric:
    """`create("pieapp", ...)`.

    weights: as for `pieapp_network`; "pretrained" finds the file under the data root's weights/ or in torch's cache,
        and downloads nothing.
    device: where to compute; None is where the image is.
    Raises AbsentWeightsError if the file is in neither, saying where to get it.
    """
    _check_stride(stride)
    if weights == "pretrained":
        weights = find_weights()
    known = "given" if isinstance(weights, Mapping) else "random, seed 0" if weights == "random" else Path(weights).name
    network = pieapp_network(weights)

    def prepare(image: Tensor) -> Tensor:
        check_layout("image", image)
        check_values("image", image, 1.0, None)
        return image.to(device)

    def compare(reference: Tensor, distorted: Tensor) -> Tensor:
        reference = reference.expand(len(distorted), -1, -1, -1)
        return pieapp(reference, distorted, network, stride=stride, validate=False)

    protocol = {"colour": "rgb", "weights": known, "patch": PATCH, "stride": stride}
    return Metric("pieapp", False, protocol, prepare, compare)


def _check_stride(stride: int) -> None:
    if stride < 1:
        raise ValueError(f"stride must be positive, got {stride}")


def _read(path: Path) -> Mapping[str, Tensor]:
    from replication.features import weights as files  # only a caller without the tensors reads files

    tensors: Mapping[str, Tensor] = files.read(path)
    return tensors


def find_weights() -> Path:
    """Return the file of PieAPP's weights. Raises AbsentWeightsError if there is none, saying where to get it."""
    from replication.features import weights as files

    path: Path = files.find("pieapp")
    return path


def _patches(image: Tensor, top: int, stride: int) -> Tensor:
    """One row of patches of each image: (N, 3, H, W) to (N * patches, 3, 64, 64)."""
    patches = image[..., top : top + PATCH, :].unfold(-1, PATCH, stride)
    return patches.permute(0, 3, 1, 2, 4).flatten(0, 1)
