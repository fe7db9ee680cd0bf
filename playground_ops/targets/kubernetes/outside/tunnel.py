"""One connection to a port of a pod through the API server: a websocket with two channels.

The protocol `v4.channel.k8s.io` is known to kubelets since 1.5. Each message begins with its channel, 0 for
data and 1 for errors, and the first of each channel contains the port. There is no half-close: a client that
has sent all and still reads keeps the connection until the pod ends it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.redact import redact
from playground_ops.targets.kubernetes.api.connection import AGENT, CONNECT_SECONDS, Connection, decoded
from playground_ops.targets.kubernetes.api.refusals import Refusal, nobody_answers, refusal, title_of

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = b"\x00", b"\x01"
PORT_BYTES = 2
CHUNK_BYTES = 65_536
LINGER_SECONDS = 10.0
"""How long the pod may be silent once the client has sent all."""


class Broken(Exception):
    """The pod's side could not be reached, or broke; the message is the node's."""


@dataclass
class Tunnel:
    """An open tunnel; as a context manager it closes itself."""

    socket: ClientConnection
    received: int = 0
    """Bytes from the pod so far."""

    async def __aenter__(self) -> Tunnel:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.socket.close()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy both ways until one side ends. Raises Broken, or OSError when the client went away."""
        up = asyncio.create_task(self._up(reader))
        down = asyncio.create_task(self._down(writer))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                up.result()
                await self._linger(down)
            if down.done():
                down.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _linger(self, down: asyncio.Task[None]) -> None:
        before = -1
        while not down.done() and self.received > before:
            before = self.received
            await asyncio.wait({down}, timeout=LINGER_SECONDS)

    async def _up(self, reader: asyncio.StreamReader) -> None:
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed):
            while chunk := await reader.read(CHUNK_BYTES):
                await self.socket.send(DATA + chunk)

    async def _down(self, writer: asyncio.StreamWriter) -> None:
        from websockets.exceptions import ConnectionClosed

        begun = set()
        with suppress(ConnectionClosed):
            async for message in self.socket:
                assert isinstance(message, bytes), "this protocol's messages are binary"
                channel, said = message[:1], message[1:]
                if channel not in begun:
                    begun.add(channel)
                    said = said[PORT_BYTES:]
                if channel == ERROR and said:
                    raise Broken(redact(said.decode(errors="replace").strip()))
                if said:
                    self.received += len(said)
                    writer.write(said)
                    await writer.drain()


async def dial(connection: Connection, pod_path: str, port: int) -> Tunnel:
    """Open a tunnel. Raises Refusal, or PlaygroundError (transient) when nobody answers."""
    from websockets.exceptions import InvalidHandshake

    try:
        # No pings: a pod that does not read for a while is not dead.
        return Tunnel(await open_websocket(connection, f"{pod_path}/portforward", f"ports={port}", PROTOCOL))
    except InvalidHandshake as error:
        raise Refusal(title_of(pod_path), 0, "NoWebsocket", redact(str(error))) from error


async def open_websocket(
    connection: Connection, path: str, query: str, protocol: str, ping_seconds: float | None = None
) -> ClientConnection:
    """Raises Refusal, websockets' InvalidHandshake, or PlaygroundError (transient) when nobody answers."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
    from websockets.typing import Subprotocol

    way = connection.way
    tls = way.tls()
    settings: dict[str, Any] = {"ssl": tls, "server_hostname": way.server_name} if tls else {}
    try:
        return await connect(
            f"{way.server.replace('http', 'ws', 1)}{path}?{query}",
            subprotocols=[Subprotocol(protocol)],
            additional_headers=way.headers(),
            user_agent_header=AGENT,
            proxy=way.proxy,
            compression=None,
            max_size=None,
            ping_interval=ping_seconds,
            ping_timeout=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=1,
            **{key: value for key, value in settings.items() if value},
        )
    except InvalidStatus as error:
        answer = error.response
        raise refusal(path, None, answer.status_code, decoded(bytes(answer.body or b""))) from error
    except InvalidHandshake:
        raise
    except (OSError, asyncio.TimeoutError, WebSocketException) as error:
        raise PlaygroundError(nobody_answers(connection.name, way.server, error)) from error
