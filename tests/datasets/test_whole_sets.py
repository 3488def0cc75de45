"""Every official folder whole, as a laboratory has it: loaded, pinned, and through the whole of SMIC's tables."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import whole_sets
import yaml
from scipy import stats

from replication import datasets, pipeline, project
from replication.cli import main
from replication.datasets.catalogue import JUDGED, RATED
from replication.reporting.notebook import run_notebook
from replication.reporting.parameters import select_parameters
from replication.scoring import score
from replication.scoring.rated_sets import labels_in
from replication.scoring.scored import MetricFacts, Scored

ROOT = Path(__file__).resolve().parents[2]
SIX = ("live", "csiq", "tid2013", "kadid-10k", "pipal", "qads")
PICTURES = whole_sets.pictures()
STAND_INS = ("psnr", "psnr(colour=gray)", "psnr(colour=y)", "ssim(colour=gray)")  # cheap, for the methods of the tables
