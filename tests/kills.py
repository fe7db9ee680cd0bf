"""A command that dies by SIGKILL at a chosen step: `python -m tests.kills STEP WHEN COMMAND...`.

STEP is a number or the name of a method, WHEN is `before`, `after` or `inside`. A step is a method of the
Target that has an effect; between two of them nothing changes that a later rollout could find. `inside` goes
finer: a step is then one thing that the methods change in the stack's folders or ask of its supervisor, and
the kill is just before it. The process ends itself, so that the kill is exactly there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playground_ops import context
from playground_ops.cli.main import cli, guarded

EFFECTS = {
    "lock",
    "fetch",
    "start",
    "set_automation",
    "serve",
    "keep",
    "settle",
    "retire",
    "remove",
    "record",
    "apply",
    "withdraw",
}

CHANGES = {"os.rename", "os.remove", "os.symlink", "os.rmdir", "os.mkdir", "socket.connect"}
"""Events that Python reports (PEP 578) just before the system is asked for it."""


class Inside:
    """Counts what is changed while a method is under way, over all threads."""

    steps = 0
    verb = threading.local()

    def __init__(self, at: int) -> None:
        self._at = at
        self._places = [os.path.realpath(os.environ["PLAYGROUND_STATE"]), "pg-"]
        sys.addaudithook(self._heard)

    @classmethod
    @contextmanager
    def of(cls, name: str) -> Iterator[None]:
        before = getattr(cls.verb, "name", None)
        cls.verb.name = name
        try:
            yield
        finally:
            cls.verb.name = before

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        name = getattr(Inside.verb, "name", None)
        if name is None or event not in CHANGES:
            return
        told = " ".join(str(argument) for argument in arguments)
        if not any(place in told for place in self._places):
            return
        Inside.steps += 1
        if Inside.steps == self._at:
            _die(f"{event} of {name}")


class Killing:
    """Wraps a target or its stack and counts, over all of its threads, the calls that have an effect."""

    steps = 0

    def __init__(self, inner: Any, at: int | str, when: str) -> None:
        """Wrap `inner`; `at` is the number of the step, or the name of a method: its first call."""
        self._inner, self._at, self._when = inner, at, when

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "stack":
            return Killing(found, self._at, self._when)
        return self._counted(name, found) if name in EFFECTS else found

    def _counted(self, name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            Killing.steps += 1
            mine = self._at in (Killing.steps, name)
            if mine and self._when == "before":
                _die(name)
            with Inside.of(name):
                result = verb(*arguments, **named)
            if mine and self._when == "after":
                _die(name)
            return result

        return call


def _die(name: str) -> None:
    print(f"killed at {name}", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def main(at: str, when: str, *command: str) -> None:
    if when == "inside":
        Inside(int(at))
    inner = context.local_target
    context.local_target = lambda found: Killing(inner(found), int(at) if at.isdigit() else at, when)  # type: ignore[assignment]
    if command[0] == "bootstrap":
        from playground_ops.bootstrap import bootstrap

        guarded(bootstrap, "bootstrap", list(command[1:]))
    guarded(cli, "playground", list(command))


if __name__ == "__main__":
    main(*sys.argv[1:])
