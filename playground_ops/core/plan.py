"""Plans: desired components compared with live ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from playground_ops.core.component import Component
from playground_ops.core.field_change import FieldChange
from playground_ops.core.frozen_model import FrozenModel

__all__ = ["Change", "ChangeAction", "Drift", "FieldChange", "Plan", "explained", "only", "plan"]

ChangeAction = Literal["create", "update", "delete", "unchanged"]


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
    notes: tuple[str, ...] = ()
    """What is to be known beside the changes, in a sentence each."""

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
    changes = tuple(change for change in whole.changes if change.component in components)
    return whole.model_copy(update={"changes": changes})


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
