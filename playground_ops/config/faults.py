"""From what the validation found to faults a person can act on."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from playground_ops.config import keys
from playground_ops.config.fault import Fault, Steps
from playground_ops.config.shown import kind_of, path_of, shown, value_shown

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`, without quotes",
    "list_type": "a list, each entry beginning with a dash",
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
}


def faults(error: ValidationError) -> list[Fault]:
    return [_one(found) for found in error.errors(include_url=False)]


def _one(found: Any) -> Fault:
    steps, kind, value = _steps(found["loc"]), found["type"], found["input"]
    if kind == "extra_forbidden":
        return _unknown_key(steps)
    if kind == "missing":
        return Fault(steps, "nothing", "a value, this key is required", f"Add `{steps[-1]}`.")
    # What code is given in its environment may be a secret, though it should not.
    hidden = "environment" in steps and steps[0] == "code_locations" and found["loc"][-1] != "[key]"
    seen = kind_of(value) if hidden else value_shown(value)
    return Fault(steps, seen, _expected(found), _fix(steps, kind, value))


def _steps(location: Steps) -> Steps:
    """Without the step that only the validation knows: the key of a mapping, and not its value."""
    return location[:-1] if len(location) > 1 and location[-1] == "[key]" else location


def _expected(found: Any) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {context[key]:g}"
    if "expected" in context:
        return f"one of {context['expected']}"
    return str(found["msg"])


def _fix(steps: Steps, kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, bool):
        return "Put it in quotes: YAML reads on, off, yes, no, true and false as booleans."
    if kind == "string_type" and value is None:
        return 'Give it a value, `""` for an empty one, or remove it.'
    if kind == "model_type" and steps[:1] == ("code_locations",) and len(steps) == 2:
        return "Write `- name: ...`, with the other keys of the location below."
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return "Write digits, without quotes or unit."
    return f"Correct `{path_of(steps)}`."


def _unknown_key(steps: Steps) -> Fault:
    key, above = str(steps[-1]), steps[:-1]
    known = ", ".join(keys.keys_at(above))
    return Fault(steps, f"the unknown key `{shown(key)}`", f"one of: {known}", keys.meant(key, above))
