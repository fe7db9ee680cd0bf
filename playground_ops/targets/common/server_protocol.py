"""The few calls to a code server that need no Dagster: health, id, current runs.

Importing Dagster takes over a second, which a rollback does not have. These calls have messages with at most
one string field, so the protobuf encoding is written out here: field 1, length-delimited
(https://protobuf.dev/programming-guides/encoding/). The service is Dagster's `api.DagsterApi`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc  # imported on use elsewhere: read-only commands have 0.4 s in all


@dataclass(frozen=True)
class Address:
    host: str = "localhost"
    port: int | None = None
    socket: str | None = None
    """Exactly one of the two is given."""

    @property
    def channel(self) -> str:
        """Return the address as gRPC writes it."""
        return f"unix:{self.socket}" if self.socket else f"{self.host}:{self.port}"

    @property
    def tag(self) -> dict[str, str | int]:
        """Return the tag by which Dagster's default run launcher notes the server of a run."""
        return {"host": self.host, **({"socket": self.socket} if self.socket else {"port": self.port or 0})}


ALONE = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
FAST_RECONNECT = (
    *ALONE,
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
)
"""For callers that wait until somebody listens. An attempt has only 50 ms, too little for a busy server."""
BUSY_SECONDS = 10.0
"""How long a server is asked that may be busy. One that has ended refuses the connection at once."""
AGAIN_SECONDS = 0.03
SERVICE = b"\x0a\x0aDagsterApi"
"""The question about this service's health: the tag of field 1, the length of the name, the name."""


class NoAnswer(Exception):
    """Nothing answers at the address, or not in time."""

    def __init__(self, address: str, error: BaseException) -> None:
        """Tell of what the call of gRPC, or of Dagster's client, raised."""
        import grpc

        call: Any = next((one for one in (error, error.__cause__) if isinstance(one, grpc.Call)), None)
        self.is_late = call is not None and call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        """Whether the connection was not refused: something is there, or a wall drops what is sent."""
        super().__init__(f"{address}: {error if call is None else call.details()}")


def is_serving(address: str, timeout_seconds: float = 1.0) -> bool:
    """Return whether the standard health check passes; with eager loading the code is loaded then."""
    import grpc

    with _channel(address) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", _same, _same)
        try:
            return bool(check(SERVICE, timeout=timeout_seconds) == b"\x08\x01")
        except grpc.RpcError:
            return False


def server_id(address: str, timeout_seconds: float = 2.0) -> str:
    """Return the id that a server process gives itself when it starts. Raises NoAnswer."""
    return _ask(address, "GetServerId", timeout_seconds)


def await_server(address: str, wanted: str, seconds: float) -> bool:
    """Ask for the id at the address until it is `wanted`, for at most `seconds`. Returns whether it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(NoAnswer):
            if server_id(address, 0.5) == wanted:
                return True
        time.sleep(AGAIN_SECONDS)
    return False


def current_runs(address: str, timeout_seconds: float = 2.0) -> list[str]:
    """Return the ids of the runs that the server executes now. Raises NoAnswer."""
    answer = json.loads(_ask(address, "GetCurrentRuns", timeout_seconds) or "{}")
    return [str(run_id) for run_id in answer.get("current_runs", [])]


def repository_names(address: str, timeout_seconds: float = 10.0) -> list[str]:
    """Return the names of the repositories that the server has loaded. Raises NoAnswer."""
    answer = json.loads(listed_repositories(address, timeout_seconds) or "{}")
    return sorted(str(one["repository_name"]) for one in answer.get("repository_symbols") or ())


def listed_repositories(address: str, timeout_seconds: float) -> str:
    """Return the list of what the server has loaded as Dagster serializes it. Raises NoAnswer."""
    return _ask(address, "ListRepositories", timeout_seconds)


@contextmanager
def connected(address: str, event: threading.Event) -> Iterator[None]:
    """Set `event` as soon as somebody accepts connections at the address."""
    import grpc

    def tell(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            event.set()

    with _channel(address, FAST_RECONNECT) as channel:
        channel.subscribe(tell, try_to_connect=True)
        try:
            yield
        finally:
            channel.unsubscribe(tell)


def _ask(address: str, method: str, timeout_seconds: float) -> str:
    import grpc

    with _channel(address) as channel:
        call = channel.unary_unary(f"/api.DagsterApi/{method}", _same, _same)
        try:
            return _first_string(call(b"", timeout=timeout_seconds))
        except grpc.RpcError as error:
            raise NoAnswer(address, error) from error


@contextmanager
def _channel(address: str, options: Sequence[tuple[str, int]] = ALONE) -> Iterator[grpc.Channel]:
    import grpc

    channel = grpc.insecure_channel(address, options=options)
    try:
        yield channel
    finally:
        channel.close()


def _same(message: bytes) -> bytes:
    return message


def _first_string(message: bytes) -> str:
    if not message:
        return ""
    if message[0] != 0x0A:
        raise ValueError(f"expected a string in field 1, found tag {message[0]:#x}")
    length, start = 0, 1
    while True:
        byte = message[start]
        length |= (byte & 0x7F) << (7 * (start - 1))
        start += 1
        if byte < 0x80:
            return message[start : start + length].decode()
