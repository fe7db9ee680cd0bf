"""The supervisor with real processes: what is asked for runs, what dies comes back, and all of it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.local import control as controlling
from playground_ops.targets.local import processes
from playground_ops.targets.local.child import LOG_BYTES
from playground_ops.targets.local.control import Control, end_leftovers, ensure_supervisor, leftovers
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import folder_of, read_state
from tests.asking import eventually
from tests.local.supervised import LOOKING, SLEEP, alive, kill_supervisor, log_of, running, seen, spec
from tests.session.deadlines import stretched

FAILS = (sys.executable, "-S", "-c", "raise SystemExit(3)")
STUBBORN = (
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); "
    "time.sleep(300)",
)


@pytest.fixture(autouse=True, params=["descriptors", "looks"])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A system with what Linux has, and one without descriptors of processes and without /proc."""
    if request.param == "looks":
        (tmp_path / "sitecustomize.py").write_text(LOOKING)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(processes, "birth_of", processes._birth_elsewhere)
    return str(request.param)


def leaves_behind(child: str) -> tuple[str, ...]:
    """Return a server that ends at once when asked, and leaves a child of its own."""
    code = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen([{sys.executable!r}, '-S', '-c', {child!r}], env={{}}).pid, flush=True)\n"
        "time.sleep(300)"
    )
    return (sys.executable, "-S", "-c", code)


def test_a_process_is_started_once_and_stopped(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    first = running(state)
    supervisor.start(spec())
    assert running(state).pid == first.pid

    supervisor.stop("x")
    assert supervisor.wait_gone("x", 30.0)
    assert not alive(first.pid)
    assert "SIGTERM" in seen(state).exit_text
    supervisor.forget("x")
    assert read_state(state, "x") is None
    assert list(folder_of(state).iterdir()) == []


def test_what_dies_comes_back_slower_each_time_and_that_is_seen(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(argv=FAILS))
    eventually("a pause", lambda: seen(state).restarts >= 2 and not seen(state).running)

    def restarted() -> bool:
        supervisor.set_restart("x", "always")  # asking again to keep it does not delay its restart
        return seen(state).restarts >= 3

    eventually("a restart", restarted)
    eventually("its exit code", lambda: seen(state).exit_text == "exit code 3")
    assert "x is started again in 0 s" in log_of(state, "supervisor")
    assert "x is started again in 2 s" in log_of(state, "supervisor")


def test_a_candidate_does_not_come_back(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(argv=FAILS, restart="never"))
    eventually("its end", lambda: seen(state).exit_text == "exit code 3")
    assert (seen(state).running, seen(state).restarts) == (False, 0)
    supervisor.set_restart("x", "always")
    eventually("a restart", lambda: seen(state).restarts >= 1)


@pytest.mark.parametrize(
    "wrong",
    [{"argv": ("/no/such/program",)}, {"argv": ("a\0b",)}, {"env": {"A=B": "c"}}, {"env": {"A": "\0"}}],
)
def test_what_cannot_be_started_is_told(supervisor: Control, state: Path, wrong: dict[str, object]) -> None:
    supervisor.start(spec(**{"restart": "never", **wrong}))
    assert "can't be started" in seen(state).exit_text
    assert supervisor.hello()["pid"]


def test_what_ignores_sigterm_is_killed_with_its_group_after_its_grace(
    supervisor: Control, state: Path
) -> None:
    parent = (*STUBBORN[:3], f"import subprocess; subprocess.Popen({list(STUBBORN)!r}); {STUBBORN[3]}")
    supervisor.start(spec(argv=parent))
    eventually("both to be deaf", lambda: log_of(state, "x").count("deaf") == 2)
    pid = running(state).pid
    child = psutil.Process(pid).children()[0].pid
    supervisor.stop("x", 0.3)
    assert supervisor.wait_gone("x", 30.0)
    eventually("no process", lambda: not alive(pid) and not alive(child))


def test_what_a_stopped_process_leaves_in_its_group_is_ended(supervisor: Control, state: Path) -> None:
    # given: a child that has no marker, and that no signal to its parent reaches
    supervisor.start(spec(argv=leaves_behind("import time; time.sleep(300)")))
    child = int(eventually("its child", lambda: log_of(state, "x").strip()))
    assert child not in leftovers(state)
    # when
    supervisor.stop("x")
    # then
    assert supervisor.wait_gone("x", 30.0)
    eventually("its end", lambda: not alive(child))


def test_what_a_killed_process_leaves_goes_on_and_ends_with_the_stack(
    supervisor: Control, state: Path
) -> None:
    """A run goes on when its server is killed."""
    code = (
        f"import subprocess, time; print(subprocess.Popen({list(SLEEP)!r}).pid, flush=True); time.sleep(300)"
    )
    supervisor.start(spec(argv=(sys.executable, "-S", "-c", code), restart="never"))
    child = int(eventually("its child", lambda: log_of(state, "x").strip()))
    os.kill(running(state).pid, signal.SIGKILL)
    eventually("its end", lambda: not seen(state).running)
    assert alive(child)
    supervisor.shutdown(1.0)
    end_leftovers(state)
    eventually("no process", lambda: leftovers(state) == [] and not alive(child))


def test_after_shutdown_there_is_no_process_and_no_supervisor(supervisor: Control, state: Path) -> None:
    pids = [supervisor.hello()["pid"]]
    for number in range(3):
        supervisor.start(spec(f"x-{number}", restart=("always", "never")[number % 2]))
        pids.append(running(state, f"x-{number}").pid)
    supervisor.shutdown(5.0)
    eventually("no process", lambda: not any(alive(pid) for pid in pids), 30.0)
    assert leftovers(state) == []
    assert not (runtime_folder(state) / "supervisor.sock").exists()


def test_shutdown_ends_in_order_what_no_supervisor_watches(supervisor: Control, state: Path) -> None:
    """It drains the process: SIGTERM first, and only after its grace SIGKILL."""
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (print('drained', flush=True), 1 / 0))"
    )
    supervisor.start(spec(argv=(*STUBBORN[:3], f"{code}; print('ready', flush=True); time.sleep(300)")))
    eventually("its handler", lambda: "ready" in log_of(state, "x"))
    kill_supervisor(supervisor)
    supervisor.shutdown(10.0)
    assert "drained" in log_of(state, "x")
    assert not seen(state).running


