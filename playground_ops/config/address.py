"""Checks addresses of repositories (for git) and package indexes (for uv), and finds the host they lead to.

An address that would run commands or that contains a secret is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

PLACEHOLDER = re.compile(
    r"<[^<>]*>"
    r"|(?:^|[/.@])example\.(?:com|org|net)(?:[/:?#]|$)"
    r"|(?<![a-z])your[-_ ]?(?:own[-_ ]?)?(?:org|organi[sz]ation|company|team|group|user|username|name|"
    r"repo|repository|project|host|server|domain)(?![a-z])"
    r"|(?<![a-z])(?:change|replace)[-_ ]?me(?![a-z])",
    re.IGNORECASE,
)
_SCHEMES = ("https", "http", "ssh", "git", "file", "git+ssh", "ssh+git")
_SCP_LIKE = re.compile(r"(?P<user>\w[\w.-]*@)?(?:\w[\w.-]*|\[[\da-fA-F:]+\]):(?P<path>.+)")
_FORMS = "`https://host/path`, `ssh://host/path`, `git@host:path`, or a path"
_NO_SECRET = "a URL without a password or token in it: give it to git (a credential helper, an ssh key)"
_SECRET = re.compile(r"(?:^|[&;])[\w.-]{0,40}(?:token|pass|secret|key|auth|sig)[\w.-]{0,40}=", re.IGNORECASE)


def repository(value: str, folder: Path) -> str | None:
    """Return a repository's address; a relative path is relative to `folder`. Raises ValueError(expected)."""
    value = value.strip()
    if not value:
        return None
    if PLACEHOLDER.search(value):
        raise ValueError("the address of your own repository; this is a placeholder")
    if value.startswith("-"):
        raise ValueError("a URL or path; this looks like an option of git")
    if "\\" in value or not value.isprintable():
        raise ValueError(f"{_FORMS}, without a backslash or control character")
    first = value.split("/", 1)[0]
    if "::" in first and "[" not in first:
        raise ValueError("an ordinary URL; transport helpers run commands and are not allowed")
    if "://" in value:
        return _url(value)
    if ":" in first and not value.startswith((".", "~")):
        return _scp_like(value)
    return _path(value, folder)


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


def _url(value: str) -> str:
    expected = f"a URL that git takes ({', '.join(_SCHEMES[:5])}): {_FORMS}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:  # its words may repeat the password
        raise ValueError(f"{expected}; the host and port of this one can't be read") from error
    if _carries_a_secret(parts):
        raise ValueError(_NO_SECRET)
    if parts.scheme not in _SCHEMES or " " in value or port == 0:
        raise ValueError(expected)
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError("a URL with a host")
    if parts.netloc.startswith("-") or (parts.hostname or "").startswith("-"):
        raise ValueError("a URL with a host; this looks like an option of ssh")
    return value


def _carries_a_secret(parts: SplitResult) -> bool:
    """Return whether it contains a secret; a password with a slash makes its rest look like a path."""
    if parts.password is not None or (parts.scheme.startswith("http") and parts.username):
        return True
    if parts.scheme != "file" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return True
    return _SECRET.search(parts.query) is not None


def _scp_like(value: str) -> str:
    found = _SCP_LIKE.fullmatch(value)
    if found and found["user"] is None and "@" in found["path"]:
        raise ValueError(_NO_SECRET)
    if found is None or value.split(":", 1)[0] in _SCHEMES:
        raise ValueError(_FORMS)
    return value


def _path(value: str, folder: Path) -> str:
    try:
        path = Path(value).expanduser()
        return str(path if path.is_absolute() else (folder / path).resolve())
    except (RuntimeError, OSError) as error:
        raise ValueError("a path that exists; the folder it begins with can't be found") from error


_PORTS = {"https": 443, "http": 80, "git": 9418}
_SSH = 22
_SHORT = re.compile(r"(?:[\w.-]+@)?(\[[\da-fA-F:]+\]|\w[\w.-]*):")
"""`user@host:path`."""


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
