"""One command's view of the stack: opened, with a story for each location, stopped by Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from playground_ops.cli.console import LineStory, to_nobody, to_stderr
from playground_ops.config import Configuration
from playground_ops.opening import Opened, open_stack
from playground_ops.rollout import Engine
from playground_ops.story import Story

T = TypeVar("T")


class Session:
    def __init__(self, config: Path | None, target: str | None, as_json: bool) -> None:
        self._out = to_nobody if as_json else to_stderr
        self._cancelled = threading.Event()
        opened = open_stack(config, target)
        engine = replace(opened.engine, story=self.story_of("stack"))
        self.opened = Opened(opened.configuration, engine)

    @property
    def configuration(self) -> Configuration:
        return self.opened.configuration

    @property
    def engine(self) -> Engine:
        return self.opened.engine

    def story_of(self, location: str) -> Story:
        return LineStory(location, self._out, self._cancelled)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, so that Ctrl-C stops it between two steps and it cleans up."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            try:
                return future.result()
            except KeyboardInterrupt:
                self._out("cancelling: cleaning up first")
                self._cancelled.set()
                return future.result()
