"""Reading images ahead of their use in worker processes; threads would take turns, because decoding holds a lock."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from replication.datasets.images import Pixels
from replication.datasets.rated import Readable

_log = logging.getLogger(__name__)
_PIXELS_AHEAD = 2**26  # decoded or being decoded before they are needed: some 200 MB, and twice that in the workers


class Decoder:
    """Reads images ahead of their use, in the order in which they will be read.

    images: in the order of the calls of `read` or `read_hashed`; images may be passed over.
    workers: number of processes. With 0, each image is read when `read` is called, in this process. Workers import
        neither torch nor the caller's script, and end when this process ends, even if it is killed.

    The size of the last image bounds how far ahead images are read, so that memory does not depend on their number. Use
    it as a context manager. Errors are those of the image's own `read_hashed`.
    """

    def __init__(self, images: Iterable[Readable], workers: int) -> None:
        self._images = iter(images)
        self._most = 4 * workers
        self._depth = min(2, workers)  # until the size of the images is known
        self._ahead: deque[tuple[Readable, Future[tuple[Pixels, str]]]] = deque()
        self._pool: ProcessPoolExecutor | None = None
        if workers:
            self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def read(self, image: Readable) -> Pixels:
        """Pixels of `image`, uint8 (H, W, 3)."""
        return self.read_hashed(image)[0]

    def read_hashed(self, image: Readable) -> tuple[Pixels, str]:
        """The same pixels, and the digest of the content that they were decoded from."""
        if self._pool is None:
            return image.read_hashed()
        try:
            self._look_ahead(self._pool)
            while self._ahead and self._ahead[0][0] is not image:
                self._ahead.popleft()[1].cancel()
                self._look_ahead(self._pool)
            pixels, digest = self._ahead.popleft()[1].result() if self._ahead else image.read_hashed()
            self._depth = max(1, min(self._most, _PIXELS_AHEAD // max(1, pixels.size // 3)))
            self._look_ahead(self._pool)
        except BrokenProcessPool:  # one was killed, or cannot import the class of the images
            _log.warning("the processes that decode images have died; decoding goes on in this one, more slowly")
            self._pool, self._ahead = None, deque()
            return image.read_hashed()
        return pixels, digest

    def _look_ahead(self, pool: ProcessPoolExecutor) -> None:
        while len(self._ahead) < self._depth:
            image = next(self._images, None)
            if image is None:
                return
            with _without_main():
                self._ahead.append((image, pool.submit(_read, image)))


def _read(image: Readable) -> tuple[Pixels, str]:
    return image.read_hashed()


def _start() -> None:
    """Prepare a new worker: it ignores Ctrl-C, which is for the parent, and ends when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not run the caller's script again.

    By default they would, to make its definitions available. A script without `if __name__ == "__main__":` would fail,
    and one that imports torch would take seconds and hundreds of megabytes in each process.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
