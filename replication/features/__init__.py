"""Feature maps of networks trained on ImageNet, the files of their weights, and which channels see what people see."""

from replication.features.backbones import Backbone, Pooling, backbone, imagenet_normalised, names
from replication.features.efficacy import ChannelScores, channel_sets, perceptual_efficacy

__all__ = [
    "Backbone",
    "ChannelScores",
    "Pooling",
    "backbone",
    "channel_sets",
    "imagenet_normalised",
    "names",
    "perceptual_efficacy",
]
