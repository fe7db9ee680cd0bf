"""Checks addresses of repositories (for git) and package indexes (for uv), and finds the host they lead to.

An address that would run commands or that contains a secret is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

PLACEHOLDER = re.compile(
    r"<[^<>]*>"
    r"|(?:^|[/.@])example\.(?:com|org|net)(?:[/:?#]|$)"
    r"|(?<![a-z])your[-_ ]?(?:own[-_ ]?)?(?:org|organi[sz]ation|company|team|group|user|username|name|"
    r"repo|repository|project|host|server|domain)(?![a-z])"
    r"|(?<![a-z])(?:change|replace)[-_ ]?me(?![a-z])",
    re.IGNORECASE,
)
_SCHEMES = ("https", "http", "ssh", "git", "file", "git+ssh", "ssh+git")
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]{2,45}\])"
"""Without a percent sign: git decodes the host of a URL, and a leading dash would be an option of ssh."""
_USER = r"[A-Za-z0-9_][\w.+-]{0,100}"
_PORT = r"[0-9]{1,5}"
_URL = re.compile(
    rf"(?P<scheme>[a-z][a-z+]{{1,10}})://(?:(?P<user>{_USER})@)?(?P<host>{_HOST}|)(?::(?P<port>{_PORT}))?(?P<path>/.*)?",
    re.ASCII,
)
_SHORT = re.compile(rf"(?:(?P<user>{_USER})@)?(?P<host>{_HOST}):(?P<path>[^:\s-].*)", re.ASCII)
"""`user@host:path`, as scp has it."""
_HELPER = re.compile(r"[^/\[\]@:]*::")
"""Before an address for a transport helper, a program: git takes letters and digits there (transport.c)."""
_FORMS = "`https://host/path`, `ssh://host/path`, `git@host:path`, or a path"
_NO_SECRET = "a URL without a password or token in it: give it to git (a credential helper, an ssh key)"
_SECRET = re.compile(r"(?:^|[&;])[\w.-]{0,40}(?:token|pass|secret|key|auth|sig)[\w.-]{0,40}=", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A repository's address, by its parts. Nothing of them is an option or names a program."""

    form: Literal["url", "short", "path"]
    path: str
    scheme: str = ""
    """A URL's own; `ssh` for the short form."""
    host: str = ""
    """Without brackets; empty for a path and for `file://`."""
    port: int | None = None


def repository(value: str, folder: Path) -> str | None:
    """Return a repository's address; a relative path is relative to `folder`. Raises ValueError(expected)."""
    value = value.strip()
    if not value:
        return None
    if PLACEHOLDER.search(value):
        raise ValueError("the address of your own repository; this is a placeholder")
    found = parsed(value)
    return _absolute(value, folder) if found.form == "path" else value


def parsed(value: str) -> Address:
    """Return the parts of what git would take for a URL, a short form or a path. Raises ValueError(expected).

    Only forms that are known are taken: an address by which git runs a program, or from which it or ssh takes
    an option, is none of them.
    """
    if value.startswith("-"):
        raise ValueError("a URL or path; this looks like an option of git")
    if "\\" in value or not value.isprintable() or value != value.strip():
        raise ValueError(f"{_FORMS}, without a backslash, a control character or a space around it")
    if _HELPER.match(value):
        raise ValueError("an ordinary URL; transport helpers run commands and are not allowed")
    if "://" in value:
        return _url(value)
    if ":" in value.split("/", 1)[0] and not value.startswith((".", "~")):
        return _short(value)
    return Address("path", value)


def index(value: str) -> str:
    """Return the URL of an index of Python packages (PEP 503). Raises ValueError(expected)."""
    value = value.strip()
    if PLACEHOLDER.search(value):
        raise ValueError("the address of your own index; this is a placeholder")
    expected = "a URL of a package index, such as `https://pypi.internal/simple`"
    try:
        parts = urlsplit(value)
        readable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # its words may repeat the password
        raise ValueError(expected) from error
    if _carries_a_secret(parts) or parts.query or parts.fragment:
        raise ValueError("a URL without a password or token in it: those are in the Secret named as `secret`")
    if not readable or not re.fullmatch(r"[!-~]+", value) or any(mark in value for mark in "\"'\\`<>{}"):
        raise ValueError(expected)
    return value


def _url(value: str) -> Address:
    expected = f"a URL that git takes ({', '.join(_SCHEMES[:5])}): {_FORMS}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:  # its words may repeat the password
        raise ValueError(f"{expected}; the host and port of this one can't be read") from error
    if _carries_a_secret(parts):
        raise ValueError(_NO_SECRET)
    if not value.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES)) or " " in value or port == 0:
        raise ValueError(expected)
    if parts.netloc.startswith("-") or (parts.hostname or "").startswith(("-", "%2d")):
        raise ValueError("a URL with a host; this looks like an option of ssh")
    found = _URL.fullmatch(value)
    if found is None:
        raise ValueError(f"{expected}; the host and port of this one can't be read")
    if (found["scheme"] != "file" and not found["host"]) or (found["scheme"] == "file" and parts.netloc):
        raise ValueError("a URL with a host; a file's has none: `file:///srv/x.git`")
    path = unquote(found["path"] or "", errors="replace")
    if not path.isprintable() or "\\" in path:
        raise ValueError(f"{_FORMS}, without a backslash or control character, in whatever notation")
    return Address("url", path, found["scheme"], found["host"].strip("[]"), port)


def _carries_a_secret(parts: SplitResult) -> bool:
    """Return whether it contains a secret; a password with a slash makes its rest look like a path."""
    if parts.password is not None or (parts.scheme.startswith("http") and parts.username):
        return True
    if parts.scheme != "file" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return True
    return _SECRET.search(parts.query) is not None


def _short(value: str) -> Address:
    found = _SHORT.fullmatch(value)
    if found and found["user"] is None and "@" in found["path"]:
        raise ValueError(_NO_SECRET)
    if found is None or value.split(":", 1)[0] in _SCHEMES:
        raise ValueError(_FORMS)
    return Address("short", found["path"], "ssh", found["host"].strip("[]"))


def _absolute(value: str, folder: Path) -> str:
    try:
        path = Path(value).expanduser()
        return str(path if path.is_absolute() else (folder / path).resolve())
    except (RuntimeError, OSError) as error:
        raise ValueError("a path that exists; the folder it begins with can't be found") from error


_PORTS = {"https": 443, "http": 80, "git": 9418}
_SSH = 22


@dataclass(frozen=True)
class Reached:
    host: str
    port: int
    cidr: str | None
    """Set where the host is an IP address."""
    namespace: str | None
    """Set where the host is the full name of a Service (`git.tools.svc`)."""

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
    """Return the host that a repository leads to; None for a path, or for what is no address."""
    try:
        found = parsed(repository)
    except ValueError:
        return None
    return Reached.of(found.host, found.port or _PORTS.get(found.scheme, _SSH)) if found.host else None
