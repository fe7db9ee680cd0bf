"""The packages of this project, built once for a session."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.stacks import ROOT

CONSTRAINTS = ROOT / "constraints.txt"


def built(factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the sdist; workers that ask at once get the same one."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    out = folder / "built-packages"
    with (folder / "built-packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.is_dir():
            build(ROOT, out.with_suffix(".part"))
            out.with_suffix(".part").rename(out)
    return out


def build(project: Path, out: Path, *options: str) -> None:
    """Build what `uv build` builds; without options the sdist, and the wheel from it."""
    subprocess.run(["uv", "build", "--quiet", "--out-dir", str(out), *options, str(project)], check=True)


def wheel_in(folder: Path) -> Path:
    (found,) = folder.glob("playground_ops-*.whl")
    return found


def sdist_in(folder: Path) -> Path:
    (found,) = folder.glob("playground_ops-*.tar.gz")
    return found
