"""Installs what a project declares into an environment: for each kind of file what brings exactly that."""

from pathlib import Path

from playground_ops.targets.common import pyproject
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.toml_files import read_toml, strings, table
from playground_ops.targets.packages import locked
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.locked import Requirements
from playground_ops.targets.packages.programs import of_poetry
from playground_ops.targets.packages.uv import Uv


def install(project: Project, interpreter: Interpreter, place: Path, uv: Uv) -> None:
    """Make the environment at `place`. `project` is in a copy, which it writes to. Raises PlaygroundError."""
    python = ["--python", str(interpreter.path)]
    uv.run_or_raise(["venv", "--quiet", *python, str(place)])
    declared = project.declared
    if declared.kind == "uv.lock":
        # Frozen: exactly what was locked and committed, without asking the index.
        options = ["--frozen", "--no-editable", "--no-install-project", *_selection(project)]
        options += [] if "dev" in declared.selection.groups else ["--no-dev"]
        uv.run_or_raise(["sync", *options, *python], environment=place)
        return
    into = ["--python", str(place / "bin" / "python")]
    uv.run_or_raise(["pip", "install", *into, *_what(project, interpreter, uv)])


def _what(project: Project, interpreter: Interpreter, uv: Uv) -> list[str]:
    """Return the options of `uv pip install` that say what it is to install."""
    declared = project.declared
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    if declared.kind == "pylock.toml":
        return ["--preview-features", "pylock", "-r", str(declared.file), *_selection(project)]
    if declared.kind in ("pdm.lock", "Pipfile.lock"):
        with locked.readable(project):
            is_pdm = declared.kind == "pdm.lock"
            return _written(project, locked.of_pdm(project) if is_pdm else locked.of_pipenv(project))
    is_poetry = declared.kind == "pyproject.toml" and pyproject.is_poetry(tables)
    if declared.kind == "poetry.lock" or is_poetry:
        return _written(project, of_poetry(project, interpreter, uv))
    # uv reads setup.cfg by way of pyproject.toml.
    file = project.directory / "pyproject.toml" if declared.kind == "setup.cfg" else declared.file
    more, ours = _groups_of_pdm(project, tables)
    return ["-r", str(file), *_selection(project, without=ours), *more]


def _selection(project: Project, without: frozenset[str] = frozenset()) -> list[str]:
    chosen = project.declared.selection
    groups = [name for name in chosen.groups if name not in without]
    given = [("--extra", name) for name in chosen.extras] + [("--group", name) for name in groups]
    return [part for option in given for part in option]


def _groups_of_pdm(project: Project, tables: pyproject.Tables) -> tuple[list[str], frozenset[str]]:
    """Return options for groups in PDM's own table, which uv does not read, and their names."""
    listed = table(tables, "tool", "pdm", "dev-dependencies")
    ours = frozenset(listed) & frozenset(project.declared.selection.groups)
    lines = [line.removeprefix("-e ") for name in sorted(ours) for line in strings(listed[name])]
    return (_written(project, Requirements(lines, [], is_complete=False)) if ours else []), ours


def _written(project: Project, requirements: Requirements) -> list[str]:
    """Write a requirements file into the copy, and return the options with which it is installed."""
    file = project.directory / ".playground-requirements.txt"
    file.write_text(requirements.text())
    options = ["-r", str(file)]
    if requirements.is_complete:
        options.append("--no-deps")
        if all("--hash=" in line or " @ " in line for line in requirements.lines):
            # A package is known by its hashes, from whichever index.
            options += ["--index-strategy", "unsafe-best-match"]
    return options
