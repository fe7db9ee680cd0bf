"""One command's view of the stack: opened, with a story for each location, stopped by Ctrl-C."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from playground_ops.cli.options import context_of_the_command
from playground_ops.cli.telling import ToldStory, teller
from playground_ops.config import Configuration
from playground_ops.opening import open_stack
from playground_ops.rollout import Engine
from playground_ops.story import Story

T = TypeVar("T")
STORY = re.compile(r" *\d+\.\d s  ")
"""How a line of `ToldStory` begins."""


class Session:
    def __init__(self, config: Path | None, target: str | None, as_json: bool) -> None:
        self._as_json = as_json
        self._told = teller(as_json)
        self._cancelled = threading.Event()
        opened = open_stack(config, target, context=context_of_the_command())
        self._errand = opened.errand
        elsewhere = self.elsewhere if opened.errand else None
        engine = replace(opened.engine, story=self.story_of("stack"), elsewhere=elsewhere)
        self.opened = replace(opened, engine=engine)

    @property
    def configuration(self) -> Configuration:
        return self.opened.configuration

    @property
    def engine(self) -> Engine:
        return self.opened.engine

    def story_of(self, location: str) -> Story:
        return ToldStory(location, self._told, self._cancelled)

    def elsewhere(self, arguments: Sequence[str]) -> int:
        """Run a command inside the cluster, and show what it says here; its exit code."""
        if self._errand is None:
            raise RuntimeError("this process makes rollouts itself")

        def hear(line: str) -> None:
            """A container has one log: what is no line of the story is the command's result."""
            if STORY.match(line):
                self._told.line(line)
            else:
                click.echo(line)

        return self._errand(arguments, hear, self.engine.story.say)

    def leave_to_the_inside(self, *arguments: str) -> None:
        """Where servers are out of reach: the same command, in the cluster; and end with its code."""
        if self.engine.elsewhere is not None:
            given = [*arguments, *(["--json"] if self._as_json else [])]
            raise click.exceptions.Exit(self.run(lambda: self.elsewhere(given)))

    def heard(self, *arguments: str) -> str:
        """What a command prints that runs in the cluster."""
        lines: list[str] = []
        if self._errand is None:
            raise RuntimeError("this process can do it itself")
        self._errand(arguments, lines.append, self.engine.story.say)
        return "\n".join(lines)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, so that Ctrl-C stops it between two steps and it cleans up."""
        with ThreadPoolExecutor(max_workers=1) as pool, self._told:
            future = pool.submit(work)
            try:
                return future.result()
            except KeyboardInterrupt:
                self._told.line("cancelling: cleaning up first")
                self._cancelled.set()
                return future.result()
