"""Plans: desired components compared with live ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from playground_ops.core.component import Component
from playground_ops.core.frozen_model import FrozenModel

ChangeAction = Literal["create", "update", "delete", "unchanged"]


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


class Drift(FrozenModel):
    """A field that somebody else added, and that applying leaves as it is."""

    path: str
    manager: str


class Change(FrozenModel):
    component: str
    kind: Literal["webserver", "daemon", "location", "postgres", "stack"]
    action: ChangeAction
    object: str | None = None
    """The object that changes: on Kubernetes a component has several, each with its own change."""
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[Drift, ...] = ()
    needs_bootstrap: bool = False
    """Whether it is part of the foundation and this process, with `ops`'s rights, can't change it."""
    manifest: Mapping[str, Any] | None = Field(default=None, exclude=True, repr=False)
    """The object itself, as it is to be applied or as it was found; it is in no document of a plan."""


class Plan(FrozenModel):
    changes: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        return not self.changed()

    def changed(self) -> tuple[Change, ...]:
        """Return the changes that a deploy from here would make."""
        return tuple(
            change for change in self.changes if change.action != "unchanged" and not change.needs_bootstrap
        )

    def needing_bootstrap(self) -> tuple[Change, ...]:
        """Return the deviations from the configuration that can't be changed from here."""
        return tuple(found for found in self.changes if found.needs_bootstrap and found.action != "unchanged")

    def summary(self) -> str:
        counts = dict.fromkeys(("create", "update", "delete", "unchanged"), 0)
        for change in self.changes:
            counts[change.action] += not (change.needs_bootstrap and change.action != "unchanged")
        parts = [f"{count} to {action}" for action, count in counts.items() if action != "unchanged"]
        waiting = len(self.needing_bootstrap())
        more = [f"{waiting} need bootstrap"] if waiting else []
        return ", ".join([*parts, f"{counts['unchanged']} unchanged", *more])


def plan(desired: Sequence[Component], live: Sequence[Component]) -> Plan:
    """Return one change per component: desired ones in their order, then those to delete."""
    found = {component.name: component for component in live}
    wanted = {component.name for component in desired}
    changes = [_change(component, found.get(component.name)) for component in desired]
    gone = [
        Change(component=component.name, kind=component.kind, action="delete")
        for component in live
        if component.name not in wanted
    ]
    return Plan(changes=(*changes, *gone))


def explained(whole: Plan, explain: Callable[[Change], tuple[FieldChange, ...]]) -> Plan:
    """Return the plan with the fields of each rollout as `explain` tells them."""
    return Plan(
        changes=tuple(
            change.model_copy(update={"fields": explain(change)})
            if change.action == "update" and change.kind == "location" and change.object is None
            else change
            for change in whole.changes
        )
    )


def only(whole: Plan, components: Sequence[str]) -> Plan:
    """Return the part of a plan about these components; all of it when none is named."""
    if not components:
        return whole
    return Plan(changes=tuple(change for change in whole.changes if change.component in components))


def _change(desired: Component, live: Component | None) -> Change:
    if live is None:
        fields = _fields({}, desired.settings)
        return Change(component=desired.name, kind=desired.kind, action="create", fields=fields)
    fields = _fields(live.settings, desired.settings)
    return Change(
        component=desired.name, kind=desired.kind, action="update" if fields else "unchanged", fields=fields
    )


def _fields(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=path, before=before.get(path), after=after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )
