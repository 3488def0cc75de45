"""Training: images in, trained networks out; every run can be interrupted and goes on to the same weights."""
