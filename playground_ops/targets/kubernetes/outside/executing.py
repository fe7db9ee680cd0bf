"""Executes a command in a container through the API server; input and output stream over a websocket.

The protocol is `v5.channel.k8s.io`, the first that can close the command's input (Kubernetes 1.30; KEP-4006).
Each message begins with its channel.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.pod import Pod
from playground_ops.core.redact import redact
from playground_ops.targets.kubernetes.api.connection import Connection, decoded
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.api.refusals import nobody_answers
from playground_ops.targets.kubernetes.outside.tunnel import open_websocket

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = b"\x00", b"\x01", b"\x02", b"\x03", b"\xff"
CHUNK_BYTES = 65_536
MARK = b"\x1e"
"""Precedes the exit code at the end of standard error."""
KEPT_BYTES = 20_000
"""How much of the end of standard error is kept."""
CHECK_SECONDS = 5.0
"""Time between two checks whether the container was replaced."""
PING_SECONDS = 20.0
"""Keeps proxies from closing a silent connection. No pong is needed: a pod may not read for a while."""
DEAD_AFTER = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6}
"""Seconds and probes of TCP keepalive after which a peer counts as gone."""

Hear = Callable[[bytes], None]


@dataclass(frozen=True)
class Place:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str

    def __str__(self) -> str:
        return f"pod/{self.pod}"


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    """The end of what it wrote to standard error, redacted."""


def execute(
    connection: Connection,
    place: Place,
    command: Sequence[str],
    hear: Hear,
    given: Iterable[bytes] | None = None,
) -> Ended:
    """Run a command to its end. `hear` gets its output in pieces as they come; `given` is its input.

    An exception of `given` or `hear` ends it. The command must read all of its input, or the cluster does not
    report its end (see `draining`). Raises Refusal, or PlaygroundError when nobody answers or the connection
    breaks before the end.
    """
    return asyncio.run(_execute(connection, place, command, hear, given))


def output(connection: Connection, place: Place, command: Sequence[str], given: bytes = b"") -> str:
    """Run a command and return its output. Raises as `execute` does, and when the command fails."""
    said = bytearray()
    ended = execute(connection, place, command, said.extend, [given])
    if ended.code:
        raise PlaygroundError(failed(place, command[0], ended))
    return said.decode(errors="replace")


def draining(command: Sequence[str]) -> list[str]:
    """Wrap a command that may end before it has read all of its input."""
    return ["sh", "-c", '"$@"; code=$?; cat > /dev/null; exit "$code"', "sh", *command]


def chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


def telling(command: Sequence[str]) -> list[str]:
    """Wrap a command to write its exit code at the end of standard error.

    The cluster's report is unreliable: of four commands whose container was killed, one was reported as a
    success (containerd 1.6).
    """
    script = f'"$@"; code=$?; printf "\\{ord(MARK):03o}%s" "$code" >&2; exit "$code"'
    return ["sh", "-c", script, "sh", *command]


async def _execute(
    connection: Connection, place: Place, command: Sequence[str], hear: Hear, given: Iterable[bytes] | None
) -> Ended:
    first = await asyncio.to_thread(_running, connection, place)
    made = await _dial(connection, place, telling(command), with_input=given is not None)
    try:
        sending = asyncio.create_task(_send(made, given or ()))
        hearing = asyncio.create_task(_hear(made, place, hear))
        checking = asyncio.create_task(_check(connection, place, first))
        tasks = {sending, hearing, checking}
        try:
            while not hearing.done():
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {hearing}:
                    task.result()
                tasks -= done - {hearing}
            return hearing.result()
        finally:
            for task in (sending, hearing, checking):
                task.cancel()
            await asyncio.gather(sending, hearing, checking, return_exceptions=True)
    finally:
        # Not `close`: it waits until all is sent, also to a command that has stopped reading.
        made.transport.abort()


async def _send(made: ClientConnection, given: Iterable[bytes]) -> None:
    from websockets.exceptions import ConnectionClosed

    with suppress(ConnectionClosed):  # `_hear` says why
        for piece in given:
            for chunk in chunks(piece):
                await made.send(STDIN + chunk)
        await made.send(CLOSE + STDIN)


async def _check(connection: Connection, place: Place, first: str | None) -> None:
    """Raises PlaygroundError when the container has ended, which nothing reports while input is sent."""
    while first:
        await asyncio.sleep(CHECK_SECONDS)
        now = await asyncio.to_thread(_running, connection, place)
        if now not in (None, first):
            await asyncio.sleep(CHECK_SECONDS)  # its last output may still come
            raise PlaygroundError(_broken(place, "its container has ended"))


def _running(connection: Connection, place: Place) -> str | None:
    """Return the container's id; empty when it does not run, None when that is unknown."""
    try:
        pod = connection.get(path_of("v1", "Pod", place.pod, place.namespace)) or {}
    except PlaygroundError:
        return None
    container = Pod.read(pod).container(place.container)
    return container.id if container.is_running else ""


