"""Where a code server answers: a socket on this machine, or a port of a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    host: str = "localhost"
    port: int | None = None
    socket: str | None = None
    """Exactly one of the two is given."""

    @property
    def channel(self) -> str:
        """As gRPC names it."""
        return f"unix:{self.socket}" if self.socket else f"{self.host}:{self.port}"

    @property
    def tag(self) -> dict[str, str | int]:
        """As Dagster's default run launcher notes the server that a run is on."""
        return {"host": self.host, **({"socket": self.socket} if self.socket else {"port": self.port or 0})}
