"""Training: images in, trained networks out; every run can be interrupted and goes on to the same weights."""

from replication.torchvision_compat import make_importable

make_importable()  # Lightning imports torchmetrics, which imports torchvision
