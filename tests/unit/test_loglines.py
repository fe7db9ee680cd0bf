"""Lines of containers' logs: parsed, merged, prefixed, and taken once however often they are read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.pod import LogState, Pod
from playground_ops.targets.kubernetes.logs.lines import (
    SECOND,
    UNCERTAIN_SECONDS,
    LogLine,
    Prefixes,
    Remembered,
    Source,
    merged,
    parsed,
    since,
)

A, B = Source("a-1", "main"), Source("b-1", "main")
NOON = 1_795_435_200 * SECOND


def line(at: int, text: str, source: Source = A) -> LogLine:
    return LogLine(source, at, text)


def test_a_line_is_parted_from_its_time() -> None:
    assert parsed(A, b"2026-11-23T12:00:00.000000001Z hello  you") == line(NOON + 1, "hello  you")
    assert parsed(A, b"2026-11-23T14:00:00.5+02:00 two hours ahead") == line(
        NOON + SECOND // 2, "two hours ahead"
    )
    assert parsed(A, b"2026-11-23T08:30:00-03:30 behind") == line(NOON, "behind")
    assert parsed(A, b"2026-11-23T12:00:00Z ") == line(NOON, "")
    assert parsed(A, b"unable to retrieve container logs") == line(0, "unable to retrieve container logs")
    assert since(NOON + 1) == "2026-11-23T12:00:00Z"


def test_a_line_has_no_secrets_and_any_bytes() -> None:
    assert parsed(A, b"2026-11-23T12:00:00Z postgresql://u:hunter2@db/x").text == "postgresql://***@db/x"
    assert parsed(A, b"2026-11-23T12:00:00Z \xff\r").text == "�"


def test_logs_are_merged_by_time_and_each_keeps_its_order() -> None:
    first = [line(1, "1"), line(5, "5"), line(4, "late")]
    second = [line(2, "2", B), line(6, "6", B)]
    assert [one.text for one in merged([first, second])] == ["1", "2", "5", "late", "6"]


def test_lines_are_prefixed_as_soon_as_there_are_two_sources() -> None:
    put = Prefixes().put
    assert put(line(1, "x")) == "x"
    assert put(line(2, "y", B)) == "b-1/main y"
    assert put(line(3, "z")) == "a-1/main z"


def texts(memory: Remembered, *lines: LogLine) -> list[str]:
    return [one.text for one in memory.new(lines)]


def test_what_is_read_again_is_not_taken_again() -> None:
    memory = Remembered()
    assert memory.begin(0) == 0
    assert texts(memory, line(NOON, "one"), line(NOON, "one"), line(NOON + 5, "two")) == ["one", "one", "two"]
    assert memory.begin(1) == 0  # it may turn out that all that came was of the next container
    again = [line(NOON, "one"), line(NOON, "one"), line(NOON + 5, "two"), line(NOON + 5, "another")]
    assert texts(memory, *again, line(NOON + 9, "three")) == ["another", "three"]
    assert memory.begin(UNCERTAIN_SECONDS + 2) == NOON + 9 - SECOND


def test_a_line_between_known_ones_is_new() -> None:
    memory = Remembered()
    texts(memory, line(NOON, "before"), line(NOON + 2 * SECOND, "next container"))
    assert texts(memory, line(NOON, "before"), line(NOON + SECOND, "last words")) == ["last words"]


def test_what_was_not_asked_for_stays_away() -> None:
    memory = Remembered(floor=NOON)
    texts(memory, line(NOON, "tail"))
    assert texts(memory, line(NOON - 1, "older"), line(NOON, "tail"), line(NOON + 1, "new")) == ["new"]


def test_what_the_node_says_instead_of_a_log_is_none() -> None:
    memory = Remembered()
    assert texts(memory, line(0, "no log"), line(NOON, "x")) == ["x"]
    assert texts(memory, line(0, "no log"), line(NOON, "x")) == []


def test_memory_is_bounded_by_time() -> None:
    memory = Remembered()
    memory.begin(0)
    texts(memory, line(NOON, "first"))
    memory.begin(UNCERTAIN_SECONDS * 2)
    texts(memory, *(line(NOON + number * SECOND, str(number)) for number in range(1000)))
    memory.begin(UNCERTAIN_SECONDS * 4)
    texts(memory, line(NOON + 1001 * SECOND, "last"))
    assert len(memory._order) < 8
    assert sum(memory._kept.values()) == len(memory._order)


@given(
    steps=st.lists(st.integers(0, 3 * SECOND // 2), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_however_it_breaks_nothing_is_lost_or_doubled(steps: list[int], cuts: list[int]) -> None:
    """Lines come as the kubelet gives them: from the full second on, cut off anywhere."""
    at, log = NOON, []
    for number, step in enumerate(steps):
        at += step
        log.append(line(at, str(number % 3)))
    memory, taken = Remembered(), []
    for now, end in enumerate([*cuts, len(log)]):
        begin = memory.begin(now * UNCERTAIN_SECONDS / 2) // SECOND * SECOND
        taken += memory.new(one for one in log[: max(end, len(taken))] if one.at >= begin)
    assert sorted(taken, key=lambda one: one.at) == log or taken == log


def pod(phase: str = "Running", **states: dict[str, object]) -> Pod:
    """Return a pod with containers `init`, then `main`."""
    statuses = {name: {"name": name, **found} for name, found in states.items()}
    spec = {"initContainers": [{"name": "init"}], "containers": [{"name": "main"}]}
    status = {
        "phase": phase,
        "initContainerStatuses": [statuses[name] for name in ("init",) if name in statuses],
        "containerStatuses": [statuses[name] for name in ("main",) if name in statuses],
    }
    return Pod.read({"spec": spec, "status": status})


def ended(which: str) -> dict[str, object]:
    return {"terminated": {"containerID": which}}


RUNS = {"containerID": "m1", "state": {"running": {}}}
WAITS = {"state": {"waiting": {"reason": "PodInitializing"}}}


def test_init_containers_are_read_until_the_others_have_started() -> None:
    assert pod("Pending").to_read(None) == []
    starting = pod("Pending", init={"containerID": "i1", "state": {"running": {}}}, main=WAITS)
    assert starting.to_read(None) == ["init"]
    assert starting.to_read("main") == []
    running = pod(init={"state": ended("i1")}, main=RUNS)
    assert running.to_read(None) == ["main"]
    assert running.to_read("init") == ["init"]
    assert running.to_read("other") == []


def test_a_container_that_waits_to_be_started_again_is_the_one_that_ended() -> None:
    crashed = {
        "restartCount": 2,
        "lastState": ended("m2"),
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }
    assert pod(main=crashed).log_state("main") == LogState("m2", False, "m2", 2, False)
    again = {"restartCount": 3, "lastState": ended("m2"), "containerID": "m3", "state": {"running": {}}}
    assert pod(main=again).log_state("main") == LogState("m3", True, "m2", 3, False)
    assert pod(main=again).ran_before(None) == ["main"]
    assert pod(main=RUNS).ran_before(None) == []
    over = {"restartCount": 1, "lastState": ended("m1"), "state": ended("m2")}
    assert pod(main=over).log_state("main") == LogState("m2", False, "m1", 1, False)
    assert pod(main=over).ran_before(None) == ["main"]
    forgotten = {"restartCount": 1, "state": {"terminated": {"containerID": "second"}}}
    assert pod(main=forgotten).ran_before(None) == ["main"], "the first one's log is gone"
    assert pod(main={**forgotten, "restartCount": 0}).ran_before(None) == []
    assert pod("Succeeded", main={"state": ended("m1")}).log_state("main").over
