"""One stack per module: bringing one up costs more than most stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines import Pipeline, pipeline
from tests.stacks import Stack, a_stack


@pytest.fixture(scope="module")
def bare_stack() -> Iterator[Stack]:
    """A folder for a stack; nothing is started."""
    with a_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """What location `a` serves; its first commit defines `first`."""
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("first")
    return made


@pytest.fixture(scope="module")
def stack(bare_stack: Stack, code: Pipeline) -> Stack:
    """`a` follows nothing and serves the pipeline; `b` serves the bootstrap package."""
    bare_stack.configure(
        code_locations=[{"name": "a", **code.location, "startup_timeout_seconds": 30}, {"name": "b"}]
    )
    bare_stack.bootstrap()
    return bare_stack


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nothing") / "here"
