"""Runs the program of this folder that needs Poetry's library, in an environment of its own."""

from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.toml_files import read_toml, table
from playground_ops.targets.packages import refusals
from playground_ops.targets.packages.builder import Builder, CantBuild
from playground_ops.targets.packages.locked import Requirements, urls

POETRY_CORE = "poetry-core==2.5.0"
"""Poetry's own library that reads its files; it depends on nothing."""
_PROGRAM = Path(__file__).with_name("with_poetry.py")


def of_poetry(project: Project, builder: Builder) -> Requirements:
    """Return what a project of Poetry needs, from its lock if that is taken. Raises PlaygroundError."""
    declared = project.declared
    is_locked = declared.kind == "poetry.lock"
    arguments = [str(_PROGRAM), str(project.directory / "pyproject.toml")]
    arguments += ["--lock", str(declared.file)] if is_locked else []
    for option, names in (("--extra", declared.selection.extras), ("--group", declared.selection.groups)):
        arguments += [part for name in names for part in (option, name)]
    libraries = [POETRY_CORE, "packaging", "tomli; python_version < '3.11'"]
    try:
        found = builder.told(libraries, arguments, [project.checkout])
    except CantBuild as error:
        raise PlaygroundError(refusals.unreadable(project, str(error))) from error
    if found.get("error"):
        raise PlaygroundError(refusals.unreadable(project, str(found["error"])))
    if found["unknown"]:
        raise PlaygroundError(refusals.unknown(project, found["unknown"]))
    if found["missing"]:
        raise PlaygroundError(refusals.stale(project, found["missing"]))
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    indexes = found["indexes"] if is_locked else urls(table(tables, "tool", "poetry").get("source"))
    return Requirements(found["requirements"], indexes, is_complete=is_locked)
