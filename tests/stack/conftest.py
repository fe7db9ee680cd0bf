"""Locations on the stack that all files of a worker share: one of its own costs more than most stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched
from tests.shared import SharedStack
from tests.stacks import Stack


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """What location `a` serves; its first commit defines `first`."""
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("first")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """`a` follows nothing and serves the pipeline; `b` serves the bootstrap package."""
    a = {"name": "a", **code.location, "startup_timeout_seconds": int(stretched(30))}
    with local_stack.having(a, {"name": "b"}) as made:
        yield made


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nothing") / "here"
