"""uv, called so that it asks nobody, downloads no Python and touches nothing but what it is told to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.targets.command import Finished, TimedOut, quiet_environment, run
from playground_ops.targets.packages.uv_failures import explain, too_slow

BUILD_SECONDS = 900.0
"""For one call that may download and build; uv's own limits for single requests are far shorter."""
LOOK_SECONDS = 60.0

# What an activated environment or a surrounding `uv run` sets would turn uv on another environment.
_OF_ANOTHER_ENVIRONMENT = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "__PYVENV_LAUNCHER__",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_WORKING_DIRECTORY",
    "UV_SYSTEM_PYTHON",
)


def uv(
    arguments: Sequence[str],
    thing: str,
    *,
    seconds: float = BUILD_SECONDS,
    folder: Path | None = None,
    environment: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    keep: Sequence[int] = (),
) -> Finished:
    """Run uv; an exit code other than 0 is the caller's to judge.

    `environment` is what `uv sync` fills, `keep` the descriptor of the lock that it is filled under.

    Raises PlaygroundError when there is no uv or `seconds` are over.
    """
    variables = quiet_environment(os.environ)
    for name in _OF_ANOTHER_ENVIRONMENT:
        variables.pop(name, None)
    # Packages of the repository itself are copied in: an environment is shared by releases and must not
    # follow one checkout.
    variables.update(UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never", UV_NO_EDITABLE="1", NO_COLOR="1")
    if environment is not None:
        variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
    program = find_uv(thing)
    try:
        return run(
            [program, *arguments], environment=variables, seconds=seconds, folder=folder, hear=say, keep=keep
        )
    except TimedOut as error:
        raise PlaygroundError(too_slow(thing, seconds, error.words)) from error


def uv_or_raise(
    arguments: Sequence[str],
    thing: str,
    *,
    folder: Path | None = None,
    environment: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    keep: Sequence[int] = (),
) -> str:
    """Its standard output. Raises PlaygroundError with uv's own words, explained."""
    finished = uv(arguments, thing, folder=folder, environment=environment, say=say, keep=keep)
    if finished.code != 0:
        raise PlaygroundError(explain(thing, finished.words))
    return finished.output


def find_uv(thing: str) -> str:
    """The uv of the `uv` package, else the one on the PATH. Raises PlaygroundError."""
    found = _packaged() or shutil.which("uv")
    if found is None:
        raise PlaygroundError(
            Finding(
                kind=FindingKind.CERTAIN,
                object=thing,
                observed="There is no `uv` on this machine.",
                cause="A location with dependencies of its own runs in an environment that uv makes.",
                fix="Install it (`pip install uv`), or set `dependencies: shared` for the location.",
            )
        )
    return found


def _packaged() -> str | None:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None
