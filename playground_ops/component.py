"""The parts of a stack, as values: how they are to run, and how they do."""

from __future__ import annotations

from typing import Literal

from playground_ops.errors import Finding
from playground_ops.value import Value


class Component(Value):
    """A part of the stack and the settings that decide how it runs."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres"]
    settings: dict[str, str]
    """Flat and readable: what a plan shows before and after. Holds no secret."""


class End(Value):
    """How a process of a component ended that another one has replaced since."""

    at: str
    how: str
    out_of_memory: bool = False


class Usage(Value):
    """What the container that is nearest to its limit takes just now."""

    container: str
    memory_bytes: int
    """Its working set: what can't be had back without ending something."""
    memory_limit_bytes: int | None = None
    millicores: int = 0
    """Of a processor, on average over the last measured seconds."""
    limit_millicores: int | None = None

    @property
    def filled(self) -> float:
        """Part of the limit of memory; 0 without one."""
        return self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


class ComponentStatus(Value):
    """How a component's process or processes do."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres"]
    ready: bool
    since: str | None = None
    restarts: int = 0
    last_end: End | None = None
    message: str = ""
    """What was seen last: waiting for what, how it ended."""
    finding: Finding | None = None
    """Why it is not ready, where that is known."""
    usage: Usage | None = None
    """None where nobody measures it."""
