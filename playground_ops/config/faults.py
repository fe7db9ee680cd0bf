"""The faults of a file: where each one is, what may be shown of the value, and how to correct it."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from playground_ops.config.configuration import File
from playground_ops.config.scalars import text_of
from playground_ops.config.section import Section, section_of
from playground_ops.core.errors import Finding, certain

_SHOWN_CHARACTERS = 80
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")  # RFC 3986; what else stands there may be a password
_PLAIN_KEY = re.compile(r"[\w-]{1,80}")
# Bounded, so that it stays linear on a long line.
_TOKEN = re.compile(r"([?&;#][\w.-]{0,40}(?:token|pass|secret|key|auth|sig)[\w.-]{0,40}=)[^&;\s]*", re.I)


def masked(text: str) -> str:
    """Mask the user information of a URL or of `user:password@host`, and tokens of a query.

    Everything up to the last `@` is masked: a password may contain a slash, a space or an `@`.
    """
    before, at, host = text.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    if at and slashes and _SCHEME.fullmatch(scheme):
        text = f"{scheme}://***@{host}"
    elif at and ":" in before:
        text = f"***@{host}"
    return _TOKEN.sub(r"\1***", text)


def shown(text: str) -> str:
    """Return at most 80 characters in one line, masked and printable: terminals obey control characters."""
    text = masked(text)
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def value_shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return kind_of(value)
    if value == "":
        return "empty text"
    text = str(value).lower() if isinstance(value, bool) else str(text_of(value))
    return f"`{shown(text)}` ({kind_of(value)})"


def kind_of(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "a boolean"
    if value is None:
        return "nothing"
    return "a number" if isinstance(value, int | float) else "text"


def path_of(steps: Sequence[str | int]) -> str:
    """Write a path such as `code_locations[1].repo.url`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            key = step if _PLAIN_KEY.fullmatch(step) else f'"{shown(step)}"'
            path += f".{key}" if path else key
    return path


Steps = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


@dataclass(frozen=True)
class Fault:
    """A fault, whose texts go to logs and terminals: all parts from the file have passed `shown`."""

    steps: Steps
    found: str
    expected: str
    fix: str
    line: int | None = None
    """None: the line of the value at `steps`."""


def finding(file: Path, fault: Fault, lines: Mapping[Steps, int]) -> Finding:
    path, line = path_of(fault.steps), line_of(fault, lines)
    return certain(
        object=f"{file.name}:{path}" if path else file.name,
        observed=f"Found {fault.found}{f' at line {line}' if line else ''}.",
        cause=f"Expected {fault.expected}.",
        fix=fault.fix,
    )


def line_of(fault: Fault, lines: Mapping[Steps, int]) -> int | None:
    """Return the line of the nearest existing value; None for the file as a whole."""
    if fault.line is not None:
        return fault.line
    nearest_first = (fault.steps[:length] for length in range(len(fault.steps), 0, -1))
    return next((lines[steps] for steps in nearest_first if steps in lines), None)


_CALLED_OTHERWISE = re.compile(r"(?<![a-z])(branch|tag|commit|revision|rev)(?![a-z])")
"""Other names for a `ref`, as whole words: `\\b` takes an underscore for a letter."""


def keys_at(steps: Steps) -> list[str]:
    section: type[Section] = File
    for step in steps:
        if isinstance(step, str) and step in section.model_fields:
            section = section_of(section.model_fields[step]) or section
    return sorted(section.model_fields)


def meant(key: str, steps: Steps) -> str:
    """Suggest how to correct an unknown key that stands under `steps`."""
    known = keys_at(steps)
    as_ref = _CALLED_OTHERWISE.sub("ref", key.lower())
    if as_ref in known:
        return f"Did you mean `{as_ref}`?"
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    elsewhere = [path for path in every_path(File) if path[-1] == key.lower()]
    if elsewhere:
        return f"Did you mean `{path_of(elsewhere[0])}`?"
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)
    return f"Remove it; the nearest known key is `{near[0]}`."


def every_path(section: type[Section], above: Steps = ()) -> Iterator[Steps]:
    """Yield all keys below a section in its order; 0 stands for any item of a list."""
    for key, field in section.model_fields.items():
        yield (*above, key)
        inner = section_of(field)
        if inner is not None:
            listed: Steps = (0,) if key in ("code_locations", "deployments") else ()
            yield from every_path(inner, (*above, key, *listed))


_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`, without quotes",
    "tuple_type": "a list, each entry beginning with a dash",
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
    """Remove pydantic's own step `[key]`, which means a mapping's key instead of its value."""
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
    return str(found["msg"]).replace("Tuple", "List")  # which it is in the file


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
    known = ", ".join(keys_at(above))
    return Fault(steps, f"the unknown key `{shown(key)}`", f"one of: {known}", meant(key, above))
