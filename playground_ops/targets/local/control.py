"""Talks to the supervisor, starts one where none answers, and ends the stack."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from playground_ops.core.errors import Finding, PlaygroundError, capacity, transient
from playground_ops.core.target import Say
from playground_ops.targets.common.server_protocol import NoAnswer, current_runs
from playground_ops.targets.local.child import marked_processes
from playground_ops.targets.local.folder import cannot_write, writing
from playground_ops.targets.local.logs import last_lines
from playground_ops.targets.local.own_folder import made_private, runtime_folder
from playground_ops.targets.local.processes import (
    ProcessSpec,
    Restart,
    birth_of,
    names,
    read_state,
)
from playground_ops.targets.local.supervisor import Place, source_digest

START_SECONDS = 10.0
ANSWER_SECONDS = 10.0
HELLO_SECONDS = 2.0
SLICE_SECONDS = 10.0
"""A wait without an end is split into slices, so that a supervisor that hangs is noticed."""


class NoSupervisor(Exception):
    """No supervisor answers at the state folder's control socket."""


class Control:
    """A client of the supervisor. Each call is a connection; waits are answered by events, not polled."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def hello(self) -> dict[str, Any]:
        """Return which supervisor answers. Raises NoSupervisor when none does."""
        return self._ask_once({"do": "hello"}, HELLO_SECONDS)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that its processes inherit, which are those of the supervisor."""
        import psutil

        with contextlib.suppress(psutil.Error, OSError):
            return psutil.Process(int(self._ask({"do": "hello"})["pid"])).environ()
        return dict(os.environ)  # a system that does not tell: it was most likely started from here

    def start(self, spec: ProcessSpec) -> None:
        """Start a process; does nothing when one of that name runs already."""
        self._ask({"do": "start", "spec": asdict(spec)})

    def stop(self, name: str, grace_seconds: float | None = None) -> None:
        """Ask it to end; returns at once. None: the grace of its spec, in seconds."""
        self._ask({"do": "stop", "name": name, "grace_seconds": grace_seconds})

    def set_restart(self, name: str, restart: Restart) -> None:
        self._ask({"do": "set_restart", "name": name, "restart": restart})

    def forget(self, name: str) -> None:
        """Remove the files of a process that is gone."""
        self._ask({"do": "forget", "name": name})

    def wait_gone(self, name: str, timeout_seconds: float) -> bool:
        return self._wait({"do": "wait_gone", "name": name, "timeout": timeout_seconds})

    def changed(self, name: str, serial: int, timeout_seconds: float) -> bool:
        """Wait until the process's serial is not `serial`."""
        return self._wait({"do": "changed", "name": name, "serial": serial, "timeout": timeout_seconds})

    def any_change(self, timeout_seconds: float) -> bool:
        return self._wait({"do": "any_change", "timeout": timeout_seconds})

    def shutdown(self, grace_seconds: float | None = None) -> None:
        """End everything and the supervisor; returns when all of it is gone. None: each one's own grace.

        Where no supervisor answers and processes are left, a new one is started to end them in order. Raises
        PlaygroundError when that fails.
        """
        request = {"do": "shutdown", "grace_seconds": grace_seconds, "timeout": SLICE_SECONDS}
        while True:
            try:
                self.hello()
                if self._ask_once(request, SLICE_SECONDS + ANSWER_SECONDS)["held"]:
                    return
            except NoSupervisor:
                if not leftovers(self._state):
                    return
                ensure_supervisor(self._state)

    def handover(self) -> None:
        with contextlib.suppress(NoSupervisor):
            self._ask_once({"do": "handover"}, ANSWER_SECONDS)

    def _wait(self, request: dict[str, Any]) -> bool:
        return bool(self._ask(request, float(request["timeout"]) + ANSWER_SECONDS)["held"])

    def _ask(self, request: dict[str, Any], timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Ask, and ask a new supervisor when this one dies: each request may be repeated."""
        try:
            return self._ask_once(request, timeout)
        except NoSupervisor:
            ensure_supervisor(self._state)
        try:
            return self._ask_once(request, timeout)
        except NoSupervisor as error:
            raise PlaygroundError(_not_started(self._state)) from error

    def _ask_once(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            address = str(_runtime(self._state) / "supervisor.sock")
            try:
                connection.connect(address)
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as answers:
                    line = answers.readline()
            except OSError as error:
                raise NoSupervisor(str(error)) from error
        if not line.endswith(b"\n"):
            raise NoSupervisor("it ended before it answered")
        answer: dict[str, Any] = json.loads(line)
        if "full" in answer:
            raise PlaygroundError(cannot_write(self._state, OSError(answer["full"])))
        if "error" in answer:
            raise PlaygroundError(_refused(request, str(answer["error"])))
        return answer


def ensure_supervisor(state: Path) -> Control:
    """Return the control of a supervisor that answers and is of this version of the code.

    Raises PlaygroundError when none can be started.
    """
    control = Control(state)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if control.hello()["digest"] == source_digest():
                return control
            control.handover()
        except NoSupervisor:
            pass
        if time.monotonic() >= deadline or _start(state) not in (None, 0):
            raise PlaygroundError(_not_started(state))


def started_at(state: Path) -> str | None:
    """Return since when the supervisor runs, in UTC: since then it has its environment. None: not known."""
    import psutil

    try:
        began = psutil.Process(Place(state).holder() or 0).create_time()
    except psutil.Error:
        return None
    return datetime.fromtimestamp(began, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def leftovers(state: Path) -> list[int]:
    """Return the pids of processes that belong to the stack, run workers included."""
    return [pid for pid, _ in marked_processes(state) if pid != os.getpid()]


def end_leftovers(state: Path) -> None:
    """Kill what is left; the supervisor first, so that nothing comes back."""
    for pid in leftovers(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _runtime(state: Path) -> Path:
    with writing(state):
        return runtime_folder(state)


def _start(state: Path) -> int | None:
    """Start a supervisor in a session of its own. Returns when it listens, or its exit code when it ended."""
    with writing(state):
        made_private(state)
        (state / "logs").mkdir(exist_ok=True)
        log = (state / "logs" / "supervisor.log").open("ab")
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DAGSTER_", "PLAYGROUND_")) or key == "PLAYGROUND_STATE"
    }
    with log:
        started = subprocess.Popen(
            [sys.executable, "-m", "playground_ops.targets.local.supervisor", str(state)],
            cwd=Path(__file__).parents[3],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    control = Control(state)
    deadline = time.monotonic() + START_SECONDS
    while started.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(NoSupervisor):
            control.hello()
            break
        time.sleep(0.01)
    return started.poll()


def _refused(request: dict[str, Any], reason: str) -> Finding:
    return transient(
        object=f"process/{request.get('name', request.get('spec', {}).get('name', request['do']))}",
        observed=f"The supervisor refused `{request['do']}`: {reason}.",
        cause="The process is in another state than was expected.",
        fix="Run the command again; `logs supervisor` tells what happened.",
    )


def _not_started(state: Path) -> Finding:
    holder = Place(state).holder()
    hangs = holder is not None and birth_of(holder) is not None
    log = state / "logs" / "supervisor.log"
    return capacity(
        object="process/supervisor",
        observed=f"Process {holder} is the supervisor of {state} and does not answer."
        if hangs
        else f"None can be started for {state}.",
        cause="It was stopped, or the machine is overloaded."
        if hangs
        else "The folder can't be written, or the machine is out of memory or processes.",
        fix=f"Let it go on (`kill -CONT {holder}`) or end it (`kill -9 {holder}`): what it watches goes on "
        "serving, and the next command starts another."
        if hangs
        else f"Look at {log}, then run the command again.",
        evidence="\n".join(last_lines(log, 10)),
    )


TELL_SECONDS = 5.0


def shut_down(state: Path, say: Say, grace_seconds: float | None) -> None:
    """Return when the supervisor and all its processes are gone; meanwhile report what is waited for."""
    say("asking every process to finish and end")
    asked = threading.Thread(target=Control(state).shutdown, args=(grace_seconds,), daemon=True)
    asked.start()
    reported = ""
    while asked.is_alive():
        asked.join(TELL_SECONDS)
        waiting = ", ".join(_waited_for(state)) if asked.is_alive() else ""
        if waiting and waiting != reported:
            say(f"waiting for {waiting}; `down --now` ends them at once")
            reported = waiting


def _waited_for(state: Path) -> list[str]:
    running = [name for name in names(state) if (found := read_state(state, name)) and found.running]
    return [f"{name}{_runs_of(state, name)}" for name in running]


def _runs_of(state: Path, name: str) -> str:
    try:
        runs = current_runs(f"unix:{runtime_folder(state) / name}.sock")
    except NoAnswer:
        return ""  # no code server, or one that no longer answers
    return f" (runs in flight: {', '.join(run[:8] for run in runs)})" if runs else ""
