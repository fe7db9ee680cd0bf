"""The supervised processes: started, watched, restarted, stopped, taken over."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from playground_ops.targets.local import processes
from playground_ops.targets.local.processes import MARKER, ProcessSpec, ProcessState, Restart

BACKOFF_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
SETTLED_SECONDS = 60.0
"""A process that lived so long has its backoff forgiven."""
POLL_SECONDS = 0.5
"""Where the system has no descriptor for a process, it is looked at so often."""
LOG_BYTES = 10_000_000


@dataclass
class Child:
    spec: ProcessSpec
    state: ProcessState
    popen: subprocess.Popen[bytes] | None = None
    """None when it was taken over: then nobody can learn its exit code."""
    descriptor: int | None = None
    started: float = 0.0
    failures: int = 0
    kill_at: float | None = None
    restart_at: float | None = None


class Children:
    def __init__(self, state: Path, selector: selectors.BaseSelector) -> None:
        self._state, self._selector = state, selector
        self._children: dict[str, Child] = {}
        self.total = 0
        """Grows with every change of any of them."""

    # Asked for by clients.

    def start(self, spec: ProcessSpec) -> None:
        """Run it. Nothing happens when a process of that name runs: it has to be stopped first."""
        child = self._children.get(spec.name)
        if child is not None and child.state.running:
            return
        kept = child.spec.restart if child and child.spec.argv == spec.argv else spec.restart
        spec = replace(spec, restart=kept)
        processes.write_spec(self._state, spec)
        serial = child.state.serial if child else 0
        fresh = ProcessState(name=spec.name, serial=serial, running=False, restart=spec.restart)
        self._children[spec.name] = Child(spec, fresh)
        self._spawn(self._children[spec.name])

    def stop(self, name: str, grace_seconds: float | None = None) -> None:
        """SIGTERM to the process alone: a code server then finishes its runs, its children."""
        child = self._children.get(name)
        if child is None:
            return
        child.restart_at = None
        self._change(child, stopping=True)
        if child.state.running and child.kill_at is None:
            self._signal(child, signal.SIGTERM)
        if child.state.running:
            grace = child.spec.grace_seconds if grace_seconds is None else grace_seconds
            asked = time.monotonic() + grace
            child.kill_at = asked if child.kill_at is None else min(child.kill_at, asked)

    def stop_all(self, grace_seconds: float | None) -> None:
        for name in list(self._children):
            self.stop(name, grace_seconds)

    def set_restart(self, name: str, restart: Restart) -> None:
        child = self._children[name]
        if child.spec.restart != restart:
            child.spec = replace(child.spec, restart=restart)
            processes.write_spec(self._state, child.spec)
            self._change(child, restart=restart)
        if restart == "always" and not child.state.running and not child.state.stopping:
            self._schedule_restart(child)

    def forget(self, name: str) -> None:
        child = self._children.get(name)
        if child is not None and child.state.running:
            raise ValueError(f"{name} still runs")
        self._children.pop(name, None)
        processes.remove_files(self._state, name)
        self.total += 1

    def is_running(self, name: str) -> bool:
        child = self._children.get(name)
        return child is not None and child.state.running

    def any_running(self) -> bool:
        return any(child.state.running for child in self._children.values())

    def serial(self, name: str) -> int:
        child = self._children.get(name)
        return child.state.serial if child else -1

    # Driven by the supervisor's loop.

    def moments(self) -> Iterator[float]:
        """When something is due, in monotonic seconds."""
        for child in self._children.values():
            if child.kill_at is not None:
                yield child.kill_at
            if child.restart_at is not None:
                yield child.restart_at
            if child.state.running and child.descriptor is None:
                yield time.monotonic() + POLL_SECONDS

    def tick(self) -> None:
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.state.running and child.descriptor is None:
                self._look(child)
            if child.kill_at is not None and now >= child.kill_at:
                child.kill_at = now + 5.0
                self._kill_group(child)
            if child.restart_at is not None and now >= child.restart_at:
                child.restart_at = None
                self._spawn(child)

    def take_over(self) -> None:
        """Adopt what runs, start what should run and does not, end what nobody knows any more."""
        marked = dict(self._marked())
        for name in processes.names(self._state):
            spec = processes.read_spec(self._state, name)
            if spec is None:
                continue
            state = processes.read_state(self._state, name) or ProcessState(
                name=name, serial=0, running=False, restart=spec.restart
            )
            child = self._children[name] = Child(spec, replace(state, serial=state.serial + 1))
            pid = state.pid if state.running and state.pid else marked.get(name)
            if pid is not None:
                self._adopt(child, pid)
            elif spec.restart == "always" and not state.stopping:
                self._schedule_restart(child)
            else:
                self._change(child, running=False)
        for name, pid in marked.items():
            if name not in self._children:
                _tell(f"ending {name} (pid {pid}): nothing says that it is wanted")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    # How.

    def _spawn(self, child: Child) -> None:
        spec = child.spec
        log = self._log(spec.name)
        environment = {**os.environ, **spec.env, MARKER: f"{os.path.realpath(self._state)}::{spec.name}"}
        again = child.state.restarts + 1 if child.state.pid is not None else child.state.restarts
        try:
            with log.open("ab") as output:
                child.popen = subprocess.Popen(
                    spec.argv,
                    cwd=spec.cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            child.popen = None
            child.failures += 1
            self._change(child, running=False, since=_utc_now(), exit_text=f"it can't be started: {error}")
            if spec.restart == "always":
                self._schedule_restart(child)
            return
        child.started = time.monotonic()
        self._adopt(child, child.popen.pid, restarts=again)

    def _adopt(self, child: Child, pid: int, **fields: Any) -> None:
        since = _utc_now() if child.popen is not None else child.state.since or _utc_now()
        self._change(child, running=True, pid=pid, birth=processes.birth_of(pid), since=since, **fields)
        child.kill_at = time.monotonic() + child.spec.grace_seconds if child.state.stopping else None
        if hasattr(os, "pidfd_open"):
            try:
                child.descriptor = os.pidfd_open(pid)
            except OSError:
                self._look(child)
                return
            self._selector.register(child.descriptor, selectors.EVENT_READ, lambda _: self._ended(child))

    def _look(self, child: Child) -> None:
        alive = child.popen.poll() is None if child.popen else processes.is_alive(child.state)
        if not alive:
            self._ended(child)

    def _ended(self, child: Child) -> None:
        if child.descriptor is not None:
            self._selector.unregister(child.descriptor)
            os.close(child.descriptor)
            child.descriptor = None
        text = _exit_text(child.popen.wait() if child.popen else None)
        child.popen, child.kill_at = None, None
        _tell(f"{child.spec.name} (pid {child.state.pid}) ended: {text}")
        self._change(child, running=False, since=_utc_now(), exit_text=text)
        if child.spec.restart == "always" and not child.state.stopping:
            child.failures = 0 if time.monotonic() - child.started > SETTLED_SECONDS else child.failures + 1
            self._schedule_restart(child)

    def _schedule_restart(self, child: Child) -> None:
        pause = BACKOFF_SECONDS[min(max(child.failures - 1, 0), len(BACKOFF_SECONDS) - 1)]
        child.restart_at = time.monotonic() + pause
        _tell(f"{child.spec.name} is started again in {pause:g} s")

    def _change(self, child: Child, **fields: Any) -> None:
        self.total += 1
        child.state = replace(child.state, serial=child.state.serial + 1, **fields)
        with contextlib.suppress(OSError):  # a full disk must not end the supervisor
            processes.write_state(self._state, child.state)

    def _signal(self, child: Child, number: int) -> None:
        if child.state.pid is not None and processes.is_alive(child.state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.state.pid, number)

    def _kill_group(self, child: Child) -> None:
        if child.state.pid is not None and processes.is_alive(child.state):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.state.pid, signal.SIGKILL)

    def _log(self, name: str) -> Path:
        path = self._state / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
        return path

    def _marked(self) -> Iterator[tuple[str, int]]:
        """Session leaders with this stack's marker: also one that was started a moment before a kill."""
        for pid, name in marked_processes(self._state):
            with contextlib.suppress(OSError):
                if os.getsid(pid) == pid:
                    yield name, pid


def marked_processes(state: Path) -> Iterator[tuple[int, str]]:
    """Every process of this user that carries the stack's marker, run workers included."""
    import psutil

    prefix = f"{os.path.realpath(state)}::"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
                marker = process.environ().get(MARKER, "")
                if marker.startswith(prefix):
                    yield process.pid, marker.removeprefix(prefix)


def _exit_text(code: int | None) -> str:
    if code is None:
        return "it ended, and its exit code is not known"
    if code < 0:
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"


def _utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _tell(message: str) -> None:
    print(f"{_utc_now()} {message}", flush=True)
