"""uv, where the image does not carry it: one wheel from the package index, by the image's own pip."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.targets.base import Say
from playground_ops.targets.command import TimedOut, quiet_environment, run
from playground_ops.targets.packages.uv_failures import tail, too_slow
from playground_ops.targets.project import Project

UV = "0.13.9"
SECONDS = 120.0
_OPTIONS = (
    *("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--retries", "2"),
    *("--no-deps", "--only-binary", ":all:"),
)


def obtain_uv(project: Project, say: Say, folder: Path) -> None:
    """Put uv into `folder` and on the PATH: what others can write to is not run here.

    Raises PlaygroundError.
    """
    if shutil.which("uv"):
        return
    say(f"Getting uv {UV} from the package index.")
    thing = f"environment/{project.place}"
    command = [sys.executable, "-m", "pip", "install", *_OPTIONS, "--target", str(folder), f"uv=={UV}"]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = run(command, environment=quiet_environment(variables), seconds=SECONDS)
    except TimedOut as error:
        raise PlaygroundError(too_slow(thing, SECONDS, error.words)) from error
    if "No module named pip" in done.words:
        raise PlaygroundError(_no_pip(thing, done.words))
    if done.code != 0:
        raise PlaygroundError(_not_had(thing, done.words))
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"


def _not_had(thing: str, words: str) -> Finding:
    """Never held against the commit; and pip does not say what an index answered."""
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=thing,
        observed=f"uv {UV}, which installs packages, can't be had from the package index.",
        cause="The index does not answer, wants credentials that it is not given, or does not have it.",
        fix="It is tried again. `kubernetes: packages:` names another index, and a Secret; or use an image "
        "that has uv.",
        evidence=tail(words),
    )


def _no_pip(thing: str, words: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=thing,
        observed="The location's image has neither uv nor pip.",
        cause="Packages are installed by uv, which pip gets from the package index.",
        fix="Use the stock image or one with uv, or set `dependencies: shared` and have the packages in the "
        "image.",
        evidence=tail(words),
    )
