"""Feature maps of networks trained on ImageNet, the files of their weights, and which channels see what people see.

A name is imported when it is first used, as the catalogue of weights needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replication.features.backbones import Backbone as Backbone
    from replication.features.backbones import Pooling as Pooling
    from replication.features.backbones import backbone as backbone
    from replication.features.backbones import imagenet_normalised as imagenet_normalised
    from replication.features.backbones import names as names
    from replication.features.catalogue import weights_of as weights_of
    from replication.features.efficacy import ChannelScores as ChannelScores
    from replication.features.efficacy import channel_sets as channel_sets
    from replication.features.efficacy import perceptual_efficacy as perceptual_efficacy
    from replication.features.weights import weights_pin as weights_pin

_EXPORTS = {
    "backbones": ("Backbone", "Pooling", "backbone", "imagenet_normalised", "names"),
    "catalogue": ("weights_of",),
    "efficacy": ("ChannelScores", "channel_sets", "perceptual_efficacy"),
    "weights": ("weights_pin",),
}


def __getattr__(name: str) -> Any:
    for module, names_of_module in _EXPORTS.items():
        if name in names_of_module:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