async def _hear(made: ClientConnection, place: Place, hear: Hear) -> Ended:
    from websockets.exceptions import ConnectionClosed

    said = bytearray()
    try:
        async for message in made:
            assert isinstance(message, bytes), "this protocol's messages are binary"
            channel, piece = message[:1], message[1:]
            if channel == STDOUT and piece:
                hear(piece)
            elif channel == STDERR:
                said.extend(piece)
                del said[:-KEPT_BYTES]
            elif channel == STATUS:
                return _ended(place, decoded(piece), bytes(said))
    except ConnectionClosed as error:
        raise PlaygroundError(_broken(place, str(error))) from error
    raise PlaygroundError(_broken(place, "the connection was closed"))


def _ended(place: Place, status: Any, heard: bytes) -> Ended:
    """Read the exit code that the command wrote; without one, meta/v1 Status says why."""
    said, mark, code = heard.rpartition(MARK)
    if mark and code.isdigit():
        return Ended(int(code), redact(said.decode(errors="replace").strip()))
    found: dict[str, Any] = status if isinstance(status, dict) else {"message": str(status)}
    if found.get("status") == "Success" or found.get("reason") == "NonZeroExitCode":
        raise PlaygroundError(_broken(place, "something ended the command, or its container"))
    raise PlaygroundError(_not_started(place, redact(str(found.get("message", "")))[:1000]))


async def _dial(
    connection: Connection, place: Place, command: Sequence[str], with_input: bool
) -> ClientConnection:
    """Open the websocket. Raises Refusal, or PlaygroundError (transient) when nobody answers."""
    from websockets.exceptions import InvalidHandshake, NegotiationError

    where = path_of("v1", "Pod", place.pod, place.namespace) + "/exec"
    asked = [("container", place.container), ("stdout", "1"), ("stderr", "1")]
    asked += [("stdin", "1")] if with_input else []
    query = urlencode([*asked, *(("command", word) for word in command)])
    try:
        made = await open_websocket(connection, where, query, PROTOCOL, PING_SECONDS)
    except NegotiationError as error:
        raise PlaygroundError(_too_old(connection)) from error
    except InvalidHandshake as error:
        raise PlaygroundError(nobody_answers(connection.name, connection.way.server, error)) from error
    if made.subprotocol != PROTOCOL:
        await made.close()
        raise PlaygroundError(_too_old(connection))
    _find_out_when_it_is_gone(made)
    return made


def _find_out_when_it_is_gone(made: ClientConnection) -> None:
    found = made.transport.get_extra_info("socket")
    if found is None:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in DEAD_AFTER.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def failed(place: Place, program: str, ended: Ended) -> Finding:
    """Explain a command's failure by its standard error."""
    return certain(
        object=str(place),
        observed=f"`{program}` failed in it with exit code {ended.code}.",
        cause=ended.said.splitlines()[-1] if ended.said else "It said nothing.",
        fix="Its last lines are below.",
        evidence=ended.said,
    )


def _broken(place: Place, told: str) -> Finding:
    return transient(
        object=str(place),
        observed=f"The connection to it broke before the command in it had ended: {redact(told)[:300]}.",
        cause="The pod was ended, its node went away, or the network or the API server did.",
        fix="Look at it by `kubectl get pods`, then run the command again.",
    )


def _not_started(place: Place, told: str) -> Finding:
    return certain(
        object=str(place),
        observed=f"The command could not be run in it: {told.rstrip('.')}.",
        cause="Its container does not run, or its image has no such program.",
        fix=f"Look at it by `kubectl -n {place.namespace} describe pod {place.pod}`; "
        "`health` tells how the stack does.",
    )


def _too_old(connection: Connection) -> Finding:
    return certain(
        object=f"context/{connection.name}",
        observed=f"Its API server does not speak {PROTOCOL}.",
        cause="It is older than Kubernetes 1.30, or a proxy before it lets no websockets pass.",
        fix="Upgrade the cluster, or reach the API server without that proxy.",
    )
