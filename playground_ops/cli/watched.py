"""The work of a command in a thread, and which of its locations serve already: then one may leave."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from playground_ops.core.model import Phase


class Watched:
    """Follows the phases of the locations that a command acts on."""

    def __init__(self) -> None:
        self.serving: set[str] = set()
        """The locations that were reported to serve, and are watched."""
        self.told: Future[None] = Future()
        """Done as soon as it was told of every location that is under way that it serves."""
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def at(self, location: str, phase: Phase) -> None:
        with self._lock:
            if phase is not Phase.RETIRE and location not in self.serving:
                self._under_way.add(location)

    def serves(self, location: str) -> None:
        with self._lock:
            self.serving.add(location)
            self._under_way.discard(location)

    @property
    def all_serve(self) -> bool:
        with self._lock:
            return bool(self.serving) and not self._under_way

    def was_told(self) -> None:
        """Note that the person was told of what serves."""
        if self.all_serve and not self.told.done():
            self.told.set_result(None)


T = TypeVar("T")


def in_a_thread(work: Callable[[], T]) -> Future[T]:
    """Begin the work in a thread that does not keep the process alive. Returns how it will have ended."""
    ending: Future[T] = Future()

    def run() -> None:
        try:
            ending.set_result(work())
        except BaseException as error:
            ending.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return ending
