"""Commands within printed text, written so that they act on the same stack when they are repeated.

Findings name a command in backticks and without the options of whoever reads them: a page of the UI has jobs
of these names, and a command line may have been given a target, a context and a file, and is started in one
of several ways (`invocation.py`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from playground_ops.cli.invocation import this_program
from playground_ops.core import messages
from playground_ops.core.commands import ALONE, COMMAND, NEUTRAL

KUBECTL = re.compile(r"`kubectl (?P<rest>[^`]*)`")
_KEY = "playground_ops.repeating"


@dataclass(frozen=True)
class Repeating:
    """The options that a command was given to say which stack it acts on."""

    config: Path | None = None
    target: str | None = None
    context: str | None = None

    def command(self, arguments: str) -> str:
        """Return a command of this project with these options."""
        return f"{self.program} {arguments}{self.options}"

    @property
    def program(self) -> str:
        """Return the words before a command."""
        return this_program()

    @property
    def options(self) -> str:
        """Return the options with a space before each; empty without any."""
        return "".join(f" {name} {shlex.quote(value)}" for name, value in self._given().items())

    def _given(self) -> Mapping[str, str]:
        given = {"--config": self.config, "--target": self.target, "--context": self.context}
        return {name: str(value) for name, value in given.items() if value}

    def __call__(self, text: str) -> str:
        """Return the text with each command of it as it can be repeated."""
        return self._repeated(text, (self.program, self.options), self._place) if "`" in text else text

    def in_json(self, line: str) -> str:
        """Do the same for a line of a JSON document."""
        if "`" not in line:
            return line
        place = {option: json.dumps(value)[1:-1] for option, value in self._place().items()}
        around = (json.dumps(self.program)[1:-1], json.dumps(self.options)[1:-1])
        return self._repeated(line, around, lambda: place)

    def _repeated(self, text: str, around: tuple[str, str], place: Callable[[], Mapping[str, str]]) -> str:
        program, options = around
        named = re.compile(rf" (?:{'|'.join(self._given())}) (?:'[^']*'|\S+)")

        def own(found: re.Match[str]) -> str:
            given = "" if found["name"] in ALONE else options
            rest = named.sub("", found["rest"]) if given else found["rest"]
            return f"`{program} {found['name']}{rest}{given}`"

        def kubectl(found: re.Match[str]) -> str:
            given = [
                f"{option} {value} " for option, value in place().items() if f"{option} " not in found["rest"]
            ]
            return f"`kubectl {''.join(given)}{found['rest']}`"

        return KUBECTL.sub(kubectl, COMMAND.sub(own, text))

    def _place(self) -> Mapping[str, str]:
        """Return the cluster and the namespace of the stack, as far as they are known."""
        from playground_ops.core.errors import PlaygroundError
        from playground_ops.places import load_configuration

        try:
            settings = load_configuration(self.config).kubernetes
        except PlaygroundError:
            return {}
        context = self.context or settings.context
        given = {"--context": context, "-n": settings.namespace}
        return {option: shlex.quote(value) for option, value in given.items() if value}


class Unchanged(Repeating):
    """Leaves text to whoever passes it on: it has the options, and a command in a cluster has none."""

    @property
    def program(self) -> str:
        return NEUTRAL

    def __call__(self, text: str) -> str:
        return text

    def in_json(self, line: str) -> str:
        return line


def keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Remember an option of the command; a callback of click."""
    context.meta.setdefault(_KEY, {})[parameter.name] = value
    return value


def repeating() -> Repeating:
    """Return the options of the command that runs now."""
    if os.environ.get(messages.LINES):
        return Unchanged()
    current = click.get_current_context(silent=True)
    return Repeating(**(current.meta.get(_KEY, {}) if current else {}))
