"""The supervised processes: started, watched, restarted, stopped, taken over."""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from playground_ops.targets.local import processes
from playground_ops.targets.local.child import Child, Marked, cut_log, exit_text, launch, marked_leaders
from playground_ops.targets.local.processes import ProcessSpec, ProcessState, Restart

SETTLED_SECONDS = 60.0
"""A process that lived this long has its backoff reset."""
POLL_SECONDS = 0.5
"""Where the system has no descriptor for a process, its state is polled this often."""
REWRITE_SECONDS = 5.0
"""A file that could not be written, on a full disk, is tried again this often."""


class Children:
    def __init__(self, state: Path, selector: selectors.BaseSelector, umask: int = -1) -> None:
        self._state, self._selector, self._umask = state, selector, umask
        self._children: dict[str, Child] = {}
        self.total = 0
        """Grows with every change of any of them."""

    # Requests of clients.

    def start(self, spec: ProcessSpec) -> None:
        """Run it. Does nothing when a process of that name runs: it has to be stopped first."""
        child = self._seen(spec.name)
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
        """Send SIGTERM to the process alone: a code server then finishes its runs, its children."""
        child = self._children.get(name)
        if child is None:
            return
        child.restart_at = None
        self._change(child, stopping=True)
        self._ask_to_end(child)
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
            processes.write_spec(self._state, replace(child.spec, restart=restart))
            child.spec = replace(child.spec, restart=restart)
            self._change(child, restart=restart)
        ended = not child.state.running and not child.state.stopping
        if restart == "always" and ended and child.restart_at is None:
            self._schedule_restart(child)

    def forget(self, name: str) -> None:
        child = self._seen(name)
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

    # Called by the supervisor's loop.

    def moments(self) -> Iterator[float]:
        """Yield the times at which something is due, in monotonic seconds."""
        for child in self._children.values():
            if child.kill_at is not None:
                yield child.kill_at
            if child.restart_at is not None:
                yield child.restart_at
            if child.state.running and child.descriptor is None:
                yield time.monotonic() + POLL_SECONDS
            if not child.written:
                yield time.monotonic() + REWRITE_SECONDS

    def tick(self) -> None:
        now = time.monotonic()
        for child in list(self._children.values()):
            if not child.written:
                self._write(child)
            if child.state.running and child.descriptor is None:
                self._look(child)
            if child.kill_at is not None and now >= child.kill_at:
                child.kill_at = now + 5.0
                self._kill_group(child)
            if child.restart_at is not None and now >= child.restart_at:
                child.restart_at = None
                self._spawn(child)

    def mend_files(self) -> None:
        """Write again files that somebody deleted, or that were set aside as corrupted."""
        for name, child in self._children.items():
            if not processes.has_files(self._state, name):
                self._write_anew(child)

    def cut_logs(self) -> None:
        """Cut the logs of processes that print very much."""
        for name in self._children:
            cut_log(self._state, name)

    def take_over(self) -> None:
        """Adopt what runs, start what should run and does not, end processes that no file mentions."""
        leaders = marked_leaders(self._state)
        for name in processes.names(self._state):
            if (spec := processes.read_spec(self._state, name)) is not None:
                self._take_over(spec, [leader for leader in leaders if leader.runs(spec)])
        for leader in leaders:
            if leader.name in self._children:
                continue
            if processes.was_known(self._state, leader.name):
                self._take_over_unknown(leader)
            else:
                _tell(f"ending {leader.name} (pid {leader.pid}): nothing says that it is wanted")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(leader.pid, signal.SIGTERM)

    # Helpers.

    def _seen(self, name: str) -> Child | None:
        """Return it as it is now: a client may have seen its end before the loop was notified."""
        child = self._children.get(name)
        if child is not None and child.state.running:
            self._look(child)
        return child

    def _take_over(self, spec: ProcessSpec, leaders: list[Marked]) -> None:
        blank = ProcessState(name=spec.name, serial=0, running=False, restart=spec.restart)
        state = processes.read_state(self._state, spec.name) or blank
        child = self._children[spec.name] = Child(spec, replace(state, serial=state.serial + 1))
        pid = state.pid if state.running and state.pid else next((leader.pid for leader in leaders), None)
        if pid is not None:
            self._adopt(child, pid)
        elif spec.restart == "always" and not state.stopping:
            self._schedule_restart(child)
        else:
            self._change(child, running=False)

    def _take_over_unknown(self, leader: Marked) -> None:
        """Adopt a process whose spec was corrupted: what serves must go on serving."""
        state = processes.read_state(self._state, leader.name)
        spec = leader.spec(state.restart if state else "always")
        _tell(f"{spec.name} (pid {leader.pid}) goes on; its spec was lost and is read off the process")
        self._take_over(spec, [leader])
        self._write_anew(self._children[spec.name])

    def _spawn(self, child: Child) -> None:
        spec = child.spec
        again = child.state.restarts + 1 if child.state.pid is not None else child.state.restarts
        try:
            child.popen = launch(self._state, spec, self._umask)
        except (OSError, ValueError) as error:
            child.popen = None
            child.failures += 1
            self._change(child, running=False, since=_utc_now(), exit_text=f"it can't be started: {error}")
            if spec.restart == "always":
                self._schedule_restart(child)
            return
        child.started = time.monotonic()
        self._adopt(child, child.popen.pid, restarts=again, stopping=False, asked_to_end=False)

    def _adopt(self, child: Child, pid: int, **fields: Any) -> None:
        since = _utc_now() if child.popen is not None else child.state.since or _utc_now()
        self._change(child, running=True, pid=pid, birth=processes.birth_of(pid), since=since, **fields)
        child.kill_at = time.monotonic() + child.spec.grace_seconds if child.state.stopping else None
        if child.state.stopping:
            self._ask_to_end(child)  # its supervisor may have been killed before it did
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
        if not child.state.running:
            return  # it was seen when it was asked for
        if child.descriptor is not None:
            self._selector.unregister(child.descriptor)
            os.close(child.descriptor)
            child.descriptor = None
        code = child.popen.wait() if child.popen else None
        if child.state.stopping and code in (0, -signal.SIGTERM) and child.state.pid is not None:
            # It finished as it was asked to; nobody needs what it left behind in its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.state.pid, signal.SIGKILL)
        child.popen, child.kill_at = None, None
        _tell(f"{child.spec.name} (pid {child.state.pid}) ended: {exit_text(code)}")
        self._change(child, running=False, since=_utc_now(), exit_text=exit_text(code))
        if child.spec.restart == "always" and not child.state.stopping:
            child.failures = 0 if time.monotonic() - child.started > SETTLED_SECONDS else child.failures + 1
            self._schedule_restart(child)

    def _schedule_restart(self, child: Child) -> None:
        child.restart_at = time.monotonic() + child.pause
        _tell(f"{child.spec.name} is started again in {child.pause:g} s")

    def _change(self, child: Child, **fields: Any) -> None:
        self.total += 1
        child.state = replace(child.state, serial=child.state.serial + 1, **fields)
        self._write(child)

    def _write(self, child: Child) -> None:
        try:
            processes.write_state(self._state, child.state)
            child.written = True
        except OSError:  # a full disk must not end the supervisor
            child.written = False

    def _write_anew(self, child: Child) -> None:
        with contextlib.suppress(OSError):
            processes.write_spec(self._state, child.spec)
        self._write(child)

    def _ask_to_end(self, child: Child) -> None:
        if child.state.running and not child.state.asked_to_end and processes.is_alive(child.state):
            if child.state.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.state.pid, signal.SIGTERM)
            self._change(child, asked_to_end=True)

    def _kill_group(self, child: Child) -> None:
        if child.state.pid is not None and processes.is_alive(child.state):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.state.pid, signal.SIGKILL)


def _utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _tell(message: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a full disk must not end the supervisor
        print(f"{_utc_now()} {message}", flush=True)
