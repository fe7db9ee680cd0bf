"""The content of a project's environment as a key: the same declaration gives the same key."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

from packaging.utils import canonicalize_name

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common import pins, pyproject, requirement_files
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import read_text, stays_inside
from playground_ops.targets.common.sources import content_hash
from playground_ops.targets.common.toml_files import read_toml, table
from playground_ops.targets.packages import locked, own_paths, refusals
from playground_ops.targets.packages.interpreters import Interpreter

_OF_POETRY = ("dependencies", "dev-dependencies", "extras", "group", "source")
_OF_PDM = ("dev-dependencies", "resolution", "source")
_OF_THE_PROJECT = ("dependencies", "optional-dependencies", "dynamic", "requires-python")


def needs_backend(project: Project) -> bool:
    """Return whether only the project's build backend can tell its dependencies."""
    if project.declared.kind in ("setup.py", "setup.cfg"):
        return True
    if project.declared.kind != "pyproject.toml":
        return False
    chosen, tables = project.declared.selection, _tables(project)
    return not pyproject.is_poetry(tables) and pyproject.requirements(tables, chosen.extras, ()) is None


def has_computed(project: Project) -> bool:
    """Return whether a build computes the dependencies of the project itself, whatever file is taken."""
    return pyproject.requirements(_tables(project), project.declared.selection.extras, ()) is None


def of_itself(project: Project, told: Sequence[str]) -> str:
    """Return a hash of what the project itself declares, for a file that names the project as a package."""
    return of_parts([declaration(project), *settings(project), *sorted(told)])


def digest(project: Project, told: Sequence[str]) -> str:
    """Return a hexadecimal hash of what is declared. `told`: what the build backend tells, if it is asked.

    Raises PlaygroundError (certain) for what can't be read.
    """
    file, chosen = project.declared.file, project.declared.selection
    assert file is not None
    parts = [
        str(project.declared.kind),
        project.directory.relative_to(project.checkout).as_posix(),
        json.dumps([chosen.extras, chosen.groups, sorted(told)]),
        *settings(project),
    ]
    if project.declared.kind == "requirements.txt":
        checkout = project.checkout
        parts += requirement_files.lines(file, checkout)
        places, wanted = requirement_files.places(file, checkout), partial(stays_inside, checkout)
        parts += [content_hash([place], wanted=wanted) for place in places]
    elif project.declared.kind not in ("pyproject.toml", "setup.py", "setup.cfg"):
        parts.append(read_text(project.checkout, file) or "")
    if project.declared.kind != "requirements.txt":
        parts.append(declaration(project))
    return of_parts(parts)


def declaration(project: Project) -> str:
    """Return the tables of the project's `pyproject.toml` that say what it needs."""
    tables = _tables(project)
    own = {name: table(tables, "project").get(name) for name in _OF_THE_PROJECT}
    groups, system = tables.get("dependency-groups"), tables.get("build-system")
    return json.dumps([own, groups, system], sort_keys=True, default=str)


def settings(project: Project) -> list[str]:
    """Return the settings of tools for the project and, with a lock of a workspace, for that."""
    file = project.declared.file
    folders = {project.directory: None, **({file.parent: None} if file else {})}
    found = []
    for folder in folders:
        tools = table(read_toml(folder / "pyproject.toml", project.checkout), "tool")
        # Only what decides which packages there are, and from where: a version of the project is none of it.
        used = [
            table(tools, "uv"),
            *(table(tools, "poetry").get(key) for key in _OF_POETRY),
            *(table(tools, "pdm").get(key) for key in _OF_PDM),
        ]
        of_uv = read_text(project.checkout, folder / "uv.toml") or ""
        found += [json.dumps(used, sort_keys=True, default=str), of_uv]
    return found


def check(project: Project, interpreter: Interpreter) -> None:
    """Check that a lock still fits what is declared. Raises PlaygroundError (certain).

    A file that the configuration names is taken as it is. For `poetry.lock` the program that reads it checks.
    """
    declared = project.declared
    if declared.kind is None:
        raise PlaygroundError(refusals.nothing_declared(project))
    if declared.outdated:
        raise PlaygroundError(refusals.not_compiled_again(project))
    own_paths.check(project)
    chosen = declared.selection
    if declared.kind == "requirements.txt" and (chosen.extras or chosen.groups):
        raise PlaygroundError(refusals.for_no_selection(project))
    if chosen.file is not None:
        return
    with locked.readable(project):
        held = locked.pins(project)
        lacks = _gaps(project, interpreter, held) if held else []
    if lacks:
        raise PlaygroundError(refusals.stale(project, lacks))


def _gaps(project: Project, interpreter: Interpreter, held: pins.Pins) -> list[str]:
    if project.declared.kind == "Pipfile.lock":
        listed = table(read_toml(project.directory / "Pipfile", project.checkout), "packages")
        return [f"`{name}` is not in it" for name in listed if canonicalize_name(name) not in held]
    chosen, tables = project.declared.selection, _tables(project)
    required = pyproject.requirements(tables, chosen.extras, chosen.groups)
    python = interpreter.version
    markers = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    sought = pins.Sought(required or [], pyproject.decided_elsewhere(tables), markers, chosen.extras)
    return pins.gaps(sought, held)


def of_parts(parts: Sequence[str]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{len(part)}\0{part}".encode())
    return found.hexdigest()


def _tables(project: Project) -> pyproject.Tables:
    return read_toml(project.directory / "pyproject.toml", project.checkout)
