"""The one watch: what it yields, when it asks again, and when it ends, on a clock that is passed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.api import streaming
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.refusals import nobody_answers, refusal
from playground_ops.targets.kubernetes.api.streaming import AGAIN_SECONDS, LIST_SECONDS, changes, states
from tests.fakes import FakeClock

CHOSEN = Selection("x", "app=x")
Step = Callable[["Server"], "bytes | None"]
"""What happens next on a watch: a chunk of it, or nothing, or it raises."""


@dataclass
class Answer:
    server: Server
    steps: list[Step]
    connection: Any = None

    def stream(self, _: object) -> Iterator[bytes]:
        for step in self.steps:
            if chunk := step(self.server):
                yield chunk

    def close(self) -> None:
        self.server.closed += 1


@dataclass
class Server(Connection):
    """Stands in for an API server: lists what is there, and answers watches by a script, then by silence."""

    clock: FakeClock
    watches: list[list[Step]]
    there: dict[str, str] = field(default_factory=lambda: {"a": "1"})
    asked: list[str] = field(default_factory=list)
    closed: int = 0

    def request(self, method: str, path: str, *_: object, query: Any = None, **__: object) -> Any:
        assert (method, path, query) == ("GET", CHOSEN.path, CHOSEN.query)
        self.asked.append("list")
        items = [an_object(name, state) for name, state in self.there.items()]
        return {"items": items, "metadata": {"resourceVersion": str(len(self.asked))}}

    def opened(self, path: str, query: Mapping[str, str], seconds: float) -> Any:
        assert query == {**CHOSEN.query, "watch": "1", "resourceVersion": query["resourceVersion"]}
        self.asked.append(f"watch {query['resourceVersion']}")
        steps = self.watches.pop(0) if self.watches else [silence(seconds)]
        for step in steps[:1]:
            if getattr(step, "at_once", False):
                step(self)
        return Answer(self, steps)


def an_object(name: str, state: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": state}}


def event(kind: str, name: str, state: str = "") -> Step:
    def step(_: Server) -> bytes:
        return json.dumps({"type": kind, "object": an_object(name, state)}).encode() + b"\n"

    return step


def chunk(data: bytes) -> Step:
    return lambda server: data


def silence(seconds: float) -> Step:
    return lambda server: server.clock.sleep(seconds)


def meanwhile(**there: str) -> Step:
    return lambda server: server.there.update(there)


def breaks(server: Server) -> None:
    raise ProtocolError("the connection was reset")


def refused(code: int) -> Step:
    def step(server: Server) -> None:
        raise refusal(CHOSEN.path, None, code, {"code": code, "reason": "Forbidden" if code == 403 else ""})

    return at_once(step)


def at_once(step: Step) -> Step:
    """Mark the step as one before any answer."""
    step.at_once = True  # type: ignore[attr-defined]
    return step


@at_once
def unanswered(server: Server) -> None:
    raise PlaygroundError(nobody_answers("x", "https://x", OSError("refused")))


@at_once
def slow(server: Server) -> None:
    raise ReadTimeoutError(None, CHOSEN.path, "read timed out")  # type: ignore[arg-type]


OLD = b'{"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}\n'


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    made = FakeClock()
    monkeypatch.setattr(streaming, "time", made)
    return made


def server(clock: FakeClock, *watches: list[Step]) -> Server:
    return Server(clock, list(watches))


def told(found: Iterator[list[Pod]], count: int) -> list[dict[str, str]]:
    return [{pod.name: pod.phase for pod in next(found)} for _ in range(count)]


def test_the_list_comes_first_and_then_a_state_for_each_change_without_another_question(
    clock: FakeClock,
) -> None:
    watch = [event("ADDED", "b", "1"), event("MODIFIED", "a", "2"), event("DELETED", "a"), silence(1.0)]
    asked = server(clock, watch)
    found = states(asked, CHOSEN)
    assert told(found, 4) == [{"a": "1"}, {"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"b": "1"}]
    assert asked.asked == ["list", "watch 1"]
    found.close()  # type: ignore[attr-defined]
    assert asked.closed == 1, "whoever stops looking leaves no connection open"


@pytest.mark.parametrize(
    "broken",
    [
        [meanwhile(a="2"), breaks],
        [meanwhile(a="2"), chunk(b'{"type": "MODIF')],
        [meanwhile(a="2"), chunk(OLD), event("MODIFIED", "a", "of another time")],
        [meanwhile(a="2")],
    ],
    ids=["reset", "cut within an event", "expired", "closed"],
)
def test_a_watch_that_breaks_is_taken_up_again_from_a_new_list(clock: FakeClock, broken: list[Step]) -> None:
    asked = server(clock, broken, [event("MODIFIED", "a", "3")])
    assert told(states(asked, CHOSEN), 3) == [{"a": "1"}, {"a": "2"}, {"a": "3"}]
    assert asked.asked == ["list", "watch 1", "list", "watch 3"]
    assert clock.now <= AGAIN_SECONDS


@pytest.mark.parametrize("step", [refused(410), refused(504), refused(429), unanswered, slow])
def test_one_that_can_not_be_opened_now_is_opened_after_another_list(clock: FakeClock, step: Step) -> None:
    asked = server(clock, [step], [event("MODIFIED", "a", "2")])
    assert told(states(asked, CHOSEN), 3) == [{"a": "1"}, {"a": "1"}, {"a": "2"}]


def test_one_that_is_not_allowed_is_said(clock: FakeClock) -> None:
    found = states(server(clock, [refused(403)]), CHOSEN)
    assert told(found, 1) == [{"a": "1"}]
    with pytest.raises(PlaygroundError, match="403"):
        next(found)


def test_it_ends_at_the_deadline_with_a_last_look(clock: FakeClock) -> None:
    asked = server(clock)
    assert len(list(states(asked, CHOSEN, 2.5 * LIST_SECONDS))) == 4
    assert clock.now == pytest.approx(2.5 * LIST_SECONDS)
    assert asked.asked[-1] == "list"


def test_many_changes_do_not_put_off_the_deadline(clock: FakeClock) -> None:
    busy: list[Step] = [step for _ in range(99) for step in (silence(1.0), event("MODIFIED", "a", "2"))]
    assert len(list(states(server(clock, busy), CHOSEN, 5.0))) == 1 + 5 + 1
    assert clock.now == pytest.approx(5.0)


def test_a_state_that_is_good_for_less_is_asked_for_anew_the_sooner(clock: FakeClock) -> None:
    """The state is that of a pod that may turn out unable to start, some seconds after it said why."""
    asked = server(clock, [silence(1.0), event("MODIFIED", "a", "wrong"), event("MODIFIED", "a", "3")])
    asked.there = {"a": "wrong"}
    now = ["fine"]
    found = states(asked, CHOSEN, good_for=lambda: 2.0 if now == ["wrong"] else 10.0)
    seen: list[float] = []
    for state in found:
        now = [pod.phase for pod in state] if seen else now
        seen.append(clock.now)
        if len(seen) == 4:
            break
    assert seen == [0.0, 1.0, 1.0, 3.0], "listed, changed, listed at once, and again after two seconds"


def test_a_server_that_ends_every_watch_at_once_is_not_pressed(clock: FakeClock) -> None:
    asked = server(clock, *([] for _ in range(100)))
    list(states(asked, CHOSEN, 5.0))
    assert asked.asked.count("list") <= 5.0 / AGAIN_SECONDS + 1


def test_a_wait_for_one_change_ends_with_it_or_in_time(clock: FakeClock) -> None:
    asked = server(clock, [silence(1.0), event("MODIFIED", "a", "2"), silence(9.0)])
    kind, pod = next(changes(asked, CHOSEN, "7", 10.0))
    assert (kind, pod.name, pod.phase) == ("MODIFIED", "a", "2")
    assert (asked.asked, clock.now) == (["watch 7"], 1.0)
    assert next(changes(asked, CHOSEN, "7", 4.0), None) is None
    assert clock.now == 5.0
