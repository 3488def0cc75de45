"""The losses that paper 1 compares."""

from replication.training.losses import title

PAPER = "msssim"
METHODS = {name: title(name) for name in ("mse", "mae", "ms_ssim")}
"""Titles of the paper's losses by their name in params.yaml."""

MSE, MAE, OURS = METHODS.values()  # OURS is the loss that the claims are about
PAIRS = ((OURS, MSE), (OURS, MAE), (MSE, MAE))
