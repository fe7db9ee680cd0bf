"""Processes that outlived their supervisor: taken over or ended, and never started a second time."""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from playground_ops.targets.local import control as controlling
from playground_ops.targets.local.children import Children
from playground_ops.targets.local.control import Control, ensure_supervisor, leftovers
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import (
    ProcessState,
    folder_of,
    read_spec,
    write_spec,
    write_state,
)
from tests.asking import eventually
from tests.local.supervised import SLEEP, alive, kill_supervisor, log_of, running, seen, spec
from tests.session.deadlines import stretched

LISTENS = (
    "import socket, sys, time\n"
    "here = socket.socket(socket.AF_UNIX)\n"
    "here.bind(sys.argv[1])\n"  # refused while another one is there
    "here.listen()\n"
    "time.sleep(300)\n"
)


def test_a_killed_supervisor_stops_nothing_and_the_next_takes_over(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor)
    assert alive(pid)

    again = ensure_supervisor(state)
    assert (running(state).pid, running(state).restarts) == (pid, 0)
    os.kill(pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != pid)
    again.stop("x")
    assert again.wait_gone("x", 30.0)


def test_what_died_while_nobody_watched_is_started_again(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    supervisor.start(spec("y", restart="never"))
    pids = [running(state, name).pid for name in ("x", "y")]
    kill_supervisor(supervisor)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually("their end", lambda: not any(alive(pid) for pid in pids))
    assert not seen(state).running
    ensure_supervisor(state)
    assert running(state).pid not in pids
    assert running(state).restarts == 1
    assert not seen(state, "y").running


def test_a_process_that_got_the_pid_of_ours_is_left_alone(state: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        write_spec(state, spec(restart="never"))
        write_state(
            state,
            ProcessState(name="x", serial=1, running=True, restart="never", pid=stranger.pid, birth="other"),
        )
        control = ensure_supervisor(state)
        assert not seen(state).running
        control.stop("x", 0.1)
        Control(state).shutdown(0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_started_a_moment_before_the_kill_is_found_by_its_marker(
    supervisor: Control, state: Path
) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor)
    (folder_of(state) / "x.state.json").unlink()  # as if it had not been written yet
    ensure_supervisor(state)
    assert running(state).pid == pid
    assert leftovers(state) == [pid]


def test_what_a_server_started_is_not_taken_for_the_server(supervisor: Control, state: Path) -> None:
    # given: a server that is gone, and a process of its own session that it left
    code = f"import subprocess; subprocess.Popen({list(SLEEP)!r}, start_new_session=True).wait()"
    supervisor.start(spec(argv=(sys.executable, "-S", "-c", code)))
    pid = running(state).pid
    stray = eventually("its child", lambda: psutil.Process(pid).children())[0].pid
    kill_supervisor(supervisor)
    os.kill(pid, signal.SIGKILL)
    eventually("its end", lambda: not alive(pid))
    # when
    ensure_supervisor(state)
    # then
    assert running(state).pid not in (pid, stray)


def test_killed_at_any_moment_there_is_one_of_each_and_one_supervisor(state: Path) -> None:
    chance = random.Random(os.environ.get("PLAYGROUND_SEED"))
    control = ensure_supervisor(state)
    sockets = runtime_folder(state)
    for number in range(8):
        supervisor = control.hello()["pid"]
        argv = (sys.executable, "-S", "-c", LISTENS, str(sockets / f"{number}.sock"))
        asked = subprocess.Popen(
            [sys.executable, "-c", ASK, str(state), f"x-{number}", *argv], stderr=subprocess.DEVNULL
        )
        folder = folder_of(state)
        eventually("its spec", lambda path=folder / f"x-{number}.json": path.exists(), every_seconds=0.0005)
        time.sleep(chance.uniform(0, 0.02))  # the time of the kill is random
        os.kill(supervisor, signal.SIGKILL)
        asked.wait(timeout=stretched(30))
        control = ensure_supervisor(state)
    for number in range(8):
        running(state, f"x-{number}")
        assert log_of(state, f"x-{number}") == "", "a second one was refused the address"
    assert sorted(leftovers(state)) == sorted(running(state, f"x-{number}").pid for number in range(8))


ASK = """
import sys
from pathlib import Path
from playground_ops.targets.local.children import Children
from playground_ops.targets.local.control import Control
from playground_ops.targets.local.processes import ProcessSpec
Control(Path(sys.argv[1])).start(ProcessSpec(name=sys.argv[2], argv=tuple(sys.argv[3:]), cwd="/"))
"""


def test_one_that_nobody_wants_any_more_is_ended(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor)
    for file in folder_of(state).iterdir():
        file.unlink()
    ensure_supervisor(state)
    eventually("it to be ended", lambda: not alive(pid))


DRAINS = """
import signal, time
def drain(*_):
    print("asked", flush=True)
signal.signal(signal.SIGTERM, drain)
print("ready", flush=True)
while True:
    time.sleep(1)
"""


def test_one_that_drains_is_asked_once_and_watched_on(supervisor: Control, state: Path) -> None:
    """A second SIGTERM would break off the drain of a code server."""
    supervisor.start(spec(argv=(sys.executable, "-S", "-c", DRAINS)))
    eventually("its handler", lambda: "ready" in log_of(state, "x"))
    supervisor.stop("x", 60.0)
    eventually("the signal", lambda: "asked" in log_of(state, "x"))
    kill_supervisor(supervisor)
    control = ensure_supervisor(state)
    control.stop("x", 60.0)
    pid = running(state).pid
    os.kill(pid, signal.SIGKILL)
    assert control.wait_gone("x", 30.0)
    assert log_of(state, "x").count("asked") == 1
    assert not seen(state).running


def test_one_whose_supervisor_died_before_it_was_asked_to_end_is_asked(
    supervisor: Control, state: Path
) -> None:
    supervisor.start(spec())
    state_then = running(state)
    kill_supervisor(supervisor)
    write_state(state, ProcessState(**{**state_then.__dict__, "stopping": True}))
    assert ensure_supervisor(state).wait_gone("x", 30.0)
    assert not alive(state_then.pid)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "x"}', "\x00\x01", '{"serial": "x", "pid": []}']
)
def test_corrupted_files_are_set_aside_and_nothing_runs_twice(
    supervisor: Control, state: Path, content: str
) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor)
    (folder_of(state) / "x.state.json").write_text(content)
    ensure_supervisor(state)
    assert running(state).pid == pid
    assert leftovers(state) == [pid]
    assert (folder_of(state) / "x.state.json.corrupt").exists()


