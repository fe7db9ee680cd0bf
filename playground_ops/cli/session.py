"""The stack as one command sees it: its options, the opened stack, its progress, and its end by Ctrl-C."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from playground_ops.cli.progress import LineProgress, display
from playground_ops.config import Configuration
from playground_ops.context import open_stack
from playground_ops.core import messages
from playground_ops.core.model import Phase
from playground_ops.core.progress import Progress
from playground_ops.engine.context import Engine

_CONTEXT = "playground_ops.context"
F = TypeVar("F", bound=Callable[..., Any])


def common(command: F) -> F:
    """Add --config, --target, --context and --json to a command, with the same help everywhere."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option(
            "--context",
            expose_value=False,
            callback=_keep_context,
            help="On Kubernetes: the kubeconfig's context.  [default: the configuration's]",
        ),
        click.option("--target", type=click.Choice(["local", "kubernetes"]), help="Override the target."),
        click.option(
            "--config",
            "config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The configuration file.  [default: configvalues.yaml of this project]",
        ),
    ):
        command = option(command)
    return command


def context_of_the_command() -> str | None:
    """Return the value of --context."""
    current = click.get_current_context(silent=True)
    return current.meta.get(_CONTEXT) if current else None


def _keep_context(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[_CONTEXT] = value


T = TypeVar("T")


class Session:
    def __init__(self, config: Path | None, target: str | None, as_json: bool) -> None:
        self._as_json = as_json
        self._display = display(as_json)
        self._cancelled = threading.Event()
        opened = open_stack(config, target, context=context_of_the_command())
        self._remote_command = opened.remote_command
        remotely = self.run_remotely if opened.remote_command else None
        engine = replace(opened.engine, progress=self.progress_of("stack"), run_remotely=remotely)
        self.opened = replace(opened, engine=engine)

    @property
    def configuration(self) -> Configuration:
        return self.opened.configuration

    @property
    def engine(self) -> Engine:
        return self.opened.engine

    def progress_of(self, location: str) -> Progress:
        return LineProgress(location, self._display, self._cancelled)

    def run_remotely(self, arguments: Sequence[str]) -> int:
        """Run a command inside the cluster and show its output here. Returns its exit code."""
        return self._inside(arguments, self._hear)

    def _inside(self, arguments: Sequence[str], hear: Callable[[str], None]) -> int:
        if self._remote_command is None:
            raise RuntimeError("this process does it itself")
        return self._remote_command(arguments, hear, self.engine.progress.say)

    def _hear(self, line: str) -> None:
        """Show a line of a container's only log: messages go to the display, all else is the result."""
        found = messages.parsed(line)
        if found is None:
            click.echo(line)
        elif found[messages.KEY] == "progress":
            self._display.line(found["text"])
        elif found[messages.KEY] == "phase":
            self._display.at(found["location"], Phase(found["phase"]))

    def leave_to_the_inside(self, *arguments: str) -> None:
        """Where servers are out of reach, run the command in the cluster and exit with its code."""
        if self.engine.run_remotely is not None:
            given = [*arguments, *(["--json"] if self._as_json else [])]
            raise click.exceptions.Exit(self.run(lambda: self.run_remotely(given)))

    def heard(self, *arguments: str) -> str:
        """Return the output of a command that runs in the cluster."""
        lines: list[str] = []
        self._inside(arguments, lines.append)
        return "\n".join(lines)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, so that Ctrl-C stops it between two steps and it cleans up."""
        with ThreadPoolExecutor(max_workers=1) as pool, self._display:
            future = pool.submit(work)
            try:
                return future.result()
            except KeyboardInterrupt:
                self._display.line("cancelling: cleaning up first")
                self._cancelled.set()
                return future.result()
