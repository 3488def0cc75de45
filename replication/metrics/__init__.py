"""Image-quality metrics: tensors in, scores out. Pure functions, losses over them, and metrics by name."""

from replication.metrics.attended_maps import feature_maps, pixel_maps
from replication.metrics.attention import attention_map, mic_patches
from replication.metrics.contextual import PerceptualContextualLoss, contextual_similarity
from replication.metrics.deepssim import DeepSSIMLiteLoss, deepssim, deepssim_lite
from replication.metrics.deepwsd import deepwsd
from replication.metrics.dists import dists
from replication.metrics.feature_distance import FeatureDistanceLoss, channel_distances, feature_distance
from replication.metrics.fsim import fsim
from replication.metrics.gmsd import gmsd
from replication.metrics.losses import MSSSIMLoss, PSNRLoss, SSIMLoss
from replication.metrics.lpips import lpips
from replication.metrics.lwssim import LWSSIMLoss, lwssim
from replication.metrics.mad import mad, visible_error
from replication.metrics.mic import mic
from replication.metrics.msds import level_scores, msds
from replication.metrics.nlpd import nlpd
from replication.metrics.pieapp import pieapp, pieapp_network
from replication.metrics.projections import random_projections
from replication.metrics.psnr import psnr
from replication.metrics.registry import Metric, Source, create, metric, names, register
from replication.metrics.smic import Options as SMICOptions
from replication.metrics.ssim import ms_ssim, ssim, ssim_map
from replication.metrics.vif import vif, vif_pixel
from replication.metrics.zoom import zoom

__all__ = [
    "DeepSSIMLiteLoss",
    "FeatureDistanceLoss",
    "LWSSIMLoss",
    "MSSSIMLoss",
    "Metric",
    "PSNRLoss",
    "PerceptualContextualLoss",
    "SMICOptions",
    "SSIMLoss",
    "Source",
    "attention_map",
    "channel_distances",
    "contextual_similarity",
    "create",
    "deepssim",
    "deepssim_lite",
    "deepwsd",
    "dists",
    "feature_distance",
    "feature_maps",
    "fsim",
    "gmsd",
    "level_scores",
    "lpips",
    "lwssim",
    "mad",
    "metric",
    "mic",
    "mic_patches",
    "ms_ssim",
    "msds",
    "names",
    "nlpd",
    "pieapp",
    "pieapp_network",
    "pixel_maps",
    "psnr",
    "random_projections",
    "register",
    "ssim",
    "ssim_map",
    "vif",
    "vif_pixel",
    "visible_error",
    "zoom",
]
