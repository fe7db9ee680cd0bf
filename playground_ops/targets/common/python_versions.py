"""Reads which Pythons a project requires, as each build tool has it."""

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.repository_files import name_of, read_text, shown, unfit
from playground_ops.targets.common.toml_files import table

LONGEST = 1000
"""Characters of a specifier. A number of more than 4300 digits is none for Python."""
_SPACES = re.compile(r"[^\S\n]{100,}")
"""What takes configparser quadratic time."""
_POETRY = re.compile(r"([\^~])\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def requires_python(checkout: Path, directory: Path, tables: Mapping[str, Any]) -> str | None:
    """Return it as a version specifier; None where nothing is said. `tables`: those of `pyproject.toml`.

    Raises PlaygroundError (certain) for a `setup.cfg` that can't be read.
    """
    said = table(tables, "project").get("requires-python")
    if not said:
        said = of_poetry(table(tables, "tool", "poetry", "dependencies").get("python"))
    if not said:
        said = setup_cfg(checkout, directory).get("options", "python_requires", fallback=None)
    return said if isinstance(said, str) and said else None


def of_poetry(constraint: object) -> str | None:
    """Translate a constraint of Poetry; None where it is none that a specifier can say."""
    if isinstance(constraint, dict):
        constraint = constraint.get("version")
    if not isinstance(constraint, str) or "|" in constraint or constraint.strip() in ("", "*"):
        return None
    if len(constraint) > LONGEST:
        return constraint  # no specifier either, as is told where it is used
    return ",".join(_specifier(part) for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", constraint.strip()))


def _specifier(part: str) -> str:
    found = _POETRY.fullmatch(part)
    if found is None:
        return part if re.match(r"[<>=!~]", part) else f"=={part}"
    sign, major, minor, micro = found.groups()
    first = ".".join(one for one in (major, minor, micro) if one is not None)
    below = f"{int(major) + 1}" if sign == "^" or minor is None else f"{major}.{int(minor) + 1}"
    return f">={first},<{below}"


def setup_cfg(checkout: Path, directory: Path) -> configparser.ConfigParser:
    """Return `setup.cfg` of a folder; empty where it is missing. Raises PlaygroundError (certain)."""
    file = directory / "setup.cfg"
    found = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        found.read_string(_SPACES.sub(" ", read_text(checkout, file) or ""))
    except (configparser.Error, ValueError) as error:
        name, why = name_of(checkout, file), shown(str(error)).rstrip(".")
        raise PlaygroundError(unfit(name, "It can't be read.", f"{why}.")) from error
    return found
