"""What a running rollout reports to a terminal, a pipe or a Dagster run, and how a person stops it."""

from typing import Protocol

from playground_ops.core.errors import Finding
from playground_ops.core.model import Phase, Release, RolloutRecord


class RolloutCancelled(Exception):
    """A person asked the rollout to stop. It cleans up after itself and reports that."""

    record: RolloutRecord | None = None
    """The record of the rollout, if it got as far as having one."""
    finding: Finding | None = None
    """What was left, where it was no rollout."""


class WatchLeft(RolloutCancelled):
    """A person who saw the release serve does not wait until its watch ends. It goes on serving."""


class Progress(Protocol):
    def phase(self, phase: Phase, message: str) -> None:
        """Report that a new phase begins."""

    def serves(self, release: Release, seconds: float) -> None:
        """Report that `release` serves, confirmed, and that it is watched for `seconds` from now on."""

    def say(self, message: str) -> None:
        """Report a step within the phase; for a wait, what it waits for."""

    def warn(self, message: str) -> None:
        """Report something that does not stop the rollout and that a person should know."""

    def check(self) -> None:
        """Raise RolloutCancelled if the rollout is to stop."""


class SilentProgress:
    """Reports nothing and never stops; the base of classes that report."""

    def phase(self, phase: Phase, message: str) -> None: ...

    def serves(self, release: Release, seconds: float) -> None: ...

    def say(self, message: str) -> None: ...

    def warn(self, message: str) -> None: ...

    def check(self) -> None: ...
