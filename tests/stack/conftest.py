"""Locations on the stack that all files of a worker share: making one costs more than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines import Pipeline, of_worker
from tests.session.deadlines import stretched
from tests.shared import SharedStack
from tests.stacks import Stack


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline that location `a` serves; its newest commit defines `first`."""
    made = of_worker(tmp_path_factory)
    made.commit("first")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """A stack: `a` serves the pipeline, as the file before left it, and follows nothing; `b` the bootstrap
    package.

    Every file that needs no others gets these, so that nothing is deployed in between.
    """
    with local_stack.having(*of_pipeline(code)) as made:
        yield made


def of_pipeline(code: Pipeline) -> tuple[dict[str, object], ...]:
    a = {"name": "a", **code.location, "startup_timeout_seconds": int(stretched(30))}
    return a, {"name": "b"}
