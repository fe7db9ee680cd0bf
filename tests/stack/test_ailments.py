"""Real failures of a stack on one machine: `health` reports each of them, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import read_state
from tests.ailing import Case, make, make_all, wait_until_well
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.stacks import ROOT, Stack

RESULTS = ROOT / "docs" / "health-failures-local.md"
HEAD = """\
# Failures of a stack on one machine

Each was made for real, and mended before the next. Written by
`uv run pytest -m soak tests/stack/test_ailments.py`.
"""
TICKS = """\
import dagster as dg


@dg.job
def nothing():
    pass


@dg.{kind}(job=nothing, default_status=dg.Default{Kind}Status.RUNNING, {when})
def ticks_{kind}(context):
    raise KeyError("price")


defs = dg.Definitions({kind}s=[ticks_{kind}])
"""


@dataclass(frozen=True)
class Place:
    stack: Stack
    code: Pipeline

    def pid(self, process: str) -> int:
        state = read_state(self.stack.state, process)
        assert state is not None
        assert state.pid is not None
        return state.pid

    @property
    def server(self) -> str:
        return f"a-{self.stack.location('a')['release']}"

    def afresh(self) -> None:
        self.code.commit(f"asset_{time.time_ns()}")
        self.stack.ok("redeploy", "a", "--force")

    def deploy(self) -> None:
        self.stack.ok("deploy")

    def configure(self, **more: object) -> None:
        self.stack.configure(
            code_locations=[{"name": "a", **self.code.location, "automation": "on"}, {"name": "b"}], **more
        )


def send(number: signal.Signals, process: Callable[[Place], str]) -> Callable[[Place], None]:
    return lambda place: os.kill(place.pid(process(place)), number)


def killed_thrice(place: Place) -> None:
    for _ in range(3):
        pid = place.pid("webserver")
        os.kill(pid, signal.SIGKILL)
        eventually("another one", lambda pid=pid: place.pid("webserver") != pid, 60)


def configured_anew(place: Place) -> None:
    place.configure(run_queue={"max_concurrent_runs": 3})


def as_before(place: Place) -> None:
    place.configure()
    place.deploy()


def address(place: Place, lead_to: str | None) -> None:
    link = runtime_folder(place.stack.state) / "a.location.sock"
    link.unlink()
    if lead_to is not None:
        link.symlink_to(f"{lead_to}.sock")


def moved_by_hand(place: Place) -> None:
    before = place.server
    place.afresh()
    address(place, before)


def ticking(kind: str, when: str) -> Callable[[Place], None]:
    text = TICKS.format(kind=kind, Kind=kind.title(), when=when)

    def do(place: Place) -> None:
        place.code.commit_text(text, "Ticks badly")
        place.stack.ok("redeploy", "a")

    return do


def webserver(place: Place) -> str:
    return "webserver"


SUFFER = ("daemon", "a", "b", "ops")
"""What only the webserver knows is not known while it is started again."""
CASES: list[Case[Place]] = [
    Case(
        *("the server of a location hangs", "a", "healthy", "does not answer"),
        lambda place: os.kill(place.pid(place.server), signal.SIGSTOP),
        send(signal.SIGCONT, lambda place: place.server),
    ),
    Case(
        *("the webserver hangs", "webserver", "healthy", "does not answer at"),
        send(signal.SIGSTOP, webserver),
        send(signal.SIGCONT, webserver),
    ),
    Case(
        *("the location's address removed", "a", "healthy", "or where its address leads"),
        lambda place: address(place, None),
        Place.afresh,
    ),
    Case(
        *("the location's address moved by hand", "a", "healthy", "by the records it is release"),
        moved_by_hand,
        Place.afresh,
    ),
    Case(
        *("a setting configured and not deployed", "daemon", "as_configured", "not as configured"),
        configured_anew,
        as_before,
    ),
    Case(
        *("a sensor that raises", "a", "ticks", "KeyError: 'price'"),
        ticking("sensor", "minimum_interval_seconds=1"),
        Place.afresh,
    ),
    Case(
        *("a schedule that raises", "a", "ticks", "KeyError: 'price'"),
        ticking("schedule", 'cron_schedule="* * * * *"'),
        Place.afresh,
    ),
]
LAST: list[Case[Place]] = [
    Case(
        *("the webserver killed three times", "webserver", "healthy", "It was restarted 3 times"),
        killed_thrice,
        lambda place: place.stack.ok("down") and place.deploy(),
        others=SUFFER,
    ),
]
"""Last, since it is reported for an hour."""
SAMPLE = [case for case in CASES if case.name == "the location's address removed"]
"""The cases of the default run. A server that hangs is shown in a browser (tests/ui/test_health.py)."""


@pytest.fixture(scope="module")
def place(stack: Stack, code: Pipeline) -> Place:
    """Its daemon is a fresh one: it tells for five minutes of what it met in other files' sensors."""
    found = Place(stack, code)
    os.kill(found.pid("daemon"), signal.SIGTERM)
    return found


@pytest.fixture
def automatic(place: Place) -> Place:
    """The place with automation on, so that what ticks badly does tick."""
    place.configure()
    place.deploy()
    return place


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_it_is_told_with_its_cause(place: Place, case: Case[Place]) -> None:
    make(place, case)


def looked(stack: Stack) -> str:
    """Return the messages of a health check by the job."""
    run = stack.launch("ops", "health_check")
    stack.wait_for_success(run)
    return stack.messages(run)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_what_hangs_is_brought_up_again_where_that_was_asked_for(automatic: Place) -> None:
    """The job does it, at its second check or after the schedule's check; its runs are not ended for it."""
    automatic.configure(health={"heal_times": 1})
    automatic.deploy()
    before = automatic.stack.location("a")["release"]
    hung = automatic.pid(automatic.server)
    os.kill(hung, signal.SIGSTOP)
    try:
        said = [looked(automatic.stack) for _ in range(2)]
        last = automatic.stack.history("a")[-1]
        assert (last["action"], last["by"], last["release"]["number"]) == (
            "heal",
            "health_check",
            before + 1,
        ), "\n\n".join(said)
        assert automatic.stack.location("a")["release"] == before + 1
        assert "was brought up anew" in automatic.stack.messages(last["run_id"])
        wait_until_well(automatic.stack)  # a tick that failed meanwhile is reported until the next one
    finally:
        os.kill(hung, signal.SIGCONT)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_each_of_them_is_told_with_its_cause_and_nothing_else_is(automatic: Place) -> None:
    make_all(automatic, [*CASES, *LAST], RESULTS, HEAD)
