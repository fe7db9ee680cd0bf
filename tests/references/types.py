"""What the type of a field says: its own type, and what stands beside it."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from playground_ops.config.section import Section, WrittenAs
from playground_ops.config.shape import Matching, Shape


@dataclass(frozen=True)
class Typed:
    """A type without `Annotated`, and its annotations from the inside to the outside."""

    plain: Any
    beside: tuple[Any, ...] = ()

    @property
    def section(self) -> type[Section] | None:
        written = [one.form for one in self.beside if isinstance(one, WrittenAs)]
        found = written[-1] if written else self.plain
        return found if isinstance(found, type) and issubclass(found, Section) else None

    @property
    def is_list(self) -> bool:
        return get_origin(self.plain) is tuple

    @property
    def is_mapping(self) -> bool:
        return get_origin(self.plain) is dict

    @property
    def choices(self) -> list[Any] | None:
        if get_origin(self.plain) is Literal:
            return list(get_args(self.plain))
        if isinstance(self.plain, type) and issubclass(self.plain, Enum):
            return [one.value for one in self.plain]
        return None

    @property
    def inner(self) -> list[Typed]:
        """Return the type of items, or those of key and value."""
        return [typed(one) for one in get_args(self.plain) if one is not ...]

    @property
    def shapes(self) -> list[Shape]:
        """Return them from the inside to the outside."""
        made = [
            Shape(pattern=one.pattern, longest=one.longest) if isinstance(one, Matching) else one
            for one in self.beside
        ]
        return [one for one in made if isinstance(one, Shape)]

    def bound(self, name: str) -> Any:
        """Return a bound such as `ge`; None without it."""
        found = [value for one in self.beside if (value := getattr(one, name, None)) is not None]
        return found[-1] if found else None


def typed(annotation: Any, beside: Sequence[Any] = ()) -> Typed:
    """Return the type; what may be None is what it is otherwise, as each key may be left empty."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return typed(inner, (*_flat(more), *beside))
    if origin in (Union, types.UnionType):
        some = [one for one in get_args(annotation) if one is not type(None)]
        if len(some) == 1:
            return typed(some[0], beside)
    return Typed(annotation, tuple(beside))


def of_field(field: FieldInfo) -> Typed:
    return typed(field.annotation, _flat(field.metadata))


def _flat(beside: Sequence[Any]) -> list[Any]:
    """Replace pydantic's `Field(ge=1)` by what it holds."""
    return [one for found in beside for one in (found.metadata if isinstance(found, FieldInfo) else [found])]
