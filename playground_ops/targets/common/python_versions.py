"""Reads which Pythons a project requires, as each build tool has it."""

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground_ops.targets.common.toml_files import table

_POETRY = re.compile(r"([\^~])\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def requires_python(directory: Path, tables: Mapping[str, Any]) -> str | None:
    """Return it as a version specifier; None where nothing is said. `tables`: those of `pyproject.toml`."""
    said = table(tables, "project").get("requires-python")
    if not said:
        said = of_poetry(table(tables, "tool", "poetry", "dependencies").get("python"))
    if not said:
        said = setup_cfg(directory).get("options", "python_requires", fallback=None)
    return said if isinstance(said, str) and said else None


def of_poetry(constraint: object) -> str | None:
    """Translate a constraint of Poetry; None where it is none that a specifier can say."""
    if isinstance(constraint, dict):
        constraint = constraint.get("version")
    if not isinstance(constraint, str) or "|" in constraint or constraint.strip() in ("", "*"):
        return None
    return ",".join(_specifier(part) for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", constraint.strip()))


def _specifier(part: str) -> str:
    found = _POETRY.fullmatch(part)
    if found is None:
        return part if re.match(r"[<>=!~]", part) else f"=={part}"
    sign, major, minor, micro = found.groups()
    first = ".".join(one for one in (major, minor, micro) if one is not None)
    below = f"{int(major) + 1}" if sign == "^" or minor is None else f"{major}.{int(minor) + 1}"
    return f">={first},<{below}"


def setup_cfg(directory: Path) -> configparser.ConfigParser:
    """Return `setup.cfg` of a folder; empty where it is missing or can't be read."""
    found = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        found.read_string((directory / "setup.cfg").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return configparser.ConfigParser()
    return found
