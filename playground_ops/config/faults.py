"""From what the validation found to findings a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from playground_ops.config import rules
from playground_ops.config.schema import File
from playground_ops.errors import Finding, FindingKind

_SHOWN_CHARACTERS = 80


def fault(file: Path, path: str, found: str, expected: str, fix: str) -> Finding:
    """Every word of it may come from the file, so all of it is masked."""
    return Finding(
        kind=FindingKind.CERTAIN,
        object=rules.masked(f"{file.name}:{path}" if path else file.name),
        observed=rules.masked(f"Found {found}."),
        cause=rules.masked(f"Expected {expected}."),
        fix=rules.masked(fix),
    )


def faults(file: Path, error: ValidationError) -> list[Finding]:
    return [_one(file, found) for found in error.errors(include_url=False)]


def path_of(location: Sequence[str | int]) -> str:
    """`code_locations[1].repo.url`, without the parts that only the validation knows."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path


def _one(file: Path, found: Any) -> Finding:
    path, kind = path_of(found["loc"]), found["type"]
    if kind == "extra_forbidden":
        return _unknown_key(file, found["loc"])
    if kind == "missing":
        return fault(file, path, "nothing", "a value, this key is required", f"Add `{found['loc'][-1]}`.")
    expected = str(found["ctx"]["error"]) if kind == "value_error" else _expected(found)
    return fault(file, path, _shown(found["input"]), expected, f"Correct `{path}`.")


def _expected(found: Any) -> str:
    if found["type"] in ("model_type", "dict_type"):
        return "a mapping of keys to values"
    message = str(found["msg"])
    message = message.removeprefix("Input should be ").removeprefix("a valid ")
    return message[0].lower() + message[1:]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = rules.masked(value)
    text = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return f"`{text}` ({_yaml_type(value)})"


def _yaml_type(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else type(value).__name__


def _unknown_key(file: Path, location: Sequence[str | int]) -> Finding:
    key = str(location[-1])
    known = sorted(_keys_at(location[:-1]))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    fix = f"Did you mean `{near[0]}`?" if near else "Remove it."
    return fault(file, path_of(location), f"the unknown key `{key}`", f"one of: {', '.join(known)}", fix)


def _keys_at(location: Sequence[str | int]) -> list[str]:
    model: type[BaseModel] = File
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            inner = _model_in(model.model_fields[part].annotation)
            model = inner or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
