"""Answers that go on: watches, and logs that are followed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from playground_ops.targets.kubernetes.api.connection import Connection

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse


def lines(connection: Connection, path: str, query: Mapping[str, str], seconds: float) -> Iterator[bytes]:
    """Whole lines, without their ends, as they come.

    Ends quietly when the server closes, when the connection breaks, and when `seconds` have passed, also
    where nothing was answered: a log that is followed is not answered before its first line. So whoever
    goes on after it asks something else first, such as a list, and learns from that what is the matter.
    Raises Refusal, or PlaygroundError (transient) when nobody can be connected to.
    """
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    deadline = time.monotonic() + seconds
    try:
        answer = connection.opened(path, query, seconds)
    except ReadTimeoutError:
        return
    rest = b""
    try:
        for chunk in _chunks(answer, deadline):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
    except (HTTPError, OSError):
        return  # what was begun comes again to whoever asks again
    finally:
        answer.close()
    if rest:
        yield rest


def _chunks(answer: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    """As they come; raises TimeoutError at the deadline, however often something comes."""
    chunks = answer.stream(None)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        _may_be_silent(answer, left)
        chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _may_be_silent(answer: BaseHTTPResponse, seconds: float) -> None:
    """The socket's own timeout; there is no socket any more when the answer has ended."""
    socket = getattr(answer.connection, "sock", None)
    if socket is not None:
        socket.settimeout(seconds)
