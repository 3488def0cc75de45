"""Networks the papers train: plain torch modules, no data and no training code."""

from replication.models.autoencoders import Autoencoder
from replication.models.srcnn import SRCNN
from replication.models.vdsr import VDSR

__all__ = ["SRCNN", "VDSR", "Autoencoder"]
