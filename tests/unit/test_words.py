"""Sentences that a person reads while something is under way: true at a first release, and with a subject."""

from __future__ import annotations

import re

import pytest

from playground_ops.cli.console import sentence_of
from playground_ops.cli.progress import LineProgress, Lines, Stop
from playground_ops.cli.status_command import show_status
from playground_ops.core.component import ComponentStatus
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location, Observation, Phase, Release, RolloutRecord, ServerStatus
from playground_ops.core.pod import Pod
from playground_ops.core.progress import SilentProgress
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.rollout import roll_out
from playground_ops.engine.status import LastRollout, LocationStatus, StackStatus
from tests.fakes import BROKEN, GOOD, HANGS, FakeTarget, World
from tests.terminals import terminal

A = Location(name="a", repository="https://git.test/a.git", ref="main", startup_timeout_seconds=30)
OF_AN_EARLIER_ONE = re.compile(r"previous|still serves|serves stays|before still|keeping|kept")


class Heard(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def phase(self, phase: Phase, message: str) -> None:
        self.lines.append(f"{phase.value}: {message}")

    def say(self, message: str) -> None:
        self.lines.append(message)

    warn = say


def told(target: FakeTarget, how: str) -> list[str]:
    """Return what is said of the rollout of a commit that behaves like `how`, and how its end is told."""
    world, heard = target.world, Heard()
    world.heads["a"] = f"{len(world.behaviour):040x}"
    world.behaviour[world.heads["a"]] = how
    engine = Engine(target, heard, world.clock, Timeouts(transient=1.0))
    try:
        record = roll_out(engine, Request(location=A, configuration="c", by="ada"))
    except PlaygroundError as error:
        assert isinstance(error.record, RolloutRecord)
        record = error.record
    return [*heard.lines, sentence_of(record)]


@pytest.mark.parametrize("how", [GOOD, BROKEN, HANGS])
def test_at_a_first_release_nothing_is_said_of_an_earlier_one(how: str) -> None:
    assert not [line for line in told(FakeTarget(World()), how) if OF_AN_EARLIER_ONE.search(line)]


def test_later_the_release_that_stays_is_named() -> None:
    target = FakeTarget(World())
    told(target, GOOD)
    assert "retiring: release 1 is kept warm" in told(target, GOOD)
    assert "release 2 still serves" in told(target, BROKEN)[-1]


SCHEDULED = {"type": "PodScheduled", "status": "True"}


def a_pod(*conditions: dict[str, str], **container: object) -> Pod:
    each = [{"name": "main", "ready": False, "restartCount": 0, "state": container}] if container else []
    status = {"conditions": list(conditions), "containerStatuses": each}
    return Pod.read({"metadata": {"name": "x"}, "status": status})


PODS = [
    a_pod(),
    a_pod(SCHEDULED, waiting={"reason": "ContainerCreating"}),
    a_pod(SCHEDULED, waiting={"reason": "ErrImagePull", "message": "not found"}),
    a_pod(SCHEDULED, terminated={"exitCode": 3}),
    a_pod(SCHEDULED, running={}),
]


@pytest.mark.parametrize("pod", PODS)
def test_what_is_waited_for_is_a_sentence_wherever_it_stands(pod: Pod) -> None:
    """A clause with a subject of its own, so that none needs words that only go with a noun before it."""

    class Starting(FakeTarget):
        def observe(self, release: Release) -> Observation:
            return Observation(status=ServerStatus.STARTING, message=assess(Collected(pod)).message)

    waiting = [line for line in told(Starting(World()), GOOD) if "waiting up to" in line]
    assert waiting == [f"waiting up to 30 s: {assess(Collected(pod)).message}"]
    assert not re.match(r"waiting up to 30 s: (to|its|for) ", waiting[0])


def test_all_lines_of_a_command_are_on_one_clock(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines()
    LineProgress("stack", shown, Stop()).say("applied")
    shown._began -= 60.0  # a minute passes
    LineProgress("a", shown, Stop()).say("begins later")
    first, second = (float(line.split()[0]) for line in capsys.readouterr().err.splitlines())
    assert second >= first + 60.0


def test_status_has_a_line_for_each_and_says_what_tells_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = "release/a-3: ImportError: there is no such thing. " + "The reason is long. " * 30
    last = LastRollout(action="redeploy", outcome="failed", ended_at=None, by="ada", reason=long)
    location = LocationStatus(name="a", release=2, commit="1" * 40, last_rollout=last)
    daemon = ComponentStatus(name="daemon", kind="daemon", ready=False, message=long)
    with terminal(120, monkeypatch) as sent:
        show_status(StackStatus(ui="http://x", target="local", components=(daemon,), locations=(location,)))
    lines = sent.lines
    assert max(map(len, lines)) <= 120
    assert any("release/a-3: Imp" in line and line.endswith("...") for line in lines)
    assert lines[-1].endswith("`python -m playground_ops history a`.")
