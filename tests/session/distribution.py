"""Which worker gets which file: a stack that many files share is made by one worker, if that is no loss.

Files are handed out complete, in the order of `order.py`. A worker that has the shared stack takes the files
that use it first; another one takes them only when nothing else is left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.session.order import file_of
from tests.session.outermost import share_file
from tests.session.timeouts import fit_for, makes_way

VARIABLE = "PLAYGROUND_TEST_SHARING"
SHARED = ("shared_stack", "database_stack", "local_stack")
"""Fixtures that a worker makes once."""


def choose(queue: Iterable[str], uses: Mapping[str, str], mine: set[str], others: set[str]) -> str:
    """Return a worker's next file. `uses`: what a file shares; `mine`, `others`: what workers have made."""
    files = list(queue)
    own = [one for one in files if uses.get(one) in mine]
    free = [one for one in files if uses.get(one) not in others]
    return (own or free or files)[0]


class BySharedStack(LoadFileScheduling):
    def _assign_work_unit(self, node: Any) -> None:
        uses = sharing()
        others = [one for one in self.nodes if one is not node and not one.shutting_down]
        fit = fit_for(self.workqueue, makes_way(node.workerinput), not others)
        if not fit:
            node.shutdown()
            return

        def made(nodes: Iterable[Any]) -> set[str]:
            return {uses[file] for one in nodes for file in self.assigned_work.get(one, ()) if file in uses}

        self.workqueue.move_to_end(choose(fit, uses, made([node]), made(others)), last=False)
        super()._assign_work_unit(node)


def sharing() -> dict[str, str]:
    """Return what the workers found when they collected the tests."""
    found: dict[str, str] = json.loads(Path(os.environ[VARIABLE]).read_text() or "{}")
    return found


def pytest_configure(config: pytest.Config) -> None:
    share_file(config, VARIABLE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if getattr(config, "workerinput", {}).get("workerid") != "gw0":
        return
    found = {
        file_of(item.nodeid): name
        for name in reversed(SHARED)  # of several the first, which costs most
        for item in items
        if name in getattr(item, "fixturenames", ())
    }
    Path(os.environ[VARIABLE]).write_text(json.dumps(found))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySharedStack | None:
    return BySharedStack(config, log) if config.getvalue("dist") == "loadfile" else None
