"""A stack that files share: what is deployed when, and when it is a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.session.distribution import choose
from tests.session.timeouts import fit_for, is_patient
from tests.shared import SharedStack


class Noting:
    """Stands in for a stack: it records the calls."""

    def __init__(self, folder: Path) -> None:
        self.config, self.done = folder / "configvalues.yaml", []  # type: tuple[Path, list[str]]

    def configure(self, **document: Any) -> None:
        self.config.write_text(repr(document))

    def bootstrap(self) -> None:
        self.done.append("bootstrap")

    def ok(self, *arguments: str) -> str:
        self.done.append(" ".join(arguments))
        return ""


@pytest.fixture
def made() -> list[Noting]:
    return []


@pytest.fixture
def shared(made: list[Noting], tmp_path: Path) -> SharedStack[Noting]:
    @contextmanager
    def make() -> Iterator[Noting]:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Noting(folder))
        yield made[-1]
        made[-1].done.append("gone")

    return SharedStack(make)


def test_the_first_file_s_locations_are_there_from_the_start(shared: SharedStack[Noting]) -> None:
    with shared.having({"name": "a"}) as stack:
        assert stack.done == ["bootstrap"]
    with shared.having({"name": "a"}):
        assert stack.done == ["bootstrap"]
    with shared.having({"name": "b"}):
        assert stack.done == ["bootstrap", "deploy --force"]


def test_what_a_file_deployed_by_itself_is_undone(shared: SharedStack[Noting]) -> None:
    stack = shared.bare()
    stack.configure(code_locations=[{"name": "its own"}])
    with shared.having():
        assert stack.done == ["bootstrap", "deploy --force"]


def test_after_a_failure_it_is_another_one(shared: SharedStack[Noting], made: list[Noting]) -> None:
    first = shared.bare()
    shared.suspect = True
    assert shared.bare() is not first
    assert first.done[-1] == "gone"
    assert len(made) == 2


def test_a_worker_takes_the_files_of_its_own_stack_first_and_of_another_s_last() -> None:
    uses = {"a": "cluster", "c": "cluster", "d": "local"}
    queue = ["a", "b", "c", "d"]
    assert choose(queue, uses, set(), set()) == "a"
    assert choose(queue[1:], uses, {"cluster"}, set()) == "c"
    assert choose(queue, uses, set(), {"cluster"}) == "b"
    assert choose(["a", "c"], uses, set(), {"cluster"}) == "a"


def test_the_last_worker_of_three_takes_what_waits_for_nothing_and_the_others_that_last() -> None:
    workers = [{"workerid": f"gw{one}", "workercount": 3} for one in range(3)]
    assert [is_patient(one, has_cluster=True) for one in workers] == [False, False, True]
    assert not any(is_patient(one, has_cluster=False) for one in workers)
    assert not is_patient({"workerid": "gw1", "workercount": 2}, has_cluster=True)
    assert not is_patient({}, has_cluster=True)
    pure, rest = "tests/unit/test_plan.py", "tests/local/test_git.py"
    assert fit_for([rest, pure], is_patient=True, is_alone=False) == [pure]
    assert fit_for([rest], is_patient=True, is_alone=False) == []
    assert fit_for([rest], is_patient=True, is_alone=True) == [rest]
    assert fit_for([rest, pure], is_patient=False, is_alone=False) == [rest]
    assert fit_for([pure], is_patient=False, is_alone=False) == [pure]
