"""Scoring on a Dask cluster: the same table, even when workers die; one sentence when it cannot be."""

import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from distributed import LocalCluster
from torch import Tensor

from replication import metrics
from replication.metrics import registry
from replication.scoring import ScoringError, runner, score
from replication.scoring.tasks import Task, Work, run
from tests.scoring.pictures import Noise, RatedSet, files, noise_set, rated


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes of one thread each."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As many as each worker has: the last digits of a score depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(folder: Path, references: int = 4, copies: int = 32) -> RatedSet:
    rng = np.random.default_rng(0)
    pixels = {f"r{r}.png": rng.integers(0, 256, (200, 180, 3), dtype=np.uint8) for r in range(references)}
    pairs = [(f"r{r}.png", f"r{r}-{c}.png") for r in range(references) for c in range(copies)]
    pixels |= {d: pixels[r] // 2 + 2 * number for number, (r, d) in enumerate(pairs[:60])}
    pixels |= {d: pixels[r] for r, d in pairs[60:]}
    return rated(files(folder, pixels), pairs)


def test_a_worker_that_is_killed_half_way_changes_nothing(tmp_path: Path, cluster: LocalCluster) -> None:
    data_set = pictures(tmp_path / "images")
    (tmp_path / "images" / "r1-3.png").write_bytes(b"not an image")
    here = score(data_set, ["psnr", "ssim"], show_progress=False)
    store = tmp_path / "store"
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            if len(list(store.glob("*.done"))) >= 3:
                worker = psutil.Process(next(iter(cluster.workers.values())).pid)
                killed.append(worker.pid)
                worker.kill()
            time.sleep(0.01)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    there = score(data_set, ["psnr", "ssim"], scheduler=cluster.scheduler_address, store=store, show_progress=False)
    killer.join(10)
    assert killed
    assert killed[0] != os.getpid()
    assert there.to_csv() == here.to_csv()
    assert here["problem"].ne("").sum() == 2


def test_tasks_are_small_independent_and_repeatable() -> None:
    images = {f"d{i}": Noise(i) for i in range(16)}
    work = Work("one", (metrics.create("psnr"), metrics.create("ssim", colour="gray")), None, 2**18)
    task = Task(("r", Noise(99)), tuple(images.items()))
    sent = pickle.dumps((work, task))
    assert len(sent) < 4000
    first = run(*pickle.loads(sent))
    assert first == run(*pickle.loads(sent)) == run(work, task)


def test_a_metric_without_a_name_that_workers_know_is_sent_whole(cluster: LocalCluster) -> None:
    darkest = metrics.Metric("darkest", True, {}, lambda x: x.amin(dim=(1, 2, 3)), lambda x, y: y - x)
    assert cloudpickle.loads(cloudpickle.dumps(darkest)).name == "darkest"
    tables = [
        score(noise_set(), [darkest], scheduler=address, show_progress=False)
        for address in (None, cluster.scheduler_address)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_metric_that_workers_do_not_know_is_one_sentence(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    @metrics.metric("mine", higher_is_better=True)
    def mine(reference: Tensor, distorted: Tensor) -> Tensor:
        return distorted.mean(dim=(1, 2, 3))

    with pytest.raises(ScoringError, match="unknown metric 'mine'.*in a module that the workers import"):
        score(noise_set(), ["mine"], scheduler=cluster.scheduler_address, show_progress=False)


def test_a_device_that_workers_lack_is_one_sentence(cluster: LocalCluster) -> None:
    with pytest.raises(ScoringError, match="cannot compute on device 'cuda:77'"):
        score(noise_set(), ["psnr"], device="cuda:77", scheduler=cluster.scheduler_address, show_progress=False)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_a_scheduler_that_does_not_answer_is_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_TIMEOUT", 0.5)
    with pytest.raises(ScoringError, match=f"no Dask scheduler answers at '{address}'; start one with"):
        score(noise_set(), ["psnr"], scheduler=address, show_progress=False)
