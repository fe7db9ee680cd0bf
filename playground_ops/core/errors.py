"""Faults as values: what a person needs to know about something that went wrong.

Nothing in the product raises a bare sentence. A `Finding` holds the parts, and `sentence()` is the
one place that puts them together.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from playground_ops.core.model import RolloutRecord


class FindingKind(str, Enum):
    """Why something failed, which decides what may be done about it without a person."""

    CERTAIN = "certain"
    """The same input fails again until somebody changes something. Rejects the commit if it is the code's."""
    TRANSIENT = "transient"
    """Network, git, package index, database: the same input may pass later. Retried to a deadline."""
    CAPACITY = "capacity"
    """No room: disk, memory, ports, a quota. Waited for a while, and never held against the commit."""


class Finding(BaseModel):
    """One observed fault."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: FindingKind
    object: str
    """What it is about, as `kind/name`: `release/a-3`, `repository/https://...`."""
    observed: str
    cause: str
    fix: str
    evidence: str = ""
    """The last lines of a log or git's own words, already redacted; may be empty."""
    whose: Literal["code", "surroundings"] = "code"
    """Whom a certain one is held against: a Secret that is missing says nothing about the commit."""

    def sentence(self) -> str:
        return f"{self.object}: {self.observed} {self.cause} {self.fix}".strip()

    @property
    def rejects(self) -> bool:
        """Whether the same commit with the same configuration is not worth another try."""
        return self.kind is FindingKind.CERTAIN and self.whose == "code"


class PlaygroundError(Exception):
    """Something failed and is explained by at least one finding."""

    record: RolloutRecord | None = None
    """What is on record of the rollout that failed, where it came so far."""

    def __init__(self, *findings: Finding) -> None:
        if not findings:
            raise ValueError("a PlaygroundError needs a finding")
        self.findings = findings
        super().__init__("\n".join(finding.sentence() for finding in findings))

    @property
    def finding(self) -> Finding:
        return self.findings[0]


class BadInput(PlaygroundError):
    """What a person wrote (configuration, arguments) is wrong; nothing was touched."""


class RolloutFailed(PlaygroundError):
    """A rollout ended without moving its location; what served before still serves."""


class LockLost(PlaygroundError):
    """The location's lock went to somebody else while this process was away."""


class LockHeld(PlaygroundError):
    """Somebody else holds the location's lock; the finding says who and since when."""
