"""Runs the programs of this folder that need a build tool's library, each in an environment of its own."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.toml_files import read_toml, strings, table
from playground_ops.targets.packages import refusals
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.locked import Requirements, urls
from playground_ops.targets.packages.uv import Uv, explain

POETRY_CORE = "poetry-core==2.5.0"
"""Poetry's own library that reads its files; it depends on nothing."""
BUILD = "build==1.6.1"
"""PyPA's front end of build backends."""
_FOLDER = Path(__file__).parent


def of_poetry(project: Project, interpreter: Interpreter, uv: Uv) -> Requirements:
    """Return what a project of Poetry needs, from its lock if that is taken. Raises PlaygroundError."""
    declared = project.declared
    is_locked = declared.kind == "poetry.lock"
    arguments = [str(_FOLDER / "with_poetry.py"), str(project.directory / "pyproject.toml")]
    arguments += ["--lock", str(declared.file)] if is_locked else []
    for option, names in (("--extra", declared.selection.extras), ("--group", declared.selection.groups)):
        arguments += [part for name in names for part in (option, name)]
    with tempfile.TemporaryDirectory() as elsewhere:
        libraries = [POETRY_CORE, "packaging", "tomli; python_version < '3.11'"]
        told = _run(replace(uv, folder=Path(elsewhere)), interpreter, libraries, arguments)
    found: Mapping[str, Any] = json.loads(told)
    if found.get("error"):
        raise PlaygroundError(refusals.unreadable(project, str(found["error"])))
    if found["unknown"]:
        raise PlaygroundError(refusals.unknown(project, found["unknown"]))
    if found["missing"]:
        raise PlaygroundError(refusals.stale(project, found["missing"]))
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    indexes = found["indexes"] if is_locked else urls(table(tables, "tool", "poetry").get("source"))
    return Requirements(found["requirements"], indexes, is_complete=is_locked)


def of_backend(project: Project, interpreter: Interpreter, uv: Uv) -> list[str]:
    """Return the requirements that the project's build backend tells. Raises PlaygroundError.

    The backend runs the project's code and may write into its folder: `project` is in a copy.
    """
    if os.environ.get("UV_NO_BUILD", "").lower() in ("1", "true", "t", "yes", "y", "on"):
        raise PlaygroundError(refusals.no_builds(project))
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    needs = strings(table(tables, "build-system").get("requires")) or ["setuptools"]
    for _ in range(2):
        with tempfile.TemporaryDirectory() as elsewhere:
            result = Path(elsewhere, "result.json")
            arguments = [str(_FOLDER / "with_build.py"), str(project.directory), str(result)]
            _run(replace(uv, folder=project.directory), interpreter, [BUILD, *needs], arguments)
            found = _told(result)
        if found.get("error"):
            raise PlaygroundError(refusals.not_told(project, str(found["error"])))
        if "requires" in found:
            return [one.replace(project.checkout.as_uri(), "file://{root}") for one in found["requires"]]
        needs += found["needs"]
    raise PlaygroundError(refusals.not_told(project, f"It wants {', '.join(found['needs'])}."))


def _told(result: Path) -> Mapping[str, Any]:
    """Return what the program wrote. The project's own code ran in its process, and may have ended it."""
    try:
        found = json.loads(result.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {"error": "It ended before it could tell"}
    return found if isinstance(found, dict) else {"error": "It told something else"}


def _run(uv: Uv, interpreter: Interpreter, libraries: Sequence[str], arguments: Sequence[str]) -> str:
    """Return its standard output. Raises PlaygroundError with uv's words where the libraries can't be had."""
    given = [part for library in libraries for part in ("--with", library)]
    command = ["run", "--quiet", "--isolated", "--no-project", "--python", str(interpreter.path), *given]
    # At first from what uv has: what was asked before needs no index. The programs tell of their own faults.
    for offline in (["--offline"], []):
        finished = uv.run([*command, *offline, "python", *arguments])
        if finished.code == 0:
            return finished.output
    raise PlaygroundError(explain(uv.thing, finished.words))
