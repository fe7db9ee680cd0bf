"""One field that differs, in a plan or between the definitions of two releases."""

from __future__ import annotations

from playground_ops.core.frozen_model import FrozenModel

LONGEST = 200
"""Characters of a value that a person is shown; a document of a plan has it whole."""


class FieldChange(FrozenModel):
    path: str
    before: str | None
    after: str | None
    manager: str | None = None
    """Who set the value that would be replaced, where that was not the stack."""

    def in_short(self) -> FieldChange:
        """Return it for a person: of texts with lines those that differ, cut to LONGEST characters."""
        before, after = self.before or "", self.after or ""
        if "\n" in before + after:
            old, new = before.splitlines(), after.splitlines()
            before = "; ".join(line.strip() for line in old if line not in new)
            after = "; ".join(line.strip() for line in new if line not in old)
        return self.model_copy(
            update={
                "before": None if self.before is None else _cut(before),
                "after": None if self.after is None else _cut(after),
            }
        )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
