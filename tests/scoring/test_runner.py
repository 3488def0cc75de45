"""Tasks run in this process or on a cluster: results as they come, errors and Ctrl-C at once, progress."""

import builtins
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import LocalCluster

from replication.absent import AbsentError
from replication.scoring import ScoringError, runner


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


def run(tasks: list[int], function: Any, **options: Any) -> list[tuple[int, Any]]:
    results: list[tuple[int, Any]] = []
    how = {"label": "numbers", "unit": "tasks", "total": len(tasks), "size": lambda task: 1, "show_progress": False}
    runner.run(tasks, function, lambda task, result: results.append((task, result)), **{**how, **options})
    return results


def test_every_task_gives_its_result(cluster: LocalCluster) -> None:
    expected = [(task, task**2) for task in range(30)]
    assert run(list(range(30)), lambda task: task**2) == expected
    assert sorted(run(list(range(30)), lambda task: task**2, scheduler=cluster.scheduler_address)) == expected
    assert run([], lambda task: task) == []


def test_in_this_process_each_result_is_given_before_the_next_task_starts() -> None:
    events: list[str] = []
    runner.run(
        [1, 2],
        lambda task: events.append(f"task {task}"),
        lambda task, _: events.append(f"result {task}"),
        label="",
        unit="",
        total=2,
        size=lambda task: 1,
        show_progress=False,
    )
    assert events == ["task 1", "result 1", "task 2", "result 2"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_or_an_interruption_ends_it_at_once(error: type[BaseException]) -> None:
    done: list[int] = []

    def function(task: int) -> None:
        if task == 2:
            raise error("stop")
        done.append(task)

    with pytest.raises(error, match="stop"):
        run([0, 1, 2, 3], function)
    assert done == [0, 1]


def test_a_task_that_fails_on_a_cluster_is_tried_again(cluster: LocalCluster, tmp_path: Any) -> None:
    def function(task: int) -> int:
        attempts = len(list(tmp_path.glob(f"{task}-*")))
        (tmp_path / f"{task}-{attempts}").touch()
        if attempts < task:
            raise OSError("not yet")
        return attempts

    assert sorted(run([0, 3], function, scheduler=cluster.scheduler_address)) == [(0, 0), (3, 3)]
    with pytest.raises(OSError, match="not yet"):
        run([4], function, scheduler=cluster.scheduler_address)


def test_a_worker_sets_up_once_for_tasks_of_one_key() -> None:
    made: list[str] = []

    run(["a", "a", "b", "b", "a"], lambda key: runner.reused(key, lambda: made.append(key)))  # type: ignore[list-item]
    assert made == ["a", "b", "a"]
    assert not vars(runner._of_thread)
    other: list[bool] = []
    runner.reused("a", lambda: 1)
    thread = threading.Thread(target=lambda: other.append(bool(vars(runner._of_thread))))
    thread.start()
    thread.join()
    runner.forget()
    assert other == [False]


def test_a_cluster_works_in_other_processes_and_what_it_lacks_is_one_sentence(cluster: LocalCluster) -> None:
    places = {place for _, place in run(list(range(20)), lambda task: os.getpid(), scheduler=cluster.scheduler_address)}
    assert os.getpid() not in places

    class Unknown:
        def __reduce__(self) -> Any:
            return __import__, ("no_such_module",)

    unknown: Any = Unknown()
    with pytest.raises(ScoringError, match=r"a worker cannot make its task \(ModuleNotFoundError: .*no_such_module"):
        run([1], lambda task: unknown, scheduler=cluster.scheduler_address)


def test_without_dask_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def lacking(name: str, *arguments: Any) -> Any:
        if name == "distributed":
            raise ImportError("no module", name=name)
        return original(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(
        AbsentError, match=r"package Dask: not installed \(distributed\). Install it with .*\[cluster\]"
    ):
        run([1], abs, scheduler="tcp://127.0.0.1:1")


def test_progress_counts_what_was_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    run([3, 4], abs, total=10, size=lambda task: task, show_progress=True)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "numbers: goes on after 3 of 10 tasks"
    assert last.startswith("numbers: 10 of 10 tasks, ")
