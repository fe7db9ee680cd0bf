"""Displays of a rollout's progress: plain lines, a live line below them on a terminal, or nothing."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from playground_ops.cli.repeating import repeating
from playground_ops.core import messages
from playground_ops.core.messages import message
from playground_ops.core.model import Phase, Release
from playground_ops.core.progress import RolloutCancelled, WatchLeft
from playground_ops.core.redact import printable

TICK_SECONDS = 0.5
ERASE = "\r\x1b[K"


class Shown(Protocol):
    """What the progress of rollouts is shown on."""

    def line(self, text: str) -> None:
        """Print one more line."""

    def tell(self, location: str, text: str) -> None:
        """Print one more line about a location, with the seconds since the command began."""

    def at(self, location: str, phase: Phase) -> None:
        """Set the phase that a location is in from now on."""

    def serves(self, location: str, what: str, seconds: float) -> None:
        """Report that a location serves `what`, and is watched for `seconds` from now on."""


class Display(Shown, Protocol):
    """A context manager around the work; it may be entered again for what comes after that."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display(as_json: bool) -> Display:
    """Choose the display. With --json, standard output is one document and standard error stays empty."""
    if as_json:
        return NoDisplay()
    if os.environ.get(messages.LINES):
        return Messages()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return LiveLine()
    return Lines()


class NoDisplay:
    def __init__(self) -> None:
        self._began, self._repeating = time.monotonic(), repeating()

    def line(self, text: str) -> None: ...

    def tell(self, location: str, text: str) -> None:
        self.line(f"{time.monotonic() - self._began:6.1f} s  {location:<10} {text}")

    def at(self, location: str, phase: Phase) -> None: ...

    def serves(self, location: str, what: str, seconds: float) -> None: ...

    def __enter__(self) -> NoDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Lines(NoDisplay):
    """Plain lines on standard error, for a pipe or a file."""

    def line(self, text: str) -> None:
        write_error(f"{_line(self._repeating(text))}\n")


class Messages(NoDisplay):
    """Writes JSON messages for another process of this project, which displays them as its own."""

    def line(self, text: str) -> None:
        write_error(f"{message('progress', text=text)}\n")

    def tell(self, location: str, text: str) -> None:
        """Send no time: what displays it has the clock that the person began with the command."""
        write_error(f"{message('progress', location=location, text=text)}\n")

    def at(self, location: str, phase: Phase) -> None:
        write_error(f"{message('phase', location=location, phase=phase.value)}\n")

    def serves(self, location: str, what: str, seconds: float) -> None:
        write_error(f"{message('serves', location=location, what=what, seconds=seconds)}\n")


class LiveLine(NoDisplay):
    """Prints the same lines, and below them one with the phase of each location and the seconds in it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        self._at: dict[str, tuple[Phase, float]] = {}

    def line(self, text: str) -> None:
        with self._lock:
            write_error(f"{ERASE}{_line(self._repeating(text))}\n{self._live()}")

    def at(self, location: str, phase: Phase) -> None:
        with self._lock:
            self._at[location] = (phase, time.monotonic())

    def serves(self, location: str, what: str, seconds: float) -> None:
        with self._lock:
            self._at[location] = (Phase.WATCH, time.monotonic() + seconds)

    def __enter__(self) -> LiveLine:
        self._ended.clear()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._ticker is not None:
            self._ticker.join()
        write_error(ERASE)

    def _tick(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                write_error(f"{ERASE}{self._live()}")

    def _live(self) -> str:
        """Return the live line, cut to the terminal: a wrapped line can't be erased. Retiring isn't shown."""
        under_way = [
            _shown(name, phase, time.monotonic() - since)
            for name, (phase, since) in self._at.items()
            if phase is not Phase.RETIRE and not self._ended.is_set()
        ]
        return ", ".join(under_way)[: shutil.get_terminal_size().columns - 1]


def _shown(location: str, phase: Phase, seconds: float) -> str:
    """Return what the live line says of a location. A watch counts down; a person may leave it."""
    if phase is Phase.WATCH:
        return f"{location} {phase.value}, {max(0.0, -seconds):.0f} s left (Ctrl-C leaves it)"
    return f"{location} {phase.value} for {seconds:.0f} s"


@dataclass
class Stop:
    """A person's wish that work stops."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    """What serves is not to be watched any longer."""

    def check(self, location: str) -> None:
        """Raise RolloutCancelled, or WatchLeft."""
        if self.cancelled.is_set():
            raise RolloutCancelled(location)
        if self.left.is_set():
            raise WatchLeft(location)


class LineProgress:
    """Prints one line per event of a location."""

    def __init__(self, location: str, shown: Shown, stop: Stop) -> None:
        self._location, self._display, self._stop = location, shown, stop

    def phase(self, phase: Phase, message: str) -> None:
        self._display.at(self._location, phase)
        self._tell(f"{phase.value}: {message}")

    def serves(self, release: Release, seconds: float) -> None:
        self._display.serves(self._location, serving(release), seconds)
        self._tell(f"{Phase.WATCH.value}: release {release.number} serves; watching it for {seconds:g} s")

    def say(self, message: str) -> None:
        self._tell(f"  {message}")

    def warn(self, message: str) -> None:
        self._tell(f"  warning: {message}")

    def check(self) -> None:
        self._stop.check(self._location)

    def _tell(self, message: str) -> None:
        self._display.tell(self._location, message)


def serving(release: Release) -> str:
    """Return the words for a release that serves."""
    revision = release.revision
    return f"release {release.number} serves {revision.short} {revision.subject}".rstrip()


def _line(text: str) -> str:
    """Return one line: another one in it would look as if this program had said it."""
    return printable(text).replace("\n", " ")


def write_error(text: str) -> None:
    """Write to standard error. Raises nothing: a reader that went away must not fail a rollout."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return
