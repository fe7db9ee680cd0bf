"""The process that keeps a local stack's processes running: `python -m ...supervisor STATE_FOLDER`.

It starts what is wanted, restarts what dies, and takes over what outlived an earlier supervisor. Killing it
stops nothing. It waits on events only: its control socket and a descriptor per process (where the system has
none, it polls twice a second).
"""

import contextlib
import fcntl
import hashlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground_ops.targets.local.children import Children
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import ProcessSpec


class Place:
    def __init__(self, state: Path) -> None:
        self._path = state / "run" / "supervisor.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take the place. Returns False when another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return True

    def is_held(self) -> bool:
        """Return False also when the file was deleted: the next supervisor locks a new one."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # the file can't be checked just now, which means nothing

    def holder(self) -> int | None:
        """Return the pid of who took it last, for people."""
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None


LINK_CHECK_SECONDS = 60.0
LOG_CHECK_SECONDS = 5.0
LONGEST_LINE = 1_000_000
SOURCES = ("supervisor", "children", "child", "processes", "own_folder")


def source_digest() -> str:
    """Return a name for this version of the supervisor, so that a newer one can take over."""
    folder = Path(__file__).parent
    text = b"".join((folder / f"{name}.py").read_bytes() for name in SOURCES)
    return hashlib.sha256(text).hexdigest()[:12]


@dataclass
class Waiting:
    """A client that waits for an answer until something holds, or until the deadline."""

    client: socket.socket
    holds: Callable[[], bool]
    answer: Callable[[], dict[str, Any]]
    deadline: float


class Supervisor:
    def __init__(self, state: Path, place: Place, umask: int) -> None:
        """`umask`: the one that it was started with, which its processes have too."""
        self.state, self.place = state, place
        self.selector = selectors.DefaultSelector()
        self.children = Children(state, self.selector, umask)
        self.digest = source_digest()
        self.waiting: list[Waiting] = []
        self.buffers: dict[socket.socket, bytes] = {}
        self.ending = False
        self.leave = False
        self.next_link_check = self.next_log_check = 0.0

    def run(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        self.selector.register(listening, selectors.EVENT_READ, self._accept)
        while self._tick():
            for key, _ in self.selector.select(self._timeout()):
                key.data(key.fileobj)

    def _tick(self) -> bool:
        """Do what is due. Returns False when it is time to leave."""
        if self.leave or not self.place.is_held():
            return False  # before anything is started: another supervisor may watch the same processes
        self.children.tick()
        if time.monotonic() >= self.next_log_check:
            self.next_log_check = time.monotonic() + LOG_CHECK_SECONDS
            self.children.cut_logs()
        if time.monotonic() >= self.next_link_check:
            self.next_link_check = time.monotonic() + LINK_CHECK_SECONDS
            self.children.mend_files()
            with contextlib.suppress(OSError):
                runtime_folder(self.state)
        for waiting in list(self.waiting):
            if waiting.holds() or time.monotonic() >= waiting.deadline:
                self.waiting.remove(waiting)
                self._send(waiting.client, waiting.answer())
        return not self.ending or self.children.any_running() or bool(self.waiting)

    def _timeout(self) -> float:
        moments = [self.next_link_check, self.next_log_check, *(waiting.deadline for waiting in self.waiting)]
        moments.extend(self.children.moments())
        return max(0.0, min(moments) - time.monotonic())

    # Clients. None of them can block the others: nothing here blocks.

    def _accept(self, listening: Any) -> None:
        try:
            client, _ = listening.accept()
        except OSError:  # it went away, or there are too many: the one that waits longest asks again
            for oldest in list(self.buffers)[:1]:
                self._drop(oldest)
            return
        client.setblocking(False)
        self.buffers[client] = b""
        self.selector.register(client, selectors.EVENT_READ, self._receive)

    def _receive(self, client: Any) -> None:
        try:
            data = client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self.buffers[client]) > LONGEST_LINE:
            self._drop(client)
            return
        *lines, self.buffers[client] = (self.buffers[client] + data).split(b"\n")
        for line in lines:
            self._handle(client, line)

    def _drop(self, client: socket.socket) -> None:
        if self.buffers.pop(client, None) is not None:
            self.selector.unregister(client)
            self.waiting = [waiting for waiting in self.waiting if waiting.client is not client]
            client.close()

    def _send(self, client: socket.socket, answer: dict[str, Any]) -> None:
        try:
            client.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            self._drop(client)  # gone, or not reading

    def _handle(self, client: socket.socket, line: bytes) -> None:
        try:
            request = json.loads(line)
            operation = getattr(self, f"do_{request.pop('do')}")
            answer = operation(client, **request)
        except OSError as error:
            self._send(client, {"error": str(error), "full": error.strerror or str(error)})
            return
        except Exception as error:  # a bad request affects only its sender
            self._send(client, {"error": f"{type(error).__name__}: {error}"})
            return
        if answer is not None:
            self._send(client, answer)

    # Requests of clients.

    def do_hello(self, client: socket.socket) -> dict[str, Any]:
        return {"digest": self.digest, "pid": os.getpid()}

    def do_start(self, client: socket.socket, spec: dict[str, Any]) -> dict[str, Any]:
        if self.ending:
            return {"error": "the stack is going down"}
        self.children.start(ProcessSpec(**{**spec, "argv": tuple(spec["argv"])}))
        return {}

    def do_stop(self, client: socket.socket, name: str, grace_seconds: float | None) -> dict[str, Any]:
        self.children.stop(name, grace_seconds)
        return {}

    def do_set_restart(self, client: socket.socket, name: str, restart: Any) -> dict[str, Any]:
        self.children.set_restart(name, restart)
        return {}

    def do_forget(self, client: socket.socket, name: str) -> dict[str, Any]:
        self.children.forget(name)
        return {}

    def do_wait_gone(self, client: socket.socket, name: str, timeout: float) -> None:
        self._wait(client, lambda: not self.children.is_running(name), timeout)

    def do_changed(self, client: socket.socket, name: str, serial: int, timeout: float) -> None:
        self._wait(client, lambda: self.children.serial(name) != serial, timeout)

    def do_any_change(self, client: socket.socket, timeout: float) -> None:
        before = self.children.total
        self._wait(client, lambda: self.children.total != before, timeout)

    def do_shutdown(self, client: socket.socket, grace_seconds: float | None, timeout: float) -> None:
        """Stop everything, answer when it is gone or the time is up, and end when it is gone."""
        self.ending = True
        self.children.stop_all(grace_seconds)
        self._wait(client, lambda: not self.children.any_running(), timeout)

    def do_handover(self, client: socket.socket) -> dict[str, Any]:
        """End and leave everything running, for another supervisor to take over."""
        self.leave = True
        return {}

    def _wait(self, client: socket.socket, holds: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        self.waiting.append(Waiting(client, holds, lambda: {"held": holds()}, deadline))


def main(state: Path) -> int:
    umask = os.umask(0o077)
    _reset_signals()
    runtime = runtime_folder(state)
    place = Place(state)
    if not place.take():
        return 0  # there is one, and there must not be two
    address = runtime / "supervisor.sock"
    address.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(address))
    supervisor = Supervisor(state, place, umask)
    supervisor.children.take_over()
    listening.listen(64)
    supervisor.run(listening)
    if place.is_held():  # otherwise the address belongs to another supervisor
        address.unlink(missing_ok=True)
    return 0


def _reset_signals() -> None:
    """Reset ignored and blocked signals, which children would inherit.

    A code server that ignores SIGTERM never drains, and one that ignores SIGINT does not react to SIGTERM
    either. What Python itself ignores is reset in every child by `subprocess`.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, lambda *_: None)  # unlike SIG_IGN, a handler is not inherited


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