def test_a_request_outlives_the_supervisor_it_was_made_to(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    kill_supervisor(supervisor)
    supervisor.stop("x")
    assert supervisor.wait_gone("x", 30.0)
    assert not alive(pid)


def test_a_bad_request_ends_nobody(supervisor: Control) -> None:
    for request in ({"do": "nothing"}, {"do": "start", "spec": {}}, {"do": "stop"}):
        with pytest.raises(PlaygroundError, match="refused"):
            supervisor._ask(request)
    assert supervisor.hello()["pid"]


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b'"x"\n', b"{}\n", b"\xff\xfe\n", b"x" * 100, b'{"do": 1}\n']
)
def test_a_client_that_talks_nonsense_or_goes_away_holds_nobody_up(
    supervisor: Control, state: Path, line: bytes
) -> None:
    address = str(runtime_folder(state) / "supervisor.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(address)
        client.sendall(json.dumps({"do": "any_change", "timeout": 60}).encode() + b"\n" + line)
        assert supervisor.hello()["pid"]
    supervisor.start(spec())
    assert running(state)


def test_a_supervisor_that_hangs_is_named(
    supervisor: Control, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controlling, "START_SECONDS", 1.0)
    monkeypatch.setattr(controlling, "HELLO_SECONDS", 0.3)
    pid = supervisor.hello()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(PlaygroundError, match=f"Process {pid} .* does not answer") as refused:
            ensure_supervisor(state)
        assert f"kill -9 {pid}" in refused.value.finding.fix
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ensure_supervisor(state).hello()["pid"] == pid


def test_waits_end_with_the_change_and_not_with_a_look(supervisor: Control, state: Path) -> None:
    supervisor.start(spec(restart="never"))
    began = running(state)
    os.kill(began.pid, signal.SIGKILL)
    assert supervisor.changed("x", began.serial, 30.0)
    assert not seen(state).running
    assert not supervisor.changed("x", seen(state).serial, 0.05)


def test_it_sleeps_while_nothing_happens(supervisor: Control, state: Path, system: str) -> None:
    for number in range(5):
        supervisor.start(spec(f"x-{number}"))
    process = psutil.Process(supervisor.hello()["pid"])
    before = process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])
    time.sleep(3.0)  # the test measures that nothing happens meanwhile
    after = process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])
    wakes, seconds = (3, 0.02) if system == "descriptors" else (20, 0.1)
    assert after[0] - before[0] <= wakes
    assert after[1] - before[1] <= seconds
    assert process.memory_info().rss < 60_000_000


