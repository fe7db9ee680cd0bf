"""What would change: desired components against live ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from playground_ops.core.component import Component
from playground_ops.core.frozen_model import FrozenModel

ChangeAction = Literal["create", "update", "delete", "unchanged"]


class FieldChange(FrozenModel):
    path: str
    before: str | None
    after: str | None
    manager: str | None = None
    """Who set the value that would be replaced, when it was not the stack."""


class Drift(FrozenModel):
    """A field that somebody else added, and that applying leaves as it is."""

    path: str
    manager: str


class Change(FrozenModel):
    component: str
    kind: Literal["webserver", "daemon", "location", "postgres", "stack"]
    action: ChangeAction
    object: str | None = None
    """On Kubernetes a component has several, each with its own change."""
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[Drift, ...] = ()
    needs_bootstrap: bool = False
    """Part of the foundation, and seen from where that can't be changed: with `ops`'s rights."""
    manifest: Mapping[str, Any] | None = Field(default=None, exclude=True, repr=False)
    """The object itself, as it is to be applied or as it was found; it is in no document of a plan."""


class Plan(FrozenModel):
    changes: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        return not self.changed()

    def changed(self) -> tuple[Change, ...]:
        """What a deploy from here would change."""
        return tuple(
            change for change in self.changes if change.action != "unchanged" and not change.needs_bootstrap
        )

    def needing_bootstrap(self) -> tuple[Change, ...]:
        """What is not as the configuration has it, and can't be changed from here."""
        return tuple(found for found in self.changes if found.needs_bootstrap and found.action != "unchanged")

    def summary(self) -> str:
        counts = dict.fromkeys(("create", "update", "delete", "unchanged"), 0)
        for change in self.changes:
            counts[change.action] += not (change.needs_bootstrap and change.action != "unchanged")
        told = [f"{count} to {action}" for action, count in counts.items() if action != "unchanged"]
        waiting = len(self.needing_bootstrap())
        more = [f"{waiting} need bootstrap"] if waiting else []
        return ", ".join([*told, f"{counts['unchanged']} unchanged", *more])


def plan(desired: Sequence[Component], live: Sequence[Component]) -> Plan:
    """One change per component: desired ones in their order, then what is to go."""
    found = {component.name: component for component in live}
    wanted = {component.name for component in desired}
    changes = [_change(component, found.get(component.name)) for component in desired]
    gone = [
        Change(component=component.name, kind=component.kind, action="delete")
        for component in live
        if component.name not in wanted
    ]
    return Plan(changes=(*changes, *gone))


def only(whole: Plan, components: Sequence[str]) -> Plan:
    """The part of a plan that is about these components; all of it when none is named."""
    if not components:
        return whole
    return Plan(changes=tuple(change for change in whole.changes if change.component in components))


def _change(desired: Component, live: Component | None) -> Change:
    if live is None:
        fields = _fields({}, desired.settings)
        return Change(component=desired.name, kind=desired.kind, action="create", fields=fields)
    fields = _fields(live.settings, desired.settings)
    return Change(
        component=desired.name,
        kind=desired.kind,
        action="update" if fields else "unchanged",
        fields=fields,
    )


def _fields(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=path, before=before.get(path), after=after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )
