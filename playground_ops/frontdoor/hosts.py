"""The hosts by which the webserver is known: what it answers to, and whose pages may ask. Pure.

DNS rebinding: a page of evil.test has that name lead to the webserver's address, and is then of the same
origin to the browser. What gives it away is the name that it came by, in Host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_.])?))(?::(\d{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """A host, in lower case and without a dot at its end, and a port; None: the scheme's own."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True)
class Origin:
    """Where a page came from, as the header Origin has it; its port is never None."""

    scheme: str
    address: Address

    def __str__(self) -> str:
        shown = Address(self.address.host) if self.is_at_default_port else self.address
        return f"{self.scheme}://{shown}"

    @property
    def is_at_default_port(self) -> bool:
        return self.address.port == _DEFAULT_PORTS[self.scheme]

    def is_of(self, host: Address) -> bool:
        """Return whether this is the origin of what was sent to `host`.

        Behind a proxy that ends TLS nobody here knows the scheme: it is the page's.
        """
        port = _DEFAULT_PORTS[self.scheme] if host.port is None else host.port
        return (self.address.host, self.address.port) == (host.host, port)


@dataclass(frozen=True)
class Hosts:
    """The names of the webserver; localhost and addresses need none."""

    public: frozenset[str] = frozenset()
    """What people's browsers may have as address: configured by a person."""
    internal: frozenset[str] = frozenset()
    """Names of the Service, for programs in the cluster and for proxies that put them into Host."""

    @staticmethod
    def of(public: Iterable[str], services: Iterable[str] = ()) -> Hosts:
        """Return them; `services` are written as NAME.NAMESPACE."""
        internal = [name for service in services for name in _names_of_service(service)]
        return Hosts(frozenset(map(_normal, public)), frozenset(map(_normal, internal)))

    def answer_to(self, asked: Address) -> bool:
        """Return whether requests for this host are answered; the port is whatever leads here."""
        return self.are_public(asked) or asked.host in self.internal

    def are_public(self, asked: Address) -> bool:
        """Return whether a page may have come from this host.

        An address can't be rebound: who has it in the address bar is connected to it. The names of a
        Service are not among these: `dagster-webserver.dev` may also be somebody's domain.
        """
        return asked.host == "localhost" or is_ip(asked.host) or asked.host in self.public


def address(text: str) -> Address | None:
    """Return what a Host header says; None when it is no host."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    literal, name, port = found.groups()
    if literal is not None and not is_ip(literal):
        return None
    if port is not None and int(port) > 65535:
        return None
    return Address(literal or _normal(name), None if port is None else int(port))


def origin(text: str) -> Origin | None:
    """Return what an Origin header says; None for `null`, and for what is no origin of a web page."""
    scheme, separator, rest = text.lower().partition("://")
    found = address(rest)
    if not separator or scheme not in _DEFAULT_PORTS or found is None:
        return None
    port = _DEFAULT_PORTS[scheme] if found.port is None else found.port
    return Origin(scheme, Address(found.host, port))


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _names_of_service(service: str) -> list[str]:
    name = service.partition(".")[0]
    return [name, service, f"{service}.svc", f"{service}.svc.cluster.local"]
