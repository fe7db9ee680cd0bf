"""Rules for single values. Each raises ValueError(expected) with what was expected, in words."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

LONGEST_LOCATION_NAME = 40
"""`dagster-grpc-<name>-<number>` must stay a DNS-1123 label of at most 63 characters."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//).+")
_PLACEHOLDER = re.compile(
    r"<[^>]*>|(?:^|[/.@])example\.(?:com|org|net)(?:[/:]|$)|your[-_ ]?(?:org|repo|user|name)", re.IGNORECASE
)
_SCHEMES = ("https", "http", "ssh", "git", "file", "git+ssh", "ssh+git")
_RESERVED_ENV = ("DAGSTER_HOME",)


def location_name(value: str) -> str:
    """DNS-1123 label, short enough for the names made from it (RFC 1123; Kubernetes object names)."""
    if value == "ops":
        raise ValueError("another name: `ops` is the management location, which every stack has")
    if len(value) > LONGEST_LOCATION_NAME:
        raise ValueError(f"at most {LONGEST_LOCATION_NAME} characters, this has {len(value)}")
    if not _LABEL.fullmatch(value):
        raise ValueError(
            "lower-case letters, digits and dashes, beginning and ending with a letter or digit (DNS-1123)"
        )
    return value


def repository(value: str, folder: Path) -> str | None:
    """What git takes as a repository; a relative path is relative to the configuration file's folder."""
    value = value.strip()
    if not value:
        return None
    if value.startswith("-"):
        raise ValueError("a URL or path; this looks like an option of git")
    if _PLACEHOLDER.search(value):
        raise ValueError("the address of your own repository; this is a placeholder")
    if "::" in value.split("/", 1)[0]:
        raise ValueError("an ordinary URL; transport helpers run commands and are not allowed")
    if "://" in value:
        return _url(value)
    if _SCP_LIKE.fullmatch(value) and not value.startswith(("/", ".", "~")):
        return value
    path = Path(value).expanduser()
    return str(path if path.is_absolute() else (folder / path).resolve())


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"a URL that git takes ({', '.join(_SCHEMES[:5])}, or a path)")
    if parts.password is not None or (parts.scheme.startswith("http") and parts.username):
        raise ValueError(
            "a URL without a password or token in it: give it to git (a credential helper, an ssh key)"
        )
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError("a URL with a host")
    return value


def masked(value: object) -> str:
    """A value as it may be shown: without the user information of a URL."""
    return re.sub(r"://[^/@\s]*@", "://***@", str(value))


def ref(value: str) -> str:
    """A branch, tag or full commit (git-check-ref-format)."""
    if value.startswith("-"):
        raise ValueError("a branch, tag or full commit; this looks like an option of git")
    bad = re.search(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|@\{|//|\.lock$|[/.]$|^[/.]", value)
    if bad or not value:
        raise ValueError("a branch, tag or full commit, as `git check-ref-format` allows")
    if _PLACEHOLDER.search(value):
        raise ValueError("a branch, tag or full commit of your repository; this is a placeholder")
    return value


def subdirectory(value: str) -> str:
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or value.startswith("-"):
        raise ValueError("a folder inside the repository, relative to its root, without `..`")
    return str(path)


def module(value: str) -> str:
    if not all(part.isidentifier() for part in value.split(".")):
        raise ValueError("a dotted Python module name such as `my_project.definitions`")
    return value


def environment_name(value: str) -> str:
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("a name of letters, digits and underscores that does not begin with a digit")
    if value in _RESERVED_ENV or value.startswith("PLAYGROUND_"):
        raise ValueError("another name: this one is set by the stack")
    return value


def smoke_check(value: str) -> str:
    asset, colon, check = value.partition(":")
    if not (asset and colon and check):
        raise ValueError("`asset/key:check_name`")
    return value
