"""The last of three workers or more makes way: it runs what waits for nothing, while the others wait.

A suite of stacks on a cluster keeps two processors busy for nine tenths of its time. In the rest of it this
worker, at a low priority, runs the tests of values. Without a cluster they are idle for half of the time, and
it is a worker like the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.session.needs import CLUSTER, lacking

WAITING_FOR_NOTHING = ("tests/unit/", "tests/checkov/", "tests/pythons/")
NICENESS = 10
SLOWER = 5.0
"""How many times longer a worker that makes way may take."""


def makes_way(worker: Mapping[str, Any]) -> bool:
    """Decide by what a worker knows about itself, in this session."""
    return is_patient(worker, has_cluster=not lacking(CLUSTER))


def is_patient(worker: Mapping[str, Any], has_cluster: bool) -> bool:
    count = int(worker.get("workercount", 1))
    return has_cluster and count > 2 and worker["workerid"] == f"gw{count - 1}"


def slower(config: pytest.Config) -> float:
    """Return how much slower this process may be than one that does not make way."""
    return SLOWER if makes_way(getattr(config, "workerinput", {})) else 1.0


def fit_for(queue: Iterable[str], is_patient: bool, is_alone: bool) -> list[str]:
    """Return the files that a worker may take. The others take what waits for nothing when nothing else is
    left; the patient one takes anything else only where nobody else is there to do it."""
    files = list(queue)
    idle = [one for one in files if one.startswith(WAITING_FOR_NOTHING)]
    if is_patient and not is_alone:
        return idle
    return [one for one in files if one not in idle] or idle


def make_way() -> None:
    """Begin a session of its own: processes that share one have one priority where the kernel groups them so
    (sched(7), autogroup)."""
    with suppress(PermissionError):  # it has begun one already
        os.setsid()
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def pytest_configure(config: pytest.Config) -> None:
    if makes_way(getattr(config, "workerinput", {})):
        make_way()
