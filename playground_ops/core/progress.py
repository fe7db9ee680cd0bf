"""What a rollout tells while it runs: the phases, what it waits for, and its warnings.

The same story is a progress display on a terminal, plain lines in a pipe, and the log of a Dagster
run. It is also where a person's wish to stop comes in: `check` is asked in every wait.
"""

from __future__ import annotations

from typing import Protocol

from playground_ops.core.model import Phase, RolloutRecord


class RolloutCancelled(Exception):
    """A person asked for the rollout to stop. It cleans up after itself and says so."""

    record: RolloutRecord | None = None
    """What is on record of it, where it came so far."""


class Progress(Protocol):
    def phase(self, phase: Phase, message: str) -> None:
        """A new phase begins."""

    def say(self, message: str) -> None:
        """Something worth a line within the phase; for a wait, what it waits for."""

    def warn(self, message: str) -> None:
        """Something that does not stop the rollout and that a person should know."""

    def check(self) -> None:
        """Raise RolloutCancelled if the rollout is to stop."""


class SilentProgress:
    """Tells nobody and never stops; the base for stories that tell."""

    def phase(self, phase: Phase, message: str) -> None: ...

    def say(self, message: str) -> None: ...

    def warn(self, message: str) -> None: ...

    def check(self) -> None: ...