def test_a_log_is_put_aside_when_it_is_long(supervisor: Control, state: Path) -> None:
    (state / "logs" / "x.log").write_bytes(b"x" * (LOG_BYTES + 1))
    supervisor.start(spec(argv=(sys.executable, "-S", "-c", "print('new')"), restart="never"))
    eventually("its end", lambda: not seen(state).running)
    assert log_of(state, "x") == "new\n"
    assert (state / "logs" / "x.log.1").stat().st_size == LOG_BYTES + 1


def test_a_full_disk_does_not_end_the_supervisor_and_is_made_good_later(
    supervisor: Control, state: Path
) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    folders = [folder_of(state), state / "logs"]
    kept = [folder.rename(folder.with_name(f"kept-{folder.name}")) for folder in folders]
    for folder in folders:
        folder.write_text("")  # nothing can be written below a file
    try:
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PlaygroundError) as refused:
            supervisor.start(spec("y"))
        assert refused.value.finding.kind is FindingKind.CAPACITY
    finally:
        for folder, where in zip(folders, kept, strict=True):
            folder.unlink()
            where.rename(folder)
    eventually("it to be started again", lambda: seen(state).running and seen(state).pid != pid, 30.0)


def test_what_could_not_be_written_is_written_when_there_is_room(supervisor: Control, state: Path) -> None:
    supervisor.start(spec())
    pid = running(state).pid
    folder = folder_of(state)
    kept = folder.rename(folder.with_name("kept"))
    folder.write_text("")
    try:
        os.kill(pid, signal.SIGKILL)
        found = eventually("a restart", lambda: [one for one in leftovers(state) if one != pid])
    finally:
        folder.unlink()
        kept.rename(folder)
    assert seen(state).pid == pid
    eventually("its state", lambda: seen(state).pid == found[0] and seen(state).running, 30.0)


def test_a_supervisor_whose_log_is_full_goes_on(state: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (state / "logs").mkdir()
    (state / "logs" / "supervisor.log").symlink_to("/dev/full")
    control = ensure_supervisor(state)
    control.start(spec())
    first = running(state)
    os.kill(first.pid, signal.SIGKILL)
    eventually("a restart", lambda: seen(state).running and seen(state).pid != first.pid, 30.0)


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PlaygroundError, match="can't be"):
        ensure_supervisor(file / "state")


def test_a_folder_that_was_deleted_is_left_alone(supervisor: Control, state: Path) -> None:
    """Otherwise the old supervisor and a new one would both bring back what dies."""
    supervisor.start(spec())
    first, pid = supervisor.hello()["pid"], running(state).pid
    shutil.rmtree(state)
    state.mkdir()
    control = ensure_supervisor(state)
    eventually("what nothing tells of to be ended", lambda: not alive(pid))
    eventually("the old supervisor to leave", lambda: not alive(first))
    control.start(spec())
    assert leftovers(state) == [running(state).pid]


def test_it_outlives_the_session_and_the_signals_of_who_started_it(state: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path\n"
        "for name in ('SIGINT', 'SIGHUP', 'SIGCHLD', 'SIGTERM', 'SIGQUIT', 'SIGUSR1'):\n"
        "    signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
        "from playground_ops.targets.local.control import ensure_supervisor\n"
        "from playground_ops.targets.local.processes import ProcessSpec\n"
        f"control = ensure_supervisor(Path({str(state)!r}))\n"
        f"control.start(ProcessSpec(name='x', argv={SLEEP!r}, cwd='/'))\n"
        "os.killpg(0, signal.SIGKILL)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    starter.wait(timeout=stretched(30))
    control = Control(state)
    os.kill(control.hello()["pid"], signal.SIGHUP)
    assert running(state).pid
    control.stop("x")  # it neither ignores nor blocks SIGTERM, though its starter did
    assert control.wait_gone("x", 30.0)
    assert "SIGTERM" in seen(state).exit_text


@pytest.mark.parametrize("jump", [-(10**8), 10**8])
def test_the_clock_of_the_wall_does_not_matter(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    site = tmp_path / "sitecustomize.py"
    earlier = site.read_text() if site.exists() else ""
    site.write_text(f"{earlier}\nimport time\nreal = time.time\ntime.time = lambda: real() + {jump}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    control = ensure_supervisor(state)
    control.start(spec(argv=FAILS))
    eventually("restarts", lambda: seen(state).restarts >= 2, 30.0)
    control.start(spec("y"))
    pid = running(state, "y").pid
    kill_supervisor(control)
    site.write_text(earlier)
    ensure_supervisor(state)
    assert running(state, "y").pid == pid
