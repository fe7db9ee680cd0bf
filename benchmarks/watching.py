"""Polls the UI over and over, as for a person who has it open."""

from __future__ import annotations

import threading
import time

from typing_extensions import Self

from tests.asking import Asking


class Repeated:
    """Does `once` so many times a second, in a thread, for the length of a `with` block."""

    def __init__(self, per_second: float) -> None:
        self._pause = 1 / per_second
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def once(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            self.once()
            due = max(due + self._pause, time.monotonic())
            self._over.wait(due - time.monotonic())


class Watcher(Repeated):
    """Asks the UI for the one asset of location `a`, and remembers when each name was first shown."""

    def __init__(self, stack: Asking, per_second: float) -> None:
        super().__init__(per_second)
        self._stack = stack
        self.first: dict[str, float] = {}
        self.shown, self.changed_at = "", 0.0
        """What is shown now, and since when."""
        self.polls = 0
        self.wrong = 0

    def once(self) -> None:
        self.polls += 1
        try:
            (asset,) = self._stack.assets("a")
            self.first.setdefault(asset, time.time())
            if asset != self.shown:
                self.changed_at, self.shown = time.time(), asset
        except Exception:
            self.wrong += 1
