"""What every request passes before Dagster sees it, of HTTP and of websockets."""

from __future__ import annotations

import logging
from collections import defaultdict

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from playground_ops.frontdoor.hosts import Hosts
from playground_ops.frontdoor.refusals import HEADERS, Asked, Refusal, refusal

LOGGER = "dagster-webserver"
_READ = frozenset(name.encode() for name in HEADERS)
POLICY_VIOLATION = 1008
"""RFC 6455, 7.4.1."""


class FrontDoor:
    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (found := refusal(_asked(scope), self._hosts)) is None:
            await self._app(scope, receive, _in_no_frame(send))
        else:
            await _refuse(found, scope, receive, send)


def answer(found: Refusal) -> PlainTextResponse:
    """Return the answer with the sentence, and log it."""
    logging.getLogger(LOGGER).warning(found.text)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return PlainTextResponse(f"{found.text}\n", found.status, headers)


def _asked(scope: Scope) -> Asked:
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in scope["headers"]:
        if (key := name.lower()) in _READ:  # not each server of websockets has them so
            headers[key.decode()].append(value.decode("latin-1"))
    return Asked("WEBSOCKET" if scope["type"] == "websocket" else scope["method"], headers)


async def _refuse(found: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer(found)(scope, receive, send)
        return
    websocket = WebSocket(scope, receive, send)
    if "websocket.http.response" in scope.get("extensions", {}):
        await websocket.send_denial_response(answer(found))
    else:
        await websocket.close(POLICY_VIOLATION, "refused by the front door")


def _in_no_frame(send: Send) -> Send:
    """Return `send`, with word to browsers that no other site may show the answer in a frame.

    In a frame that a person does not see, the clicks are theirs and the requests are the UI's own.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
        await send(message)

    return sent
