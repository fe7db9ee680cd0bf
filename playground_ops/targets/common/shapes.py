"""The types of what is read from files of a repository; all other keys may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from pydantic import ValidationError

from playground_ops.targets.common.lock_shapes import Lock, PdmLock, Pipfile, PipfileLock, Pylock
from playground_ops.targets.common.pyproject_shape import DgFile, PyProject
from playground_ops.targets.common.repository_files import shown


class Shape(Enum):
    """What a file holds."""

    PYPROJECT = PyProject
    DG = DgFile
    LOCK = Lock
    PDM_LOCK = PdmLock
    PYLOCK = Pylock
    PIPFILE = Pipfile
    PIPFILE_LOCK = PipfileLock

    @classmethod
    def named(cls, name: str) -> Shape | None:
        """Return the shape of the file with that name; None: nothing of it is read."""
        return cls.PYLOCK if name.startswith("pylock.") else _NAMED.get(name)


_NAMED = {
    "pyproject.toml": Shape.PYPROJECT,
    "dg.toml": Shape.DG,
    "uv.lock": Shape.LOCK,
    "poetry.lock": Shape.LOCK,
    "pdm.lock": Shape.PDM_LOCK,
    "Pipfile": Shape.PIPFILE,
    "Pipfile.lock": Shape.PIPFILE_LOCK,
}
_WANTED = {
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "bool_type": "`true` or `false`",
}
MOST_TOLD = 5


def wrong_types(found: Mapping[str, Any], shape: Shape | None) -> list[tuple[str, str]]:
    """Return what is wrong and what is wanted, as sentences, for each key with a value of another type."""
    if shape is None:
        return []
    try:
        shape.value.model_validate(found)
    except ValidationError as error:
        return _told(found, error)
    return []


def _told(found: Mapping[str, Any], error: ValidationError) -> list[tuple[str, str]]:
    wanted: dict[str, list[str]] = {}
    observed: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False):
        key, value = _place(found, one["loc"])
        missing = one["type"] == "missing"
        name = f"{key}.{one['loc'][-1]}".lstrip(".") if missing else key
        observed[name] = f"`{shown(name)}` is {'missing' if missing else _kind(value)}."
        is_wanted = "a value" if missing else _WANTED.get(one["type"], one["msg"])
        if is_wanted not in wanted.setdefault(name, []):
            wanted[name].append(is_wanted)
    # Where it may be one of several, the one that it comes nearest to is told.
    nearest = [name for name in wanted if not any(one.startswith((f"{name}.", f"{name}[")) for one in wanted)]
    return [
        (observed[name], f"{' or '.join(wanted[name]).capitalize()} is wanted there.")
        for name in nearest[:MOST_TOLD]
    ]


def _place(found: Any, steps: Sequence[str | int]) -> tuple[str, Any]:
    """Return the key that an error is about, and its value; names of types are among the steps."""
    key = ""
    for step in steps:
        if isinstance(step, int) and isinstance(found, list) and step < len(found):
            key, found = f"{key}[{step}]", found[step]
        elif isinstance(found, dict) and step in found:
            key, found = f"{key}.{step}".lstrip("."), found[step]
    return key, found


def _kind(value: Any) -> str:
    kinds = {dict: "a table", list: "a list", str: "a text", bool: "`true` or `false`"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "a date or time")
