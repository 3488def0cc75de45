"""A campaign of faults: damaged inputs of every kind, and killed work. Seeded, bounded, in minutes.

A trial has failed if it ends with an exception that is no sentence for the user, hangs, ends the process, accepts
damage where a checksum shows it, runs code from a file, ends at another result than undisturbed work, or leaves or
removes files. Each kind runs in a process of its own. A trial depends on the seed, its kind and its number alone, so
that `--only KIND --first NUMBER --size 0` repeats one.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from benchmarks.faults import kills, trials

TRIALS = {
    "images": 4000,
    "tables": 2000,
    "parameters": 2000,
    "archives": 1000,
    "weights": 1000,
    "checkpoints": 100,
    "kill add": 12,
    "kill score": 6,
    "kill train": 6,
    "kill stage": 2,
}
"""How many trials of each kind are made at size 1."""

_SHOWN = 5  # failures of a kind
_TOO_LONG = {"kill": 900.0, "": 60.0}  # seconds for a trial


@dataclass
class Tally:
    """What came out for one kind: trials, failures by number of the trial, peak memory of the process in MiB."""

    kind: str
    tried: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    memory: float = 0

    def __str__(self) -> str:
        """A line of the table."""
        return f"{self.kind:<12} {self.tried:>6} {len(self.failures):>6} {self.memory:>10.0f}"


def main() -> None:
    """Run, print a table, and exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description="Damage inputs and kill work.")
    parser.add_argument("--size", type=float, default=1, help="multiple of the usual number of trials")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(TRIALS), default=list(TRIALS), metavar="KIND")
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    arguments = parser.parse_args()
    print(f"{'kind':<12} {'tried':>6} {'failed':>6} {'peak MiB':>10}", flush=True)
    failed = False
    for kind in arguments.only:
        count = max(1, round(arguments.size * TRIALS[kind]))
        tally = campaign(kind, range(arguments.first, arguments.first + count), arguments.seed)
        print(tally, flush=True)
        for number, words in list(tally.failures.items())[:_SHOWN]:
            print(f"    {number}: {words}", flush=True)
        failed = failed or bool(tally.failures)
    sys.exit(int(failed))


def campaign(kind: str, numbers: Sequence[int], seed: int = 0) -> Tally:
    """Make the trials of these numbers, in a process that is replaced where a trial ends it or does not end itself."""
    tally = Tally(kind)
    left = list(numbers)
    limit = _TOO_LONG["kill" if kind.startswith("kill") else ""]
    context = multiprocessing.get_context("spawn")
    while left:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, kind, left, seed))
        process.start()
        theirs.close()
        try:
            while left:
                if not ours.poll(limit):
                    raise TimeoutError(f"no answer after {limit:.0f} s")
                number, words, memory = ours.recv()
                tally.memory = max(tally.memory, memory)
                if number is None:
                    raise ChildProcessError(words)  # it could not be prepared: nothing can be tried
                tally.tried += 1
                left.remove(number)
                if words:
                    tally.failures[number] = words
        except ChildProcessError as error:
            return Tally(kind, tally.tried, {**tally.failures, left[0]: f"not prepared: {error}"}, tally.memory)
        except (EOFError, TimeoutError) as error:
            tally.tried += 1
            tally.failures[left.pop(0)] = str(error) or "the process ended"
        finally:
            process.kill()
            process.join()
            ours.close()
    return tally


def _work(results: Connection, kind: str, numbers: Sequence[int], seed: int) -> None:
    """In the process of a kind: (number, failure in words or "", peak memory) for every trial."""
    warnings.simplefilter("ignore")  # Pillow's, about metadata
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff reports damage there, line by line
    with tempfile.TemporaryDirectory(prefix="faults.") as folder:
        try:
            trial = (trials.KINDS | kills.KINDS)[kind](Path(folder))
        except Exception as error:
            results.send((None, f"{type(error).__name__}: {error}", _memory()))
            return
        for number in numbers:
            try:
                words = trial(Random(f"{seed} {kind} {number}"))
            except Exception as error:
                words = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            results.send((number, words, _memory()))


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
