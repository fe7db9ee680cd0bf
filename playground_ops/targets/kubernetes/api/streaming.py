"""Answers that go on: watches, and logs that are followed."""

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
"""As long as a watch is believed: one that is silent may be dead without anybody having noticed."""
DOUBT_SECONDS = 2.0
"""The same, while something is wrong that may pass, or turn out to be certain, within seconds."""
AGAIN_SECONDS = 0.5
"""Between the beginnings of two watches of which the first told nothing."""
GONE = 410
"""The version from which a watch was to go on is too old; or the API server has begun anew."""


def states(
    connection: Connection,
    chosen: Selection,
    seconds: float = math.inf,
    good_for: Callable[[], float] = lambda: LIST_SECONDS,
) -> Iterator[list[Pod]]:
    """The chosen pods: as they are, and again after each change.

    They are listed, and watched from there on. They are listed anew when the watch breaks or can't go on,
    and `good_for()` seconds after the last list, which is asked when a state was looked at. So a state comes
    at least that often. Ends after `seconds`, with a last look. Raises as `Connection.request` does.
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
    """What happened to the chosen pods since `version`; without one, all that are there are told first.

    Ends early where the watch breaks or can't go on: whoever lists what is there then learns why. Raises
    Refusal where it is not allowed.
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
