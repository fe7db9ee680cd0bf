"""Reads TOML files of a checkout."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground_ops.core.errors import PlaygroundError, certain
from playground_ops.targets.common.encoding import marked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path, checkout: Path) -> Mapping[str, Any]:
    """Return the tables of a TOML file; none where it is missing. Raises PlaygroundError if it is invalid."""
    name = path.relative_to(checkout).as_posix() if path.is_relative_to(checkout) else path.name
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if finding := marked(name, content):
        raise PlaygroundError(finding)
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlaygroundError(
            certain(
                object=f"file/{name}",
                observed="It can't be read as TOML.",
                cause=f"{error}.",
                fix="Correct the file and commit it.",
            )
        ) from error


def table(tables: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the table below `names`, one in the other; empty where there is none."""
    for name in names:
        found = tables.get(name) if isinstance(tables, dict) else None
        tables = found if isinstance(found, dict) else {}
    return tables


def strings(value: object) -> list[str]:
    """Return the texts of a list; none where it is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
