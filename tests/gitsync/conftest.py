"""Fixtures: the stand-in, ready to run, and a repository for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.images import gitsync_image
from tests.gitsync.running import UID, GitSync, save
from tests.projects import repository


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program under the real one's name, which its usage shows."""
    (found,) = binaries.program(gitsync_image.SOURCES).iterdir()
    named = tmp_path_factory.mktemp("gitsync") / "git-sync"
    named.symlink_to(found)
    return named


@pytest.fixture
def sync(program: Path, tmp_path: Path) -> GitSync:
    return GitSync(program, tmp_path).prepare()


@pytest.fixture
def unprivileged(program: Path) -> Iterator[GitSync]:
    """A git-sync in folders that anybody can reach, and not as root even where root runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        copied = Path(shutil.copy(program, folder / "git-sync"))
        yield GitSync(copied, folder, UID if os.geteuid() == 0 else None).prepare()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = repository(tmp_path / "served" / "source.git")
    save(made, "one")
    return made
