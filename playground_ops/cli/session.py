"""The stack as one command sees it: its options, the opened stack, its progress, and its end by Ctrl-C."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click

from playground_ops.cli import detached
from playground_ops.cli.console import EVIDENCE, EXIT_CANCELLED, echo
from playground_ops.cli.progress import LineProgress, Messages, Stop, display, write_error
from playground_ops.cli.repeating import keep, repeating
from playground_ops.cli.watched import Watched, in_a_thread
from playground_ops.config import Configuration
from playground_ops.context import RemoteCommand, StackContext, is_inside, reach
from playground_ops.core import messages
from playground_ops.core.model import Phase
from playground_ops.core.progress import Progress
from playground_ops.engine.context import Engine
from playground_ops.places import configuration_file, is_missing

CAPTURED = ('"evidence":', '"log_tail":')
"""Fields of a document with text from outside, in which nothing is a command of this project."""
F = TypeVar("F", bound=Callable[..., Any])


def common(command: F) -> F:
    """Add --config, --target, --context and --json to a command, with the same help everywhere."""

    @wraps(command)
    def told(**options: Any) -> Any:
        say_if_the_defaults_count(options["config"], options["as_json"])
        return command(**options)

    given = cast(F, told)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option(
            "--context",
            expose_value=False,
            callback=keep,
            help="On Kubernetes: the kubeconfig's context.  [default: the configuration's]",
        ),
        click.option(
            "--target",
            type=click.Choice(["local", "kubernetes"]),
            callback=keep,
            help="Override the target.",
        ),
        click.option(
            "--config",
            "config",
            type=click.Path(path_type=Path, dir_okay=False),
            callback=keep,
            help="The configuration file.  [default: configvalues.yaml, here or above]",
        ),
    ):
        given = option(given)
    return given


def say_if_the_defaults_count(config: Path | None, as_json: bool) -> None:
    """Tell a person that no configuration was found, and where one would be."""
    if config is not None or as_json or is_inside():
        return
    if is_missing(found := configuration_file()):
        write_error(
            f"There is no {found}, nor one in a folder above: the defaults count. "
            + repeating()("`init FOLDER` makes one.\n")
        )


def context_of_the_command() -> str | None:
    """Return the value of --context."""
    return repeating().context


T = TypeVar("T")


@dataclass(frozen=True)
class Telling:
    """When a command tells that a location serves, whether it waits for the end of its watch, and its words
    when somebody ends it before its end."""

    at_once: bool = True
    watches: bool = True
    stopping: str = "cancelling: cleaning up first"
    leaving: str = "left: it goes on without this command, and `history` tells how it ended"
    """Where another process does the work."""


AT_THE_END = Telling(at_once=False)


class Session:
    """One command's view of the stack, which is opened when it is first asked for."""

    def __init__(
        self, config: Path | None, target: str | None, as_json: bool, telling: Telling = AT_THE_END
    ) -> None:
        """Read the configuration. Raises BadInput."""
        self._as_json, self._telling = as_json, telling
        self._display, self._stop, self.watched = display(as_json), Stop(), Watched()
        self._began, self._repeating = time.monotonic(), repeating()
        self._reached = reach(config, target, context_of_the_command())
        self._remotely: RemoteCommand | None = self._reached.remote_command
        if self._remotely is None and not telling.watches:
            self._remotely = detached.command(config, target)
        self._is_elsewhere = False

    @cached_property
    def opened(self) -> StackContext:
        opened = self._reached.open()
        remotely = self.run_remotely if self._reached.remote_command else None
        engine = replace(opened.engine, progress=self.progress_of("stack"), run_remotely=remotely)
        return replace(opened, engine=engine)

    @property
    def configuration(self) -> Configuration:
        return self.opened.configuration

    @property
    def engine(self) -> Engine:
        return self.opened.engine

    def progress_of(self, location: str) -> Progress:
        return LineProgress(location, self, self._stop)

    def line(self, text: str) -> None:
        self._display.line(text)

    def tell(self, location: str, text: str) -> None:
        self._display.tell(location, text)

    def at(self, location: str, phase: Phase) -> None:
        self.watched.at(location, phase)
        self._display.at(location, phase)

    def serves(self, location: str, what: str, seconds: float) -> None:
        self._display.serves(location, what, seconds)
        self.watched.serves(location)
        if self._telling.at_once and not self._as_json and not isinstance(self._display, Messages):
            echo(f"{location}: {what} ({time.monotonic() - self._began:.1f} s)")
        self.watched.was_told()

    def engine_of(self, location: str) -> Engine:
        """Return the engine for a rollout of one location, whose progress bears its name."""
        return replace(self.engine, progress=self.progress_of(location))

    def run_remotely(self, arguments: Sequence[str]) -> int:
        """Run a command in another process, in the cluster or here, and show its output as one's own.

        Returns its exit code.
        """
        return self._elsewhere(arguments, self._hear)

    def _elsewhere(self, arguments: Sequence[str], hear: Callable[[str], None]) -> int:
        if self._remotely is None:
            raise RuntimeError("this process does it itself")
        self._is_elsewhere = True
        try:
            return self._remotely(arguments, hear, self.progress_of("stack").say)
        finally:
            self._is_elsewhere = False

    def _hear(self, line: str) -> None:
        """Show a line of a container's only log: messages go to the display, all else is the result."""
        found = messages.parsed(line)
        if found is None:
            echo(self._as_here(line))
        elif found[messages.KEY] == "progress" and "location" in found:
            self.tell(found["location"], found["text"])
        elif found[messages.KEY] == "progress":
            self.line(found["text"])
        elif found[messages.KEY] == "phase":
            self.at(found["location"], Phase(found["phase"]))
        elif found[messages.KEY] == "serves":
            self.serves(found["location"], found["what"], found["seconds"])

    def _as_here(self, line: str) -> str:
        """Return a line of the inside with its commands as they are given here; what was captured stays."""
        if self._as_json:
            return line if line.lstrip().startswith(CAPTURED) else self._repeating.in_json(line)
        return line if line.startswith(EVIDENCE) else self._repeating(line)

    def leave_to_the_inside(self, *arguments: str) -> None:
        """Where servers are out of reach, run the command in the cluster and exit with its code."""
        if self._remotely is not None:
            given = [*arguments, *(["--json"] if self._as_json else [])]
            raise click.exceptions.Exit(self.run(lambda: self.run_remotely(given)))

    @property
    def is_outside(self) -> bool:
        """Whether servers are out of reach, so that a command in the cluster has to ask them."""
        return self._remotely is not None

    def answer(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and the output of a command that runs in the cluster."""
        lines: list[str] = []
        code = self._elsewhere(arguments, lines.append)
        return code, "\n".join(lines)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread. Ctrl-C stops it between two steps, and it cleans up.

        Where everything serves, Ctrl-C ends only the watch. What another process does goes on without this
        one. Raises click's Exit when one leaves.
        """
        with self._display:
            ending = in_a_thread(work)
            try:
                self._wait(ending)
            except KeyboardInterrupt:
                self._stop_or_leave(ending)
            return ending.result()

    def _wait(self, ending: Future[Any]) -> None:
        wait([ending] if self._telling.watches else [ending, self.watched.told], None, FIRST_COMPLETED)
        if not ending.done():
            self._leave(0)

    def _stop_or_leave(self, ending: Future[Any]) -> None:
        serves = self.watched.all_serve
        if self._is_elsewhere:
            self._leave(0 if serves else EXIT_CANCELLED)
        if serves:
            self._stop.left.set()
        else:
            self.line(self._telling.stopping)
            self._stop.cancelled.set()
        wait([ending])

    def _leave(self, code: int) -> NoReturn:
        self.line(self._telling.leaving)
        raise click.exceptions.Exit(code)
