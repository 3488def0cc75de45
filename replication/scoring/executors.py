"""Where tasks run, behind the standard library's Executor: in this process, or on a Dask cluster."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import Any

from replication.scoring.errors import ScoringError

_RETRIES = 3
_PATIENCE = 5  # seconds for a scheduler to answer, twice


class Here(Executor):
    """Runs what is submitted at once, in the calling thread: its futures are done."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def dask(address: str) -> Iterator[tuple[Executor, int]]:
    """The Dask cluster of the scheduler at `address`, as an Executor, and how many tasks to give it at once.

    A task that fails, or whose worker dies, is tried again, a few times. ScoringError where no scheduler answers, where
    it is lost, or where tasks keep killing their workers.
    """
    from distributed import Client, KilledWorker

    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what goes wrong is said once, by us
    try:
        try:
            client: Any = Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError):
            raise ScoringError(
                f"no Dask scheduler answers at {address!r}; start one with `dask scheduler` and give the address that "
                "it prints, or none to compute on this machine"
            ) from None
        with client:
            threads = sum(client.nthreads().values())
            yield client.get_executor(retries=_RETRIES, pure=False), 4 * threads + 4
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
