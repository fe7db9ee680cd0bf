"""Forwards a port of this machine to a port of a pod, through the API server.

The listener outlives the pods: each connection goes to one that is ready at the time.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain, transient
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.outside.tunnel import Broken, Tunnel, dial
from playground_ops.targets.kubernetes.pods.selection import missing_right, ready_pod

T = TypeVar("T")
HOST = "127.0.0.1"
PATIENCE_SECONDS = 30.0
"""How long a client waits for a ready pod."""
AGAIN_SECONDS = 0.5
END_SECONDS = 2.0
BACKLOG = 128


class Forward:
    """A context manager that listens in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        chosen: Selection,
        pod_port: int,
        say: Callable[[str], None],
        port: int = 0,
    ) -> None:
        """Bind the port; 0 takes a free one. `say` is told when the pods behind it change."""
        self._connection, self._chosen, self._pod_port, self._say = connection, chosen, pod_port, say
        self._listener = _listening(port)
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._told: dict[str, str] = {}

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Forward:
        """Start listening. Raises PlaygroundError when no pod can be reached now."""
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self._listener.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(END_SECONDS)

    def wait(self) -> None:
        """Wait until somebody interrupts it."""
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with await self._tunnel():
                pass
            server = await asyncio.start_server(self._client, sock=self._listener)
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        await self._stop.wait()
        server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with await self._patiently(self._tunnel) as tunnel:
                await tunnel.carry(reader, writer)
            writer.close()
        except PlaygroundError:
            writer.transport.abort()  # `_patiently` told it
        except Broken as broken:
            self._tell("broken", f"The pod broke a connection: {broken}")
            writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()  # the client went away, or the listener is closing

    async def _patiently(self, attempt: Callable[[], Awaitable[Tunnel]]) -> Tunnel:
        deadline = self._loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await attempt()
            except PlaygroundError as error:
                self._tell("pod", f"Waiting. {error.finding.sentence()}")
                if self._loop.time() > deadline:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)

    async def _tunnel(self) -> Tunnel:
        """Open a tunnel to a ready pod. Raises PlaygroundError."""
        pod = await _in_thread(lambda: ready_pod(self._connection, self._chosen))
        try:
            tunnel = await dial(self._connection, self._chosen.pod_path(pod), self._pod_port)
        except Refusal as refusal:
            raise PlaygroundError(_refused(self._chosen, pod, refusal)) from refusal
        self._tell("pod", f"Connected to pod/{pod}.")
        return tunnel

    def _tell(self, topic: str, text: str) -> None:
        """Say what is new about a topic."""
        if text != self._told.get(topic):
            self._told[topic] = text
            self._say(text)


async def _in_thread(work: Callable[[], T]) -> T:
    """Run work in a daemon thread: the loop's executor would keep the process alive until it is done."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _refused(chosen: Selection, pod: str, refusal: Refusal) -> Finding:
    if refusal.code in (401, 403):
        return missing_right(chosen, "get and create", "pods/portforward", refusal)
    return transient(
        object=f"pod/{pod}",
        observed=f"No connection to it: {refusal.message[:300].rstrip('.')}.",
        cause="It has just ended; or the API server does not reach its node, or no websocket gets this far.",
        fix=f"Try `kubectl port-forward pod/{pod} :PORT`: if it works, a proxy on the way stops websockets.",
    )


def _listening(port: int) -> socket.socket:
    """Listen on the port. Raises BadInput when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise BadInput(_not_free(port, error)) from error
    return listener


def _not_free(port: int, error: OSError) -> Finding:
    return certain(
        object=f"port/{port}",
        observed=f"{HOST}:{port} can't be listened on: {error.strerror}.",
        cause="Another program listens there, or only the administrator may (below 1024).",
        fix="Give another one by --port, or none: then a free one is taken.",
    )
