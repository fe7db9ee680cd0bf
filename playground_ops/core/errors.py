"""Faults as values: what a person needs to know about something that went wrong.

Nothing in the product raises a bare sentence. A `Finding` holds the parts, and only `sentence()` puts them
together.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from playground_ops.core.redact import printable, redact


class FindingKind(str, Enum):
    """Why something failed, which decides what may be done about it without a person."""

    CERTAIN = "certain"
    """The same input fails until somebody changes something. Rejects the commit if the code is at fault."""
    TRANSIENT = "transient"
    """Network, git, package index, database: the same input may pass later. Retried up to a deadline."""
    CAPACITY = "capacity"
    """No room: disk, memory, ports, a quota. Waited for up to a limit; the commit is never rejected."""


LONGEST_SENTENCE, LONGEST_EVIDENCE = 4_000, 40_000
"""Characters. Of evidence the end is kept."""


class Finding(BaseModel):
    """One observed fault. What is said of it may be strangers' words: it is printable and without secrets."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: FindingKind
    object: str
    """The object it is about, as `kind/name`: `release/a-3`, `repository/https://...`."""
    observed: str
    cause: str
    fix: str
    evidence: str = ""
    """The last lines of a log or git's own words; may be empty."""
    whose: Literal["code", "surroundings"] = "code"
    """What a certain fault is held against: a missing Secret says nothing about the commit."""

    @field_validator("object", "observed", "cause", "fix", "evidence")
    @classmethod
    def _can_be_shown(cls, text: str, info: ValidationInfo) -> str:
        """A fix is this project's own words; what was stored as JSON was redacted before, and is much."""
        is_redacted = info.field_name == "fix" or info.mode == "json"
        shown = printable(text) if is_redacted else redact(text)
        if info.field_name == "evidence":
            return shown[-LONGEST_EVIDENCE:]
        return shown if len(shown) <= LONGEST_SENTENCE else f"{shown[: LONGEST_SENTENCE - 2]}.."

    def sentence(self) -> str:
        return f"{self.object}: {self.observed} {self.cause} {self.fix}".strip()

    @property
    def rejects(self) -> bool:
        """Return whether the same commit with the same configuration is not worth another try."""
        return self.kind is FindingKind.CERTAIN and self.whose == "code"


certain = partial(Finding, kind=FindingKind.CERTAIN)
transient = partial(Finding, kind=FindingKind.TRANSIENT)
capacity = partial(Finding, kind=FindingKind.CAPACITY)


class PlaygroundError(Exception):
    """Something failed; at least one finding explains it."""

    record: BaseModel | None = None
    """The RolloutRecord of the rollout that failed, if it got as far as having one."""

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
