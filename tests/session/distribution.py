"""Which worker gets which file: a stack that many files share is made by one worker, if that is no loss.

Files go out whole, in the order of `order.py`. A worker that has the shared stack takes the files that use it
first; another one takes them only when nothing else is left.

The last of three workers or more is a patient one: it runs what waits for nothing, at a low priority, in the
moments in which the others wait. They take of it only when nothing else is left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.session.order import file_of
from tests.session.outermost import share_file

VARIABLE = "PLAYGROUND_TEST_SHARING"
SHARED = ("shared_stack", "database_stack", "local_stack")
"""Fixtures of a whole worker."""
WAITING_FOR_NOTHING = ("tests/unit/", "tests/checkov/")
NICENESS = 10


def choose(queue: Iterable[str], uses: Mapping[str, str], mine: set[str], others: set[str]) -> str:
    """The file that a worker gets. `uses`: what a file shares; `mine`, `others`: what workers have made."""
    files = list(queue)
    own = [one for one in files if uses.get(one) in mine]
    free = [one for one in files if uses.get(one) not in others]
    return (own or free or files)[0]


def fit_for(queue: Iterable[str], is_patient: bool, is_alone: bool) -> list[str]:
    """The files that a worker may take: none is left for a patient one where another has the rest to do."""
    files = list(queue)
    idle = [one for one in files if one.startswith(WAITING_FOR_NOTHING)]
    if is_patient and not is_alone:
        return idle
    return [one for one in files if one not in idle] or idle


class BySharedStack(LoadFileScheduling):
    def _assign_work_unit(self, node: Any) -> None:
        uses = sharing()
        others = [one for one in self.nodes if one is not node and not one.shutting_down]
        fit = fit_for(self.workqueue, is_patient(node.workerinput), not others)
        if not fit:
            node.shutdown()
            return

        def made(nodes: Iterable[Any]) -> set[str]:
            return {uses[file] for one in nodes for file in self.assigned_work.get(one, ()) if file in uses}

        self.workqueue.move_to_end(choose(fit, uses, made([node]), made(others)), last=False)
        super()._assign_work_unit(node)


def is_patient(worker: Mapping[str, Any]) -> bool:
    """Of what a worker is told about itself."""
    count = int(worker.get("workercount", 1))
    return count > 2 and worker["workerid"] == f"gw{count - 1}"


def make_way() -> None:
    """Everybody else on this machine goes first. A session has a priority of its own where there are groups
    (sched(7), autogroup): so it needs one.
    """
    with suppress(PermissionError):  # it leads a group already
        os.setsid()
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def sharing() -> dict[str, str]:
    """As the workers have found it when they collected the tests."""
    found: dict[str, str] = json.loads(Path(os.environ[VARIABLE]).read_text() or "{}")
    return found


def pytest_configure(config: pytest.Config) -> None:
    share_file(config, VARIABLE)
    if is_patient(getattr(config, "workerinput", {})):
        make_way()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if getattr(config, "workerinput", {}).get("workerid") != "gw0":
        return
    found = {
        file_of(item.nodeid): name
        for item in items
        for name in reversed(SHARED)  # of several the first, which costs most
        if name in getattr(item, "fixturenames", ())
    }
    Path(os.environ[VARIABLE]).write_text(json.dumps(found))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySharedStack | None:
    return BySharedStack(config, log) if config.getvalue("dist") == "loadfile" else None
