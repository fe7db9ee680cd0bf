"""What differs between two sets of definitions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from playground_ops.model import Defined
from playground_ops.plan import FieldChange
from playground_ops.value import Value


class Difference(Value):
    change: Literal["added", "removed", "changed"]
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    """Of what is there on both sides."""


def differences(before: Sequence[Defined], after: Sequence[Defined]) -> tuple[Difference, ...]:
    """By kind and name; what is alike is left out."""
    one, other = ({(each.kind, each.name): each.fields for each in side} for side in (before, after))
    found = []
    for kind, name in sorted({*one, *other}):
        mine, theirs = one.get((kind, name)), other.get((kind, name))
        if mine is None or theirs is None:
            found.append(Difference(change="added" if mine is None else "removed", kind=kind, name=name))
        elif mine != theirs:
            found.append(Difference(change="changed", kind=kind, name=name, fields=_fields(mine, theirs)))
    return tuple(found)


def _fields(before: dict[str, str], after: dict[str, str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
