"""The log of a run that outlives an outage of Dagster's database.

A line that can't be written is an exception in the op that writes it, after some 11 s of Dagster's own
retries (and as many again for the report that it could not). Here it is held back, with those after it,
and written when the database is back: nothing that is told decides how the work goes.
"""

import sys
import time
from collections import deque
from dataclasses import dataclass

import dagster as dg

SLOW_SECONDS = 3.0
"""A write that took longer may be one that Dagster gave up before it could report that: it is made twice."""
WAIT_SECONDS = 900.0
"""How long a run whose work is done waits for the database."""
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
        """Seconds until it is worth trying again; None: everything is written."""
        return PAUSE_SECONDS if self._held else None

    def write(self, line: Line) -> None:
        self._held.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what is held back, as far as it can be. An interruption leaves it for the next time."""
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
        began = time.monotonic()
        try:
            self._log.log(line.level, line.text)
            if time.monotonic() - began > SLOW_SECONDS:
                self._log.log(line.level, line.text)
        except Exception as error:  # of any storage: all of them are the database's
            if not self._away:
                print(f"held back until the database answers: {error}", file=sys.stderr, flush=True)
            self._away = True
            return False
        self._away = False
        return True
