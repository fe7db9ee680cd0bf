"""Reads TOML and JSON files of a checkout: bounded in size, depth and time, each value of its type."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from playground_ops.core.errors import PlaygroundError, certain
from playground_ops.targets.common.encoding import marked
from playground_ops.targets.common.repository_files import decoded, name_of, read, shown, unfit
from playground_ops.targets.common.shapes import Shape, wrong_types

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEEPEST = 50
"""Levels of tables and lists, and parts of a key."""
_LARGEST = 2**63
_PARTS = re.compile(
    r'"""[^"\\]*(?:(?:\\(?:.|\Z)|"(?!""))[^"\\]*)*(?:"{3,5}|\Z)|'
    r"'''[^']*(?:'(?!'')[^']*)*(?:'{3,5}|\Z)|"
    r'"[^"\\\n]*(?:\\(?:.|\Z)[^"\\\n]*)*(?:"|$)|'
    r"'[^'\n]*(?:'|$)|#[^\n]*|[\[\]{}.=,\n]",
    re.MULTILINE | re.DOTALL,
)
"""Texts, comments, and all that makes depth. Each is matched in linear time."""


def read_toml(path: Path, checkout: Path, shape: Shape | None = None) -> Mapping[str, Any]:
    """Return the tables of a TOML file; none where it is missing.

    `shape`: the types that what is read of it must have; without one, by the name of the file. Raises
    PlaygroundError (certain) if it can't be read, with the file, and the key where one is wrong.
    """
    content = read(checkout, path)
    return (
        {} if content is None else _tables(content, name_of(checkout, path), shape or Shape.named(path.name))
    )


@lru_cache(maxsize=4)
def _tables(content: bytes, name: str, shape: Shape | None) -> Mapping[str, Any]:
    """Parse it, once for the same content: a rollout reads each file several times."""
    if finding := marked(name, content):
        raise PlaygroundError(finding)
    text = decoded(content, name)
    if _is_deep(text):
        raise PlaygroundError(_too_deep(name))
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlaygroundError(_not_readable(name, "TOML", error)) from error
    return _checked(tables, name, shape)


def read_json(path: Path, checkout: Path) -> Mapping[str, Any]:
    """Return the object of a JSON file, as `read_toml` does."""
    name = name_of(checkout, path)
    text = decoded(read(checkout, path) or b"{}", name)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlaygroundError(_not_readable(name, "JSON", error)) from error
    return _checked(found, name, Shape.named(path.name))


def parse_toml(text: str) -> Mapping[str, Any]:
    """Return the tables of a text that a tool wrote. Raises ValueError."""
    return tomllib.loads(text)


def table(tables: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the table below `names`, one in the other; empty where there is none."""
    for name in names:
        found = tables.get(name) if isinstance(tables, dict) else None
        tables = found if isinstance(found, dict) else {}
    return tables


def strings(value: object) -> list[str]:
    """Return the texts of a list; none where it is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _checked(found: Any, name: str, shape: Shape | None) -> Mapping[str, Any]:
    """Return it if every value can be used. Raises PlaygroundError with each that can't."""
    if not isinstance(found, dict):
        raise PlaygroundError(unfit(name, "It is no table of keys and values.", "Its tool writes one."))
    for keys, value, depth in _values(found):
        if depth > DEEPEST:
            raise PlaygroundError(_too_deep(name))
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise PlaygroundError(_odd(name, keys, "a number of more than 64 bits"))
        if isinstance(value, str) and not _is_text(value):
            raise PlaygroundError(_odd(name, keys, "a text with half a character (a lone surrogate)"))
    if wrong := wrong_types(found, shape):
        raise PlaygroundError(*(unfit(name, observed, cause) for observed, cause in wrong))
    return found


def _values(found: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield every key and value with a key that leads there, without recursion."""
    waiting: list[tuple[str, Any, int]] = [("", found, 0)]
    while waiting:
        keys, value, depth = waiting.pop()
        yield keys, value, depth
        if depth <= DEEPEST and isinstance(value, dict):
            yield from ((f"{keys}.{name}", name, depth) for name in value)
            waiting += ((f"{keys}.{name}", one, depth + 1) for name, one in value.items())
        elif depth <= DEEPEST and isinstance(value, list):
            waiting += ((keys, one, depth + 1) for one in value)


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_deep(text: str) -> bool:
    """Return whether it nests deeper than is parsed. For a dotted key of 100 KB the parser takes a minute."""
    depth = dots = 0
    for found in _PARTS.finditer(text):
        part = found[0]
        if part == ".":
            dots += 1
        elif part in ("[", "{"):
            depth, dots = depth + 1, 0
        elif part in ("]", "}"):
            depth, dots = max(depth - 1, 0), 0
        elif part in ("=", ",", "\n"):
            dots = 0
        if depth > DEEPEST or dots > DEEPEST:
            return True
    return False


def _too_deep(name: str) -> Any:
    return unfit(name, "It can't be read.", f"It nests deeper than {DEEPEST} levels.")


def _odd(name: str, keys: str, what: str) -> Any:
    return unfit(name, f"`{shown(keys.lstrip('.'))}` can't be read.", f"It has {what}.")


def _not_readable(name: str, kind: str, error: Exception) -> Any:
    why = f"It nests deeper than {DEEPEST} levels" if isinstance(error, RecursionError) else shown(str(error))
    return certain(
        object=f"file/{name}",
        observed=f"It can't be read as {kind}.",
        cause=f"{why.rstrip('.')}.",
        fix="Correct the file and commit it.",
    )
