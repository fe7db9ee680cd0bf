"""The package indexes that this machine is told of, and who is given their credentials: they alone."""

import base64
import netrc
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_NEITHER = re.compile(r"(?:UV|PIP)_.*|NETRC|\w*(?:PASSWORD|TOKEN|SECRET|CREDENTIAL)\w*", re.I)
_UV_NEEDS = re.compile(r"UV_(?:CACHE_DIR|LINK_MODE|CONCURRENT_\w+|HTTP_TIMEOUT)")
# Of an activated environment or a surrounding `uv run`, which direct uv to another one; and what would have
# uv run code (a build, the environment's Python) where the credentials are.
_INTERFERING = re.compile(
    r"VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|__PYVENV_LAUNCHER__|COLUMNS|"
    r"UV_(?:PROJECT\w*|PYTHON|WORKING_DIRECTORY|WORKING_DIR|SYSTEM_PYTHON|COMPILE_BYTECODE|NO_BUILD\w*|"
    r"NO_BINARY\w*|EDITABLE|FROZEN|LOCKED|ISOLATED|NO_SYNC|VENV_SEED|VENV_CLEAR|"
    r"REQUIRE_HASHES|NO_VERIFY_HASHES|ENV_FILE|PREVIEW\w*)"
)


@dataclass(frozen=True)
class Index:
    url: str
    """Without credentials, and without a slash at its end."""
    login: tuple[str, str] | None = None

    @property
    def with_login(self) -> str:
        """Return the URL with the credentials: for uv's variables, never for arguments, files or logs."""
        if self.login is None:
            return self.url
        parts = urlsplit(self.url)
        user = ":".join(quote(one, safe="") for one in self.login)
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))

    def covers(self, url: str) -> bool:
        """Return whether `url` lies below the index's folder on the same server."""
        return lies_below(url, re.sub(r"/(?:\+?simple)$", "", self.url))

    def authorization(self) -> Mapping[str, str]:
        """Return the header that carries the credentials; empty without."""
        if self.login is None:
            return {}
        told = base64.b64encode(":".join(self.login).encode()).decode()
        return {"Authorization": f"Basic {told}"}


@dataclass(frozen=True)
class Indexes:
    """Those that the machine's variables name: in a pod those of the stack's configuration."""

    default: Index
    others: Sequence[Index] = ()
    hosts: frozenset[str] = frozenset()
    """Those that the netrc names."""
    public: str = ""
    """The URL of the index that uv asks where none is configured, without a slash at its end."""

    @property
    def every(self) -> tuple[Index, ...]:
        return (*self.others, self.default)

    def named(self, url: str) -> Index | None:
        """Return the index at `url`, if it is one of them."""
        return next((one for one in self.every if one.url == plain(url)), None)

    def stand_for(self, url: str) -> bool:
        """Return whether asking them is asking the index at `url`; for the public one the named stand."""
        return plain(url) == self.public or self.named(url) is not None

    def covering(self, url: str) -> Index | None:
        return next((one for one in self.every if one.covers(url)), None)

    def would_be_given(self, url: str) -> bool:
        """Return whether a client would send credentials to `url`, which is none of the indexes."""
        parts = urlsplit(url)
        logged_in = {origin(one.url) for one in self.every if one.login}
        usual = parts.scheme == "https" and parts.port in (None, 443)
        by_host = parts.hostname in self.hosts and not usual
        return self.named(url) is None and (origin(url) in logged_in or by_host)


def configured(environ: Mapping[str, str], public: str) -> Indexes:
    """Return the indexes in uv's variables. `public`: the one that uv asks without them."""
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or public
    others = [*environ.get("UV_INDEX", "").split(), *environ.get("UV_EXTRA_INDEX_URL", "").split()]
    return Indexes(
        _index(default, environ),
        tuple(_index(one, environ) for one in others),
        _hosts(environ),
        plain(public),
    )


def plain(url: str) -> str:
    """Return a URL without credentials, fragment and last slash."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")).rstrip("/")


def origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def lies_below(url: str, folder: str) -> bool:
    """Return whether `url` is of a folder on the same server, or below it."""
    path, above = urlsplit(url).path, urlsplit(folder).path.rstrip("/")
    return origin(url) == origin(folder) and ".." not in path and f"{path}/".startswith(f"{above}/")


def with_indexes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a uv that reads nothing of a repository: those of the machine.

    Its own settings file counts, as for any uv of the machine's user.
    """
    kept = {name: value for name, value in environ.items() if not _INTERFERING.fullmatch(name)}
    if "UV_NO_CONFIG" not in kept:
        file = kept.get("UV_CONFIG_FILE") or _settings_file(environ)
        kept |= {"UV_CONFIG_FILE": file} if file else {"UV_NO_CONFIG": "1"}
    return kept


def without_indexes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a uv that reads a repository's files: nothing secret, and no settings."""
    kept = {
        name: value
        for name, value in environ.items()
        if _UV_NEEDS.fullmatch(name) or not (_NEITHER.fullmatch(name) or _INTERFERING.fullmatch(name))
    }
    return {**kept, "NETRC": os.devnull, "UV_NO_CONFIG": "1", "UV_KEYRING_PROVIDER": "disabled"}


def _settings_file(environ: Mapping[str, str]) -> str | None:
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/nonexistent", ".config"))
    files = (home / "uv" / "uv.toml", Path("/etc/uv/uv.toml"))
    return next((str(file) for file in files if file.is_file()), None)


def _index(named: str, environ: Mapping[str, str]) -> Index:
    name, found, url = named.partition("=") if re.match(r"[\w.-]+=", named) else ("", "", named)
    parts = urlsplit(url)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    prefix = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    if found and login is None and f"{prefix}_PASSWORD" in environ:
        login = (environ.get(f"{prefix}_USERNAME", ""), environ[f"{prefix}_PASSWORD"])
    return Index(plain(url), login)


def _hosts(environ: Mapping[str, str]) -> frozenset[str]:
    try:
        return frozenset(netrc.netrc(environ.get("NETRC")).hosts) - {"default"}
    except (OSError, netrc.NetrcParseError):
        return frozenset()
