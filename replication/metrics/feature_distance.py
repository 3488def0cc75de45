"""Distance of feature maps: the perceptual loss of Johnson et al. (2016) as Tariq et al. (2020) write it, eq. 1."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from replication.features import Backbone, Pooling
from replication.features import backbone as make_backbone
from replication.metrics.checks import Validate
from replication.metrics.deep import Features, assemble, check_comparable, checked_rgb_pair, features
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered


def feature_distance(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    tap: str,
    channels: Sequence[int] | None = None,
    normalise: bool = True,
    validate: Validate = None,
) -> Tensor:
    """Mean squared difference of feature maps, of each image, shape (N,), at least 0; lower is better.

        L = 1 / (M H W) sum over the M channels chosen of || Phi_m(x) - Phi_m(y) ||^2

    with Phi_m the H x W map of channel m. The maps are taken as they are, not brought to unit length as in LPIPS: a
    channel counts as much as its activations are strong.

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB, not resized; computed in the precision of the backbone's
        weights, float32, whatever the autocast; differentiable.
    backbone: of `features.backbone`, on the images' device. tap: one of its taps. channels: which of the tap's
        channels, numbers from 0, each once; None is all of them.
    normalise: the input with ImageNet's mean and deviation, as the networks are trained.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor or option and what was wanted, also for images too small for the tap.
    """
    chosen = _chosen(backbone, tap, channels)
    of_tap = channel_distances(
        reference, distorted, backbone=backbone, taps=[tap], normalise=normalise, validate=validate
    )[tap]
    return _mean(of_tap, chosen)


def channel_distances(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    taps: Sequence[str] | None = None,
    normalise: bool = True,
    validate: Validate = None,
) -> dict[str, Tensor]:
    """Mean squared difference of every channel's map, by tap, (N, M) each, from one pass; all taps if None.

    `feature_distance` with any subset of a tap's channels is the mean over those columns. Other arguments and errors
    are the same.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    wanted = tuple(backbone.taps if taps is None else taps)
    first, second = (features(backbone, image, wanted, normalise=normalise).maps for image in (reference, distorted))
    return {tap: map_distances(first[tap], second[tap]) for tap in wanted}


def map_distances(reference: Tensor, distorted: Tensor) -> Tensor:
    """Mean over pixels of the squared difference, (N, M), of maps (N, M, H, W); there may be one reference for all."""
    return (reference - distorted).square().mean(dim=(2, 3))


class FeatureDistanceLoss(nn.Module):
    """`feature_distance` as a training loss: called with (output, target), batch mean as a scalar.

    backbone, tap, channels, normalise: as for `feature_distance`. Values are not checked by default: an output may
    leave [0, 1].
    """

    def __init__(
        self,
        backbone: Backbone,
        tap: str,
        channels: Sequence[int] | None = None,
        *,
        normalise: bool = True,
        validate: bool = False,
    ) -> None:
        super().__init__()
        _chosen(backbone, tap, channels)
        self.backbone, self.tap, self.channels = backbone, tap, channels
        self.normalise, self.validate = normalise, validate

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return feature_distance(
            target,
            output,
            backbone=self.backbone,
            tap=self.tap,
            channels=self.channels,
            normalise=self.normalise,
            validate=self.validate,
        ).mean()


class _Prepared(NamedTuple):
    """The tap's map, of the chosen channels, and the size of the images."""

    map: Tensor
    size: tuple[int, int]


@registered("feature-distance")
def _build(
    *,
    backbone: str,
    tap: str,
    channels: Sequence[int] | None = None,
    weights: str | Path = "imagenet",
    seed: int = 0,
    pooling: Pooling = "max",
    normalise: bool = True,
    device: Device = None,
    download: bool = False,
) -> Metric:
    net = make_backbone(backbone, weights=weights, seed=seed, pooling=pooling, device=device, download=download)
    chosen = _chosen(net, tap, channels)

    def finish(of: Features) -> _Prepared:
        whole = of.maps[tap]
        return _Prepared(whole if chosen is None else whole[:, chosen], of.size)

    def compare(reference: _Prepared, distorted: _Prepared) -> Tensor:
        check_comparable([reference.map], [distorted.map], (reference.size, distorted.size))
        return _mean(map_distances(reference.map, distorted.map), None)

    return assemble(
        "feature-distance",
        higher_is_better=False,
        backbone=net,
        device=device,
        taps=[tap],
        normalise=normalise,
        protocol={"tap": tap, "channels": "all" if chosen is None else chosen, "unit_length": False},
        finish=finish,
        compare=compare,
    )


def _mean(of_channels: Tensor, chosen: list[int] | None) -> Tensor:
    return (of_channels if chosen is None else of_channels[:, chosen]).mean(dim=1)


def _chosen(backbone: Backbone, tap: str, channels: Sequence[int] | None) -> list[int] | None:
    """The channels in ascending order. Raises ValueError for a tap or channels that the network does not have."""
    if tap not in backbone.channels:
        raise ValueError(f"{backbone.name} has no tap {tap}; it has {', '.join(backbone.taps)}")
    if channels is None:
        return None
    chosen, count = sorted(int(channel) for channel in channels), backbone.channels[tap]
    if not chosen or chosen[0] < 0 or chosen[-1] >= count or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"channels must be one or more of the {count} channels of {tap} of {backbone.name}, 0 to {count - 1}, "
            f"each once, got {list(channels)!r}"
        )
    return chosen
