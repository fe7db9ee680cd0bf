"""Where an address leads, as far as an address tells it: a NetworkPolicy holds no names. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80, "git": 9418}
_SSH = 22
_SHORT = re.compile(r"(?:[\w.-]+@)?(\[[\da-fA-F:]+\]|\w[\w.-]*):")
"""`user@host:path`."""


@dataclass(frozen=True)
class Reached:
    host: str
    port: int
    cidr: str | None
    """Of an address."""
    namespace: str | None
    """Of a Service by its full name (`git.tools.svc`)."""

    @property
    def is_known(self) -> bool:
        return self.cidr is not None or self.namespace is not None

    @classmethod
    def of(cls, host: str, port: int) -> Reached:
        try:
            return cls(host, port, str(ipaddress.ip_network(host)), None)
        except ValueError:
            parts = host.removesuffix(".").split(".")
            inside = len(parts) > 2 and parts[2] == "svc"
            return cls(host, port, None, parts[1] if inside else None)


def reached(repository: str) -> Reached | None:
    """None of a path, or of what is no address."""
    if "://" not in repository:
        found = _SHORT.match(repository)
        return Reached.of(found[1].strip("[]"), _SSH) if found else None
    try:
        parts = urlsplit(repository)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme == "file" or not parts.hostname:
        return None
    return Reached.of(parts.hostname, port or _PORTS.get(parts.scheme, _SSH))
