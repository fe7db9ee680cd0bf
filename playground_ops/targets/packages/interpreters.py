"""Chooses the Python of this machine that a project runs on."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from playground_ops.core.errors import PlaygroundError, certain
from playground_ops.targets.common.command import Inherited, TimedOut, run
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.python_versions import LONGEST
from playground_ops.targets.common.repository_files import read_text, shown
from playground_ops.targets.packages.uv import LOOK_SECONDS, Uv

_VERSION = re.compile(
    r"(?:(?:cpython|python|pypy|graalpy)[@-]?)?\d+(?:\.\d+){0,2}(?:(?:a|b|rc)\d+)?t?(?:\+[a-z]+)?"
    r"|(?:cpython|pypy|graalpy)-\d+(?:\.\d+){1,2}-[a-z0-9]+-[a-z0-9_]+-[a-z0-9]+",
    re.IGNORECASE,
)
"""A pin that uv takes for a version; what it does not, it takes for the name or path of a program to run."""
_RANGE = re.compile(r"[<>=!~][<>=!~\s\w.,*+]*")
_LONGEST_PIN = 100_000


@dataclass(frozen=True)
class Interpreter:
    path: Path
    version: str


def choose(project: Project, thing: str) -> Interpreter:
    """Return the one in `.python-version` if it is there, else the stack's own, else any that fits.

    None is downloaded. Raises PlaygroundError (certain) when no Python here meets `requires-python`.
    """
    required, current = _required(project, thing), _current()
    pinned = _find(_pin(project), thing)
    if pinned is not None and pinned.version in required:
        return pinned
    if current.version in required:
        return current
    found = _find(project.requires_python, thing)
    if found is not None and found.version in required:
        return found
    raise PlaygroundError(
        certain(
            object=thing,
            observed=f"It requires Python {project.requires_python}; the stack runs on {current.version}.",
            cause="No other Python on this machine meets `requires-python` either.",
            fix="Install such a Python (`uv python install`), or widen `requires-python` and lock again.",
        )
    )


def of_the_image(project: Project, thing: str) -> Interpreter:
    """Return the Python that this runs on, as a pod has no other. Raises PlaygroundError (certain)."""
    required, current = _required(project, thing), _current()
    if current.version in required:
        return current
    raise PlaygroundError(
        certain(
            object=thing,
            observed=f"It requires Python {project.requires_python}; its image has {current.version}.",
            cause="A server runs on the Python of the image that its pods have.",
            fix="Name an image with such a Python as the location's `pod: image:`, or widen "
            "`requires-python` and lock again.",
        )
    )


def _current() -> Interpreter:
    return Interpreter(Path(sys.executable), ".".join(map(str, sys.version_info[:3])))


def _required(project: Project, thing: str) -> SpecifierSet:
    said = project.requires_python or ""
    try:
        if len(said) > LONGEST:
            raise InvalidSpecifier(said)
        return SpecifierSet(said, prereleases=True)
    except InvalidSpecifier as error:
        raise PlaygroundError(
            certain(
                object=thing,
                observed=f"`requires-python` is `{shown(said)}`.",
                cause="That is no version specifier.",
                fix='Write it like `">=3.10,<3.14"` in `pyproject.toml`.',
            )
        ) from error


def _pin(project: Project) -> str | None:
    """Return the version in `.python-version`. The name of a program is not taken: uv would run it."""
    for folder in (project.directory, *project.directory.parents):
        if not folder.is_relative_to(project.checkout):
            return None
        text = read_text(project.checkout, folder / ".python-version", _LONGEST_PIN)
        if text is not None:
            named = text.split()
            return named[0] if named and _VERSION.fullmatch(named[0]) else None
    return None


def _find(request: str | None, thing: str) -> Interpreter | None:
    if request is None or not (_VERSION.fullmatch(request) or _RANGE.fullmatch(request)):
        return None
    asked = ["python", "find", "--no-project", "--system", "--no-config", "--", request]
    finished = Uv(thing).run(asked, seconds=LOOK_SECONDS)
    path = finished.output.strip()
    if finished.code != 0 or not path:
        return None
    try:
        program = "import platform; print(platform.python_version())"
        ended = run([path, "-I", "-c", program], Inherited(os.environ), seconds=LOOK_SECONDS)
    except (TimedOut, OSError):
        return None
    return Interpreter(Path(path), ended.output.strip()) if ended.code == 0 else None
