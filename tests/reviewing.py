"""A person who decides as soon as a candidate waits for it."""

from __future__ import annotations

from playground_ops.core.model import Phase, Verdict
from playground_ops.core.progress import SilentProgress
from playground_ops.core.target import Target
from playground_ops.engine.approval import decide


class Reviewer(SilentProgress):
    """Reviews location `a`. Without a verdict: a person who is asked and gives none."""

    def __init__(self, target: Target, verdict: Verdict | None) -> None:
        self._target, self._said = target, verdict
        self.asked = False

    def phase(self, phase: Phase, message: str) -> None:
        self.asked = self.asked or phase is Phase.APPROVE

    def check(self) -> None:
        if self.asked and self._said is not None:
            decide(self._target, "a", self._said)
            self._said = None
