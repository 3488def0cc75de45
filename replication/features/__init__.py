"""Feature maps of networks trained on ImageNet, and the files of their weights."""

from replication.features.backbones import Backbone, Pooling, backbone, imagenet_normalised, names

__all__ = ["Backbone", "Pooling", "backbone", "imagenet_normalised", "names"]
