"""The log of a run that outlives an outage of Dagster's database, and the engine's progress in it.

Cancelling the run cancels the rollout.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import dagster as dg

from playground_ops.core.model import Phase, Release
from playground_ops.core.progress import Progress, RolloutCancelled
from playground_ops.core.redact import printable

SLOW_SECONDS = 3.0
"""A write that took longer may be one that Dagster gave up before it could report that: it is repeated."""
WAIT_SECONDS = 900.0
"""Seconds that a run whose work is done waits for the database."""
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Line:
    level: str
    text: str


class RunLog:
    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._held: deque[Line] = deque()
        self._away = False

    @property
    def pause(self) -> float | None:
        """Return the seconds until another try is worth it; None: everything is written."""
        return PAUSE_SECONDS if self._held else None

    def write(self, line: Line) -> None:
        self._held.append(line)
        self.flush()

    def flush(self) -> None:
        """Write held back lines as far as possible. An interruption leaves the rest for the next call."""
        while self._held:
            if not self._is_written(self._held[0]):
                return
            self._held.popleft()

    def wait(self) -> None:
        """Return when everything is written, or after WAIT_SECONDS."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._held and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            self.flush()

    def _is_written(self, line: Line) -> bool:
        began, text = time.monotonic(), printable(line.text)
        try:
            self._log.log(line.level, text)
            if time.monotonic() - began > SLOW_SECONDS:
                self._log.log(line.level, text)
        except Exception as error:  # any storage's error: all of them come from the database
            if not self._away:
                print(f"held back until the database answers: {error}", file=sys.stderr, flush=True)
            self._away = True
            return False
        self._away = False
        return True


T = TypeVar("T")


Lines = SimpleQueue[Line | None]
"""The lines to log; None: the work has ended."""


class RunProgress:
    """Puts one location's progress into the queue, from whatever thread its rollout runs in."""

    def __init__(self, location: str, lines: Lines, cancelled: threading.Event) -> None:
        self._location, self._lines, self._cancelled = location, lines, cancelled

    def phase(self, phase: Phase, message: str) -> None:
        self._lines.put(Line("info", f"{self._location} · {phase.value}: {message}"))

    def serves(self, release: Release, seconds: float) -> None:
        self.phase(Phase.WATCH, f"release {release.number} serves; watching it for {seconds:g} s")

    def say(self, message: str) -> None:
        self._lines.put(Line("info", f"{self._location} · {message}"))

    def warn(self, message: str) -> None:
        self._lines.put(Line("warning", f"{self._location} · {message}"))

    def check(self) -> None:
        if self._cancelled.is_set():
            raise RolloutCancelled(self._location)


@dataclass(frozen=True)
class LoggedWork(Generic[T]):
    """How the work ended, and whether somebody cancelled the run meanwhile."""

    future: Future[T]
    interruption: BaseException | None

    def result(self) -> T:
        """Return the result. Raises what the work raised, or the interruption of a cancelled run."""
        try:
            return self.future.result()
        except RolloutCancelled as error:
            raise self.interruption or error from error

    def raise_if_cancelled(self, failures: Sequence[BaseException]) -> None:
        """Raise the interruption if it cancelled a rollout; a run that was done by then is a success."""
        if self.interruption and any(isinstance(error, RolloutCancelled) for error in failures):
            raise self.interruption


def run_logged(log: dg.DagsterLogManager, work: Callable[[Callable[[str], Progress]], T]) -> LoggedWork[T]:
    """Do the work in a thread of its own and log its progress.

    Returns when it has ended and all is written, or when the database was away for too long after that.
    """
    page = RunLog(log)
    lines: Lines = SimpleQueue()
    cancelled = threading.Event()
    interruption: BaseException | None = None
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(work, lambda location: RunProgress(location, lines, cancelled))
    future.add_done_callback(lambda _: lines.put(None))
    pool.shutdown(wait=False)
    ended = False
    while True:
        try:
            if ended:
                page.wait()
                return LoggedWork(future, interruption)
            line = lines.get(timeout=page.pause)
            if line is None:
                ended = True
            else:
                page.write(line)
        except Empty:
            page.flush()
        except BaseException as error:  # Dagster's interruption is not an Exception
            interruption = interruption or error
            if ended:
                return LoggedWork(future, interruption)
            if not cancelled.is_set():
                cancelled.set()
                lines.put(Line("warning", "cancelled: cleaning up; the serving releases stay"))
