"""Image-quality metrics: tensors in, scores out. Pure functions, losses over them, and metrics by name.

A metric is one file of this package: every module is imported, and what it registers is found by `create` and `names`.
The names below can be imported from the package itself; a new metric needs no line.
"""

from replication.metrics.attended_maps import feature_maps as feature_maps
from replication.metrics.attended_maps import pixel_maps as pixel_maps
from replication.metrics.attention import attention_map as attention_map
from replication.metrics.attention import mic_patches as mic_patches
from replication.metrics.contextual import PerceptualContextualLoss as PerceptualContextualLoss
from replication.metrics.contextual import contextual_similarity as contextual_similarity
from replication.metrics.deepssim import DeepSSIMLiteLoss as DeepSSIMLiteLoss
from replication.metrics.deepssim import deepssim as deepssim
from replication.metrics.deepssim import deepssim_lite as deepssim_lite
from replication.metrics.deepwsd import deepwsd as deepwsd
from replication.metrics.dists import dists as dists
from replication.metrics.feature_distance import FeatureDistanceLoss as FeatureDistanceLoss
from replication.metrics.feature_distance import channel_distances as channel_distances
from replication.metrics.feature_distance import feature_distance as feature_distance
from replication.metrics.fsim import fsim as fsim
from replication.metrics.gmsd import gmsd as gmsd
from replication.metrics.losses import MSSSIMLoss as MSSSIMLoss
from replication.metrics.losses import PSNRLoss as PSNRLoss
from replication.metrics.losses import SSIMLoss as SSIMLoss
from replication.metrics.lpips import lpips as lpips
from replication.metrics.lwssim import LWSSIMLoss as LWSSIMLoss
from replication.metrics.lwssim import lwssim as lwssim
from replication.metrics.mad import mad as mad
from replication.metrics.mad import visible_error as visible_error
from replication.metrics.mic import mic as mic
from replication.metrics.msds import level_scores as level_scores
from replication.metrics.msds import msds as msds
from replication.metrics.nlpd import nlpd as nlpd
from replication.metrics.pieapp import pieapp as pieapp
from replication.metrics.pieapp import pieapp_network as pieapp_network
from replication.metrics.projections import random_projections as random_projections
from replication.metrics.psnr import psnr as psnr
from replication.metrics.registry import Metric as Metric
from replication.metrics.registry import Source as Source
from replication.metrics.registry import create as create
from replication.metrics.registry import discover
from replication.metrics.registry import metric as metric
from replication.metrics.registry import names as names
from replication.metrics.registry import register as register
from replication.metrics.smic import SMICOptions as SMICOptions
from replication.metrics.ssim import ms_ssim as ms_ssim
from replication.metrics.ssim import ssim as ssim
from replication.metrics.ssim import ssim_map as ssim_map
from replication.metrics.vif import vif as vif
from replication.metrics.vif import vif_pixel as vif_pixel
from replication.metrics.zoom import zoom as zoom

discover(__name__, __path__)
