"""The supervisor with real processes: what dies comes back, what outlives it is taken over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from playground_ops.errors import PlaygroundError
from playground_ops.targets.local import control as controlling
from playground_ops.targets.local.control import Control, end_leftovers, ensure_supervisor, leftovers
from playground_ops.targets.local.processes import (
    ProcessSpec,
    ProcessState,
    folder_of,
    read_spec,
    read_state,
    runtime_folder,
    write_spec,
    write_state,
)
from tests.stacks import eventually

SLEEP = (sys.executable, "-c", "import time; time.sleep(300)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(300)",
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    if folder.is_dir():
        Control(folder).shutdown(0.1)
        end_leftovers(folder)
        runtime_folder(folder).unlink()


@pytest.fixture
def supervisor(state: Path) -> Control:
    return ensure_supervisor(state)


def spec(name: str = "x", argv: tuple[str, ...] = SLEEP, **fields: object) -> ProcessSpec:
    return ProcessSpec(name=name, argv=argv, cwd="/", **fields)


def seen(state: Path, name: str = "x") -> ProcessState:
    found = read_state(state, name)
    assert found is not None
    return found


def running(state: Path, name: str = "x") -> ProcessState:
    def found() -> ProcessState | None:
        state_now = read_state(state, name)
        return state_now if state_now and state_now.running else None

    return eventually(f"{name} to run", found, 10.0)


def alive(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_supervisor(control: Control, state: Path) -> None:
    pid = control.hello()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually("the supervisor to be gone", lambda: not alive(pid))


def test_a_process_is_started_once_and_stopped(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    first = running(state)
    supervisor.start(spec())
    assert running(state).pid == first.pid

    supervisor.stop("x")
    assert supervisor.wait_gone("x", 10.0)
    assert not alive(first.pid)
    assert "SIGTERM" in seen(state).exit_text
    supervisor.forget("x")
    assert read_state(state, "x") is None


def test_what_dies_comes_back_slower_each_time_and_that_is_seen(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(argv=(sys.executable, "-c", "raise SystemExit(3)")))
    eventually("three restarts", lambda: seen(state).restarts >= 3, 20.0)
    eventually("its exit code", lambda: seen(state).exit_text == "exit code 3")
    log = (state / "logs" / "supervisor.log").read_text()
    assert "x is started again in 0 s" in log
    assert "x is started again in 2 s" in log


def test_a_candidate_does_not_come_back(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(argv=(sys.executable, "-c", "raise SystemExit(3)"), restart="never"))
    eventually("its end", lambda: seen(state).exit_text == "exit code 3")
    assert (seen(state).running, seen(state).restarts) == (False, 0)
    supervisor.set_restart("x", "always")
    eventually("a restart", lambda: seen(state).restarts >= 1)


def test_a_program_that_is_not_there_is_told(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(argv=("/no/such/program",), restart="never"))
    assert "can't be started" in seen(state).exit_text


def test_what_ignores_sigterm_is_killed_with_all_of_its_children_after_its_grace(
    supervisor: Control, state: Path
) -> None:
    parent = (sys.executable, "-c", f"import subprocess; subprocess.run({list(STUBBORN)!r})")
    supervisor.start(spec(argv=parent))
    pid = running(state).pid
    child = eventually("its child", lambda: psutil.Process(pid).children())[0].pid
    log = state / "logs" / "x.log"
    eventually("the child to be deaf", lambda: "deaf" in log.read_text())
    os.kill(child, signal.SIGSTOP)  # so that the parent's end alone does not end it
    supervisor.stop("x", 0.3)
    assert supervisor.wait_gone("x", 10.0)
    assert not alive(pid)
    end_leftovers(state)
    eventually("no process", lambda: leftovers(state) == [] and not alive(child))


def test_a_killed_supervisor_stops_nothing_and_the_next_takes_over(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor, state)
    assert alive(pid)

    again = ensure_supervisor(state)
    assert (running(state).pid, running(state).restarts) == (pid, 0)
    os.kill(pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != pid)
    again.stop("x")
    assert again.wait_gone("x", 10.0)


def test_what_died_while_nobody_watched_is_started_again(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor, state)
    os.kill(pid, signal.SIGKILL)
    eventually("its end", lambda: not alive(pid))
    assert not seen(state).running
    ensure_supervisor(state)
    assert running(state).pid != pid


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
    kill_supervisor(supervisor, state)
    (folder_of(state) / "x.state.json").unlink()  # as if it had not been written yet
    ensure_supervisor(state)
    assert running(state).pid == pid
    assert [found for found in leftovers(state) if found != pid] == []


def test_one_that_nobody_wants_any_more_is_ended(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor, state)
    for file in folder_of(state).iterdir():
        file.unlink()
    ensure_supervisor(state)
    eventually("it to be ended", lambda: not alive(pid))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}', "\x00\x01"])
def test_corrupted_files_are_set_aside_and_nothing_runs_twice(
    supervisor: Control, state: Path, content: str
) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor, state)
    (folder_of(state) / "x.state.json").write_text(content)
    ensure_supervisor(state)
    assert running(state).pid == pid
    assert leftovers(state) == [pid]
    (folder_of(state) / "x.json").write_text(content)
    assert read_spec(state, "x") is None
    assert (folder_of(state) / "x.json.corrupt").exists()


def test_two_supervisors_at_once_are_one(state: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from playground_ops.targets.local.control import ensure_supervisor\n"
        f"print(ensure_supervisor(Path({str(state)!r})).hello()['pid'])"
    )
    command = [sys.executable, "-c", code]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    pids = {process.communicate(timeout=30)[0].strip() for process in started}
    assert len(pids) == 1


def test_it_outlives_the_session_and_the_signals_of_who_started_it(state: Path) -> None:
    code = (
        "import signal, sys; from pathlib import Path\n"
        "for name in ('SIGINT', 'SIGHUP', 'SIGCHLD', 'SIGTERM'):\n"
        "    signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "from playground_ops.targets.local.control import ensure_supervisor\n"
        "from playground_ops.targets.local.processes import ProcessSpec\n"
        f"control = ensure_supervisor(Path({str(state)!r}))\n"
        f"control.start(ProcessSpec(name='x', argv={SLEEP!r}, cwd='/'))\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    starter.wait(timeout=30)
    with pytest.raises(ProcessLookupError):
        os.killpg(starter.pid, signal.SIGHUP)
    control = Control(state)
    assert running(state).pid
    control.stop("x")  # it does not ignore SIGTERM, though its starter did
    assert control.wait_gone("x", 10.0)
    assert "SIGTERM" in seen(state).exit_text


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


def test_a_bad_request_ends_nobody(supervisor: Control) -> None:
    for request in ({"do": "nothing"}, {"do": "start", "spec": {}}, {"do": "stop"}):
        with pytest.raises(PlaygroundError, match="refused"):
            supervisor._ask(request)
    assert supervisor.hello()["pid"]


def test_waits_end_with_the_change_and_not_with_a_look(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(restart="never"))
    began = running(state)
    os.kill(began.pid, signal.SIGKILL)
    assert supervisor.changed("x", began.serial, 30.0)
    assert not seen(state).running
    now = seen(state)
    assert not supervisor.changed("x", now.serial, 0.05)


def test_it_sleeps_while_nothing_happens(supervisor: Control, state: Path) -> None:
    for number in range(5):
        supervisor.start(spec(f"x-{number}"))
    process = psutil.Process(supervisor.hello()["pid"])
    before = process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])
    time.sleep(3.0)  # what is measured is that nothing happens meanwhile
    after = process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])
    assert after[0] - before[0] <= 3
    assert after[1] - before[1] <= 0.02
    assert process.memory_info().rss < 60_000_000


def test_where_the_system_has_no_descriptors_of_processes_it_looks(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = state / "no_pidfd"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import os\nif hasattr(os, 'pidfd_open'): del os.pidfd_open\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    control = ensure_supervisor(state)
    control.start(spec())
    first = running(state)
    os.kill(first.pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != first.pid, 15.0)
    kill_supervisor(control, state)
    again = ensure_supervisor(state)
    pid = running(state).pid
    os.kill(pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != pid, 15.0)
    again.stop("x")
    assert again.wait_gone("x", 10.0)


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PlaygroundError, match="can't be"):
        ensure_supervisor(file / "state")


def test_a_full_disk_does_not_end_the_supervisor(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    folder = folder_of(state)
    kept = folder.rename(folder.with_name("kept"))
    folder.write_text("")  # nothing can be written below a file
    try:
        os.kill(pid, signal.SIGKILL)
        eventually("it to be started again", lambda: [found for found in leftovers(state) if found != pid])
        assert supervisor.hello()["pid"]
    finally:
        folder.unlink()
        kept.rename(folder)


def test_specs_hold_what_was_written(state: Path) -> None:
    wanted = spec(env={"A": "1"}, restart="never", grace_seconds=1.5)
    write_spec(state, wanted)
    assert read_spec(state, "x") == wanted
    assert (folder_of(state) / "x.json").stat().st_mode & 0o077 == 0
    assert asdict(wanted)["env"] == {"A": "1"}