@pytest.mark.parametrize("file", ["x.json", "both"])
def test_what_serves_goes_on_when_its_spec_is_corrupted(supervisor: Control, state: Path, file: str) -> None:
    supervisor.start(spec(env={"A": "1"}))
    pid = running(state).pid
    kill_supervisor(supervisor)
    for path in folder_of(state).glob("x.json" if file == "x.json" else "x*.json"):
        path.write_text('{"name": 1')
    control = ensure_supervisor(state)
    assert running(state).pid == pid
    assert leftovers(state) == [pid]
    found = read_spec(state, "x")
    assert found is not None
    assert (found.argv, found.env["A"], found.restart) == (SLEEP, "1", "always")
    os.kill(pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != pid)
    control.stop("x")
    assert control.wait_gone("x", 30.0)


def test_files_that_are_lost_while_it_runs_are_written_again(state: Path) -> None:
    with selectors.DefaultSelector() as selector:
        children = Children(state, selector)
        children.start(spec())
        before = running(state)
        for file in folder_of(state).iterdir():
            file.unlink()
        children.mend_files()
        assert (seen(state), read_spec(state, "x")) == (before, spec())


def test_two_supervisors_at_once_are_one(state: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from playground_ops.targets.local.control import ensure_supervisor\n"
        f"print(ensure_supervisor(Path({str(state)!r})).hello()['pid'])"
    )
    command = [sys.executable, "-c", code]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    pids = {process.communicate(timeout=stretched(30))[0].strip() for process in started}
    assert len(pids) == 1


def test_a_newer_version_takes_over_from_an_older_one(
    supervisor: Control, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.start(spec())
    pid, before = running(state).pid, supervisor.hello()["pid"]
    digests = iter(["another version", controlling.source_digest()])
    monkeypatch.setattr(controlling, "source_digest", lambda: next(digests))
    after = ensure_supervisor(state)
    assert after.hello()["pid"] != before
    assert running(state).pid == pid
