"""The story of an engine's work as the log of a Dagster run, and a cancelled run as a cancelled rollout.

Several rollouts are told at once, each from its own thread; Dagster's log belongs to the op's thread.
So stories put their lines into a queue and the op's thread writes them. That thread is also the one
that Dagster interrupts when somebody cancels the run: it then asks every story to stop, and goes on
writing until the rollouts have cleaned up. A line that can't be written stops nothing: it waits.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import dagster as dg

from playground_ops.defs.runlog import Line, RunLog
from playground_ops.model import Phase
from playground_ops.story import RolloutCancelled, Story

T = TypeVar("T")


Lines = SimpleQueue[Line | None]
"""None: the work has ended."""


class RunStory:
    """One location's story, told in whatever thread its rollout runs in."""

    def __init__(self, location: str, lines: Lines, cancelled: threading.Event) -> None:
        self._location, self._lines, self._cancelled = location, lines, cancelled

    def phase(self, phase: Phase, message: str) -> None:
        self._lines.put(Line("info", f"{self._location} · {phase.value}: {message}"))

    def say(self, message: str) -> None:
        self._lines.put(Line("info", f"{self._location} · {message}"))

    def warn(self, message: str) -> None:
        self._lines.put(Line("warning", f"{self._location} · {message}"))

    def check(self) -> None:
        if self._cancelled.is_set():
            raise RolloutCancelled(self._location)


@dataclass(frozen=True)
class Told(Generic[T]):
    """How the work ended, and whether somebody cancelled the run meanwhile."""

    future: Future[T]
    interruption: BaseException | None

    def result(self) -> T:
        """Raises what the work raised; of a cancelled run the interruption."""
        try:
            return self.future.result()
        except RolloutCancelled as error:
            raise self.interruption or error from error

    def raise_if_cancelled(self, failures: Sequence[BaseException]) -> None:
        """A run that was cancelled after its rollouts were done is a success: nothing was cancelled."""
        if self.interruption and any(isinstance(error, RolloutCancelled) for error in failures):
            raise self.interruption


def tell(log: dg.DagsterLogManager, work: Callable[[Callable[[str], Story]], T]) -> Told[T]:
    """Do the work in a thread of its own and log what its stories tell.

    Returns when it has ended and all is written, or when the database was away for too long after that.
    """
    page = RunLog(log)
    lines: Lines = SimpleQueue()
    cancelled = threading.Event()
    interruption: BaseException | None = None
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(work, lambda location: RunStory(location, lines, cancelled))
    future.add_done_callback(lambda _: lines.put(None))
    pool.shutdown(wait=False)
    ended = False
    while True:
        try:
            if ended:
                page.wait()
                return Told(future, interruption)
            line = lines.get(timeout=page.pause)
            if line is None:
                ended = True
            else:
                page.write(line)
        except Empty:
            page.flush()
        except BaseException as error:  # Dagster's interruption is no Exception
            interruption = interruption or error
            if ended:
                return Told(future, interruption)
            if not cancelled.is_set():
                cancelled.set()
                lines.put(Line("warning", "cancelled: cleaning up; the serving releases stay"))
