"""The credentials of package indexes in the container that installs: whom they are for, and for how long."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playground_ops.core.redact import learn, learn_variables
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.indexes import configured

NETRC, USERNAME, PASSWORD, AUTHORITY = "netrc", "username", "password", "ca.crt"
_NETRC_PASSWORD = re.compile(r"\bpassword\s+(\S+)")
_OF_UV = re.compile(r"UV_[A-Z0-9_]+")


@contextmanager
def credentials(folder: Path) -> Iterator[Path]:
    """Set the environment from the Secret's keys, and yield a private folder; both are undone afterwards.

    `username` and `password` become part of the indexes' own addresses: uv and pip send them to the servers
    of these, by scheme, host and port, and to nobody else. A netrc counts for the hosts that it names.
    """
    keys = _keys(folder)
    learn([keys.get(PASSWORD), *_NETRC_PASSWORD.findall(keys.get(NETRC, ""))])
    learn_variables(keys)
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as private:
        # Not by HOME, which is room that a pod's containers may share.
        settings = Path("/etc/uv/uv.toml")
        os.environ |= {"UV_CONFIG_FILE": str(settings)} if settings.is_file() else {"UV_NO_CONFIG": "1"}
        os.environ.update({name: text for name, text in keys.items() if _OF_UV.fullmatch(name)})
        if NETRC in keys:
            file = Path(private, "netrc")
            file.touch(0o600)
            file.write_text(_for_named_hosts(keys[NETRC]))
            os.environ["NETRC"] = str(file)
        else:
            os.environ.update(_logged_in(keys, os.environ), NETRC=os.devnull)
        if AUTHORITY in keys:
            os.environ |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT"), str(folder / AUTHORITY))
        os.environ.update(_for_pip(os.environ), PIP_CONFIG_FILE=os.devnull)
        try:
            yield Path(private)
        finally:
            os.environ.clear()
            os.environ.update(before)


def box(folder: Path) -> Box:
    """Return where builds run: where there are credentials, never without a box."""
    return Box.ALWAYS if set(_keys(folder)) - {AUTHORITY} else Box.WHERE_POSSIBLE


def _keys(folder: Path) -> dict[str, str]:
    files = [file for file in folder.glob("*") if file.is_file() and not file.name.startswith(".")]
    return {file.name: file.read_text("utf-8").strip() for file in files}


def _logged_in(keys: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables for the indexes with their credentials, for every configured index."""
    found = configured(environ, public="")
    login = (keys.get(USERNAME, "__token__"), keys[PASSWORD]) if PASSWORD in keys else None
    default, *others = (
        (one if one.login or login is None else replace(one, login=login)).with_login
        for one in (found.default, *found.others)
    )
    variables = {"UV_INDEX": " ".join(others)} if others else {}
    # Of PyPI, which stands for one that is not configured, nobody has a password.
    return {**variables, "UV_DEFAULT_INDEX": default} if environ.get("UV_DEFAULT_INDEX") else variables


def _for_named_hosts(text: str) -> str:
    """Return a netrc without `default`, which would give its credentials to any server."""
    found = re.split(r"(?m)^\s*default\b|(?<=\s)default\b", text)
    return f"{found[0].strip()}\n"


def _for_pip(environ: Mapping[str, str]) -> dict[str, str]:
    found = configured(environ, public="")
    default = found.default.with_login if environ.get("UV_DEFAULT_INDEX") else ""
    urls = {"PIP_INDEX_URL": default, "PIP_EXTRA_INDEX_URL": " ".join(one.with_login for one in found.others)}
    return {name: value for name, value in urls.items() if value}
