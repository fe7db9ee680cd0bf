"""Streamed answers: watches, and followed logs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.refusals import Refusal

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

LIST_SECONDS = 10.0
"""How long a watch is trusted before pods are listed again: a silent one may be dead."""
DOUBT_SECONDS = 2.0
"""The same, while something is wrong that may pass, or turn out to be certain, within seconds."""
AGAIN_SECONDS = 0.5
"""The least time from one watch to the next if the first brought no event."""
GONE = 410
"""The version to watch from is too old, or the API server was restarted."""


def states(
    connection: Connection,
    chosen: Selection,
    seconds: float = math.inf,
    good_for: Callable[[], float] = lambda: LIST_SECONDS,
) -> Iterator[list[Pod]]:
    """Yield the chosen pods as they are now, and again after each change.

    They are listed and then watched; listed again when the watch breaks, and at the latest `good_for()`
    seconds after the last list, which is evaluated after each state. Ends after `seconds` with a last list.
    Raises as `Connection.request` does.
    """
    deadline = time.monotonic() + seconds
    while True:
        listed = connection.request("GET", chosen.path, query=chosen.query)
        found = {pod.name: pod for pod in map(Pod.read, listed["items"])}
        yield list(found.values())
        left = deadline - time.monotonic()
        if left <= 0:
            return
        pause, version = good_for(), str(listed["metadata"]["resourceVersion"])
        for kind, pod in changes(connection, chosen, version, min(left, pause)):
            found[pod.name] = pod
            if kind == "DELETED":
                del found[pod.name]
            yield list(found.values())
            if good_for() < pause:
                break


def changes(
    connection: Connection, chosen: Selection, version: str, seconds: float
) -> Iterator[tuple[str, Pod]]:
    """Yield events of the chosen pods since `version`; if it is empty, first one for each existing pod.

    Ends early if the watch breaks: the caller's next list tells why. Raises Refusal if it is not allowed.
    """
    began, heard = time.monotonic(), False
    query = {**chosen.query, "watch": "1", **({"resourceVersion": version} if version else {})}
    try:
        for line in lines(connection, chosen.path, query, seconds):
            event = json.loads(line)
            if event["type"] == "ERROR":
                break
            heard = True
            yield event["type"], Pod.read(event["object"])
    except ValueError:
        pass  # it broke within an event
    except PlaygroundError as error:
        is_gone = isinstance(error, Refusal) and error.code == GONE
        if error.finding.kind is not FindingKind.TRANSIENT and not is_gone:
            raise
    if not heard:
        time.sleep(max(0.0, min(AGAIN_SECONDS, seconds) - (time.monotonic() - began)))


def lines(connection: Connection, path: str, query: Mapping[str, str], seconds: float) -> Iterator[bytes]:
    """Yield whole lines, without their ends, as they come.

    Ends quietly when the server closes, when the connection breaks, and after `seconds`, even unanswered: a
    followed log is not answered before its first line. A caller that goes on should ask something else first,
    such as a list, to learn what is wrong. Raises Refusal, or PlaygroundError (transient) when no connection
    is made.
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
        return  # an unfinished line comes again with the next request
    finally:
        answer.close()
    if rest:
        yield rest


def _chunks(answer: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    """Yield chunks as they come. Raises TimeoutError at the deadline, even while chunks come."""
    chunks = answer.stream(None)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        # There is no socket any more when the answer has ended.
        if (socket := getattr(answer.connection, "sock", None)) is not None:
            socket.settimeout(left)
        chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk
