from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.targets.local.control import Control, end_leftovers, ensure_supervisor
from playground_ops.targets.local.own_folder import runtime_folder
from tests.local.supervised import guarded


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pg-supervised-")).resolve()
    with guarded(folder):
        yield folder


@pytest.fixture
def state(base: Path) -> Iterator[Path]:
    """The state folder of a stack that ends with the test."""
    folder = Path(tempfile.mkdtemp(dir=base)) / "state"
    folder.mkdir()
    yield folder
    if folder.is_dir():
        Control(folder).shutdown(0.1)
        end_leftovers(folder)
        runtime_folder(folder).unlink()


@pytest.fixture
def supervisor(state: Path) -> Control:
    return ensure_supervisor(state)
