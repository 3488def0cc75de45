"""Independent tasks run in this process or on a Dask cluster: submission, retries, progress, results as they come."""

import logging
import pickle
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch

from replication.absent import Absent, AbsentError
from replication.metrics import options
from replication.progress import Advance, progress
from replication.scoring.errors import ScoringError

Task = TypeVar("Task")
Result = TypeVar("Result")
State = TypeVar("State")
Submit = Callable[[Callable[[Task], Result], Task], "Future[Result]"]

_RETRIES = 3
_TIMEOUT = 5  # seconds for a scheduler to answer, twice


def run(
    tasks: Sequence[Task],
    function: Callable[[Task], Result],
    on_result: Callable[[Task, Result], None],
    *,
    label: str,
    unit: str,
    total: int,
    size: Callable[[Task], int],
    scheduler: str | None = None,
    show_progress: bool = True,
) -> None:
    """Call `on_result(task, function(task))` for every task, in the order in which they are done.

    function: for a cluster, picklable by cloudpickle; anything to be set up once in a process comes from `reused`.
    label, unit, total, size: progress is shown as `label`, in units, of which a task has `size(task)`; the units that
        no task has count as done by an earlier run.
    scheduler: address of a Dask scheduler, whose workers do the tasks; None or "" runs them in this process. On a
        cluster a task that fails, or whose worker dies, is tried again, three times.

    An error of `function`, and Ctrl-C, is raised at once; tasks that are running on a cluster are then given up.
    Raises ScoringError where no scheduler answers, where it is lost, or where tasks keep killing their workers.
    """
    if not tasks:
        return
    with ExitStack() as stack:
        stack.callback(forget)
        advance: Advance | None = None
        if show_progress:
            done = total - sum(map(size, tasks))
            advance = stack.enter_context(progress(label, total, done, unit))
        submit, most = stack.enter_context(_cluster(scheduler)) if scheduler else (_InProcess().submit, 1)
        for task, result in _completed(tasks, lambda task: submit(function, task), most):
            on_result(task, result)
            if advance is not None:
                advance(size(task))


def reused(key: Hashable, make: Callable[[], State]) -> State:
    """The result of `make`, called once for all tasks with the same key that follow each other in this thread."""
    if getattr(_of_thread, "key", None) != key:
        forget()
        _of_thread.state = make()
        _of_thread.key = key
    state: State = _of_thread.state
    return state


def forget() -> None:
    """Release what `reused` holds for this thread."""
    _of_thread.__dict__.clear()


def check_device(device: str | None) -> None:
    """Raise a ScoringError unless this process can compute on `device`."""
    try:
        if device is not None:
            options.check_device(device)
        torch.empty(0, device=device)
    except ValueError:
        raise ScoringError(
            f"cannot compute on device {device!r}; give one that torch has, cpu, cuda or cuda:1"
        ) from None
    except (AssertionError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ScoringError(f"cannot compute on device {device!r}: {reason}") from None


_of_thread = threading.local()


class _InProcess(Executor):
    """Runs what is submitted at once, in the calling thread: its futures are done."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def _cluster(address: str) -> Iterator[tuple[Callable[..., Future[Any]], int]]:
    """A function that submits (function, task) to the cluster, and how many tasks to submit at a time."""
    try:
        import cloudpickle  # type: ignore[import-untyped]
        from distributed import Client, KilledWorker
    except ImportError as error:
        how = "Install it with `pip install 'perceptual-similarity-replication[cluster]'`"
        raise AbsentError(Absent("package", "Dask", f"not installed ({error.name})", how)) from None

    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # our one message names the problem
    try:
        try:
            client: Any = Client(address, timeout=_TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError):
            raise ScoringError(
                f"no Dask scheduler answers at {address!r}; start one with `dask scheduler` and give the address that "
                "it prints, or none to compute on this machine"
            ) from None
        with client:
            executor = client.get_executor(retries=_RETRIES, pure=False)
            # Pickle tasks here; only the worker unpickles them, so the scheduler never builds networks.
            yield (
                lambda function, task: executor.submit(_unpickle_and_call, cloudpickle.dumps((function, task))),
                4 * sum(client.nthreads().values()) + 4,
            )
    except KilledWorker:
        raise ScoringError(
            "several workers of the cluster died on the same images; give each more memory, or fewer pixels in a batch"
        ) from None
    except CancelledError:
        raise ScoringError(
            f"the Dask scheduler at {address!r} was lost; start it and run this again to go on"
        ) from None
    finally:
        logger.setLevel(level)


def _unpickle_and_call(pickled: bytes) -> Any:
    try:
        function, task = pickle.loads(pickled)
    except Exception as error:
        raise ScoringError(
            f"a worker cannot make its task ({type(error).__name__}: {error}); workers need the code that this "
            "process has: metrics must be defined in a module that the workers import too"
        ) from None
    return function(task)


def _completed(
    tasks: Sequence[Task], submit: Callable[[Task], "Future[Result]"], most: int
) -> Iterator[tuple[Task, Result]]:
    """Tasks with their results as they are done; at most `most` are submitted and not done."""
    running: dict[Future[Result], Task] = {}
    for number, task in enumerate(tasks, 1):
        running[submit(task)] = task
        while len(running) >= most or (running and number == len(tasks)):
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
