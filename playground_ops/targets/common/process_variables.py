"""The variables of the processes that run a location's code: its programs, its modules, its `.env`.

A server, a run and a smoke test have the same. Light imports: it also runs in a pod before its server.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.redact import learn_variables
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import name_of, read_text, shown, unfit

ENV_FILE = ".env"
ENV_FILE_BYTES = 1_000_000
LONGEST_VALUE = 100_000
"""Bytes of a variable. Linux lets no process have one of more than 128 KiB (execve(2), MAX_ARG_STRLEN)."""
MOST_REFERENCES = 1000
_SPACES = re.compile(r"[^\S\n]{1000}")
_OF_THE_STACK = ("DAGSTER_HOME", "PLAYGROUND_")
"""Beginnings of names that only the stack sets, in no `.env` and no configuration."""


@dataclass(frozen=True)
class Given:
    """Variables by where they come from."""

    inherited: Mapping[str, str]
    """What `.env` may replace, as Dagster has it: a shell's variables."""
    configured: Mapping[str, str]
    """What counts more than `.env`: the configuration's variables, and the stack's own."""


def variables(given: Given, project: Project, python: Path | None) -> dict[str, str]:
    """Return the variables to be set, beyond what is inherited. Raises PlaygroundError (certain).

    `python`: that of the environment which the code runs in; None: whatever the image has.
    """
    found = {**_env_file(project, given), **given.configured}
    whole = {**given.inherited, **found}
    if python is not None:
        found |= _activated(whole, python)
    shared = python is not None and _is_this(python)
    if shared and project.module_root == project.directory and project.metadata is None:
        return found  # `python -m dagster` has the folder that it starts in first on its path
    # A path that is inherited was made for another environment.
    theirs = (whole if shared else found).get("PYTHONPATH")
    folders = (project.module_root, project.directory, project.metadata)
    paths = dict.fromkeys(str(folder) for folder in folders if folder)
    found["PYTHONPATH"] = os.pathsep.join([*paths, *([theirs] if theirs else [])])
    return found


def _activated(whole: Mapping[str, str], python: Path) -> dict[str, str]:
    """Return what activating the environment of `python` sets, with any other one deactivated."""
    programs = python.parent
    home = programs.parent
    listed = whole.get("PATH", os.defpath).split(os.pathsep)
    if not _is_environment(home):  # the machine's own Python: its programs are where they are
        return {} if str(programs) in listed else {"PATH": os.pathsep.join([str(programs), *listed])}
    others = {str(programs), *_programs_of_others(whole)}
    kept = [place for place in listed if place.rstrip("/") not in others]
    found = {"PATH": os.pathsep.join([str(programs), *kept]), "VIRTUAL_ENV": str(home)}
    # A variable that is inherited can't be removed; empty, Python takes it for unset.
    return found | {name: "" for name in ("PYTHONHOME", "VIRTUAL_ENV_PROMPT") if whole.get(name)}


def _programs_of_others(whole: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders of programs of the stack's environment, and of the one that a shell activated."""
    for home in (sys.prefix, whole.get("VIRTUAL_ENV")):
        if home and _is_environment(Path(home)):
            yield from (str(Path(home, "bin")), str(Path(home).resolve() / "bin"))


def _is_environment(home: Path) -> bool:
    return (home / "pyvenv.cfg").is_file()


def _is_this(python: Path) -> bool:
    return python.parent.parent == Path(sys.executable).parent.parent


def _env_file(project: Project, given: Given) -> dict[str, str]:
    """Return what `.env` beside `pyproject.toml` sets, read as Dagster's own loader reads it.

    A value may refer to other variables by `${NAME}`; a name without a value is left out.
    """
    file = project.directory / ENV_FILE
    text = read_text(project.checkout, file, ENV_FILE_BYTES)
    if text is None:
        return {}
    if text.count("${") > MOST_REFERENCES or _SPACES.search(text):
        raise PlaygroundError(_not_parsed(name_of(project.checkout, file)))
    from dotenv import dotenv_values
    from dotenv.variables import parse_variables

    found: dict[str, str] = {}
    left = ENV_FILE_BYTES
    for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items():
        if value is not None and not name.startswith(_OF_THE_STACK):
            known = {**given.inherited, **found, **given.configured}
            found[name] = "".join(atom.resolve(known) for atom in parse_variables(value))
            size = len(found[name].encode(errors="surrogatepass"))
            left -= size
            if not name or "=" in name or size > LONGEST_VALUE or left < 0:
                raise PlaygroundError(_unusable(name_of(project.checkout, file), name))
    learn_variables(found)
    return found


def _not_parsed(file: str) -> Finding:
    return unfit(
        file,
        "It can't be read as a file of environment variables.",
        f"It has a thousand spaces in a row, or more than {MOST_REFERENCES} references (`${{NAME}}`), which "
        "take hours to read.",
    )


def _unusable(file: str, name: str) -> Finding:
    return unfit(
        file,
        f"The variable `{shown(name)}` can't be set.",
        f"A name has no `=`; a value has at most {LONGEST_VALUE:,} bytes and all together "
        f"{ENV_FILE_BYTES:,}, with what they refer to.",
    )
