"""Earlier versions of this project: which one was the last, and its code, put where a person has it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from playground_ops.core.changelog import number

ROOT = Path(__file__).parents[1]
SAID_IN = ("playground_ops/version.py", "pyproject.toml")
SAID = re.compile(r'^(?:__version__|version) = "(\d+\.\d+\.\d+)"', re.MULTILINE)


def git(clone: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True
    ).stdout


def version_at(clone: Path, commit: str) -> str | None:
    """Return the version that a commit's files say."""
    for name in SAID_IN:
        found = subprocess.run(
            ["git", "-C", str(clone), "show", f"{commit}:{name}"], capture_output=True, text=True, check=False
        )
        if found.returncode == 0 and (said := SAID.search(found.stdout)):
            return said[1]
    return None


def version_before(clone: Path = ROOT, now: str | None = None) -> str:
    """Return the last version before this one: its tag, or the commit before the version was raised.

    A clone for CI may have no tags.
    """
    now = now or version_at(clone, "HEAD")
    assert now is not None, "HEAD says no version"
    tags = [tag for tag in git(clone, "tag", "--list", "v*").split() if number(tag[1:]) < number(now)]
    if tags:
        return max(tags, key=lambda tag: number(tag[1:]))
    for commit in git(clone, "log", "--first-parent", "--format=%H", "--", *SAID_IN).split():
        parents = git(clone, "log", "-1", "--format=%P", commit).split()
        said = version_at(clone, parents[0]) if parents else None
        if said is not None and number(said) < number(now):
            return parents[0]
    raise AssertionError(
        f"the history has no version before {now}: fetch it whole (`git fetch --unshallow --tags`)"
    )


@cache
def _archive(commit: str) -> bytes:
    found = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True)
    return found.stdout


def put(commit: str | None, clone: Path) -> Path:
    """Put a version's files in a clone, in the place of what is there, as a checkout does. None: this one's.

    It runs on the packages of this environment.
    """
    for one in clone.iterdir() if clone.is_dir() else ():
        if one.name not in (".playground",):
            shutil.rmtree(one) if one.is_dir() else one.unlink()
    clone.mkdir(parents=True, exist_ok=True)
    if commit is not None:
        with tarfile.open(fileobj=io.BytesIO(_archive(commit))) as found:
            found.extractall(clone, filter="data")
        return clone
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    return clone
