"""The JSON Schema of a configuration file, for editors: it takes all that the program takes.

An editor reads YAML 1.2, where `on` and `yes` are text; the program reads 1.1, where they are booleans. The
schema takes both. It can't tell what the program finds by looking at several keys at once.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from playground_ops.config.configuration import File
from playground_ops.config.section import Section
from tests.references.examples import examples
from tests.references.texts import text_of
from tests.references.types import Typed, of_field, typed

PATH = Path(__file__).parents[2] / "playground_ops/configvalues.schema.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCALAR = r'(?:"(?:[^"\\\n]|\\.)*"|[\d.]+)'
_SHORT_LIST = re.compile(rf"\[\n\s+{_SCALAR}(?:,\n\s+{_SCALAR})*\n\s+\]")
_NULL = {"type": "null"}
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": ["boolean", "string"], "pattern": "^(?:[oO]n|ON|[oO]ff|OFF|[yY]es|YES|[nN]o|NO)$"},
    Any: {},
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "max_length": "maxItems",
}


def text() -> str:
    """Return it with short lists on one line."""
    spread = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    return _SHORT_LIST.sub(lambda found: f"[{', '.join(re.findall(_SCALAR, found[0]))}]", spread)


def schema() -> dict[str, Any]:
    made = Made()
    root = made.section(File)
    return {
        "$schema": _DRAFT,
        "title": "configvalues.yaml",
        "description": "What a stack is: its code locations, where it runs, and how.",
        **root,
        "$defs": dict(sorted(made.named.items())),
    }


class Made:
    def __init__(self) -> None:
        self.named: dict[str, dict[str, Any]] = {}
        """Schemas of sections, by the names of their classes."""

    def section(self, section: type[Section]) -> dict[str, Any]:
        """Return its schema; null is what a section with all its keys commented out is read as."""
        required = [key for key, field in section.model_fields.items() if field.is_required()]
        return {
            "type": ["object", "null"],
            "properties": {
                key: self._key(section, key, field) for key, field in section.model_fields.items()
            },
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def _key(self, section: type[Section], key: str, field: FieldInfo) -> dict[str, Any]:
        found = self.value(of_field(field))
        if not field.is_required():
            found = _or_nothing(found)
        default = field.default.value if isinstance(field.default, Enum) else field.default
        shown = examples().get((section, key), [])
        return {
            **found,
            "description": text_of(section, key).plain,
            **({"default": default} if isinstance(default, str | int | float) else {}),
            **({"examples": shown} if shown else {}),
        }

    def value(self, of: Typed) -> dict[str, Any]:
        found = self._plain(of)
        if more := [shape.also for shape in of.shapes if shape.also]:
            return _any_of(found, *self._others(reduce(or_, more)))
        return found

    def _plain(self, of: Typed) -> dict[str, Any]:
        if of.section:
            return self._reference(of.section)
        if of.choices:
            return {"enum": of.choices}
        if of.is_list:
            (item,) = of.inner
            return {"type": "array", "items": self._item(item), **_bounds(of)}
        if of.is_mapping:
            return self._mapping(*of.inner)
        return {**_PLAIN[of.plain], **_bounds(of), **_shaped(of)}

    def _reference(self, section: type[Section]) -> dict[str, Any]:
        name = section.__name__
        if name not in self.named:
            self.named[name] = {}
            self.named[name] = self.section(section)
        return {"$ref": f"#/$defs/{name}"}

    def _item(self, of: Typed) -> dict[str, Any]:
        """Return the schema of an item, which is never nothing."""
        found = self.value(of)
        return {**found, "type": "object"} if "$ref" in found else found

    def _mapping(self, key: Typed, value: Typed) -> dict[str, Any]:
        inner = self.value(value)
        if key.choices:
            known = dict.fromkeys(key.choices, inner)
            return {"type": "object", "properties": known, "additionalProperties": False}
        names = _shaped(key)
        return {
            "type": "object",
            **({"propertyNames": names} if names else {}),
            "additionalProperties": inner or True,
        }

    def _others(self, also: Any) -> list[dict[str, Any]]:
        found = typed(also)
        if found.plain is also and getattr(also, "__args__", None) and found.choices is None:
            return [self.value(typed(one)) for one in also.__args__]
        return [self.value(found)]


def _bounds(of: Typed) -> dict[str, Any]:
    return {word: of.bound(name) for name, word in _BOUNDS.items() if of.bound(name) is not None}


def _shaped(of: Typed) -> dict[str, Any]:
    """Return what shapes say of text: an outer one adds to an inner one, or replaces it."""
    found: dict[str, Any] = {}
    for shape in of.shapes:
        found |= {"pattern": f"^(?:{shape.pattern})$"} if shape.pattern else {}
        found |= {"maxLength": shape.longest} if shape.longest else {}
        found |= {"enum": list(shape.one_of)} if shape.one_of else {}
        found |= {"not": {"enum": list(shape.not_one_of)}} if shape.not_one_of else {}
    return found


def _or_nothing(found: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that may be left out behind its key. That of a section says so itself."""
    return found if "$ref" in found or not found else _any_of(found, _NULL)


def _any_of(*each: dict[str, Any]) -> dict[str, Any]:
    """Return one schema with several types where keywords allow it: editors tell its faults best."""
    flat = [inner for one in each for inner in (one["anyOf"] if set(one) == {"anyOf"} else [one])]
    if any(one == {"type": "string"} for one in flat):
        flat = [{"type": "boolean"} if one == _PLAIN[bool] else one for one in flat]
    together: dict[str, Any] = {}
    apart = []
    for one in flat:
        is_plain = "type" in one and "$ref" not in one and "enum" not in one
        shared = together.keys() & (one.keys() - {"type"}) or set(_kinds(together)) & set(_kinds(one))
        if is_plain and not shared:
            kinds = [*_kinds(together), *(kind for kind in _kinds(one) if kind not in _kinds(together))]
            together = {**together, **one, "type": kinds}
        else:
            apart.append(one)
    if together:
        kinds = _kinds(together)
        apart.append({**together, "type": kinds[0] if len(kinds) == 1 else kinds})
    return apart[0] if len(apart) == 1 else {"anyOf": apart}


def _kinds(found: dict[str, Any]) -> list[str]:
    kind = found.get("type", [])
    return [kind] if isinstance(kind, str) else kind
