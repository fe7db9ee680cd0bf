"""Credentials for package indexes: from the files of a Secret to what uv and pip read.

They are in no argument list and in no URL that a log would show.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

NETRC, USERNAME, PASSWORD, AUTHORITY = "netrc", "username", "password", "ca.crt"
_OF_UV = re.compile(r"UV_[A-Z0-9_]+")


@contextmanager
def credentials(folder: Path) -> Iterator[Path]:
    """Give this process's children what the Secret's keys say; a folder for as long. Nothing stays behind."""
    keys = _keys(folder)
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as private:
        os.environ.update({name: text for name, text in keys.items() if _OF_UV.fullmatch(name)})
        written = keys.get(NETRC) or _netrc(keys, os.environ)
        if written:
            file = Path(private, "netrc")
            file.touch(0o600)
            file.write_text(f"{written}\n")
            os.environ["NETRC"] = str(file)
        if AUTHORITY in keys:
            os.environ |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT"), str(folder / AUTHORITY))
        os.environ.update(_for_pip(os.environ))
        try:
            yield Path(private)
        finally:
            os.environ.clear()
            os.environ.update(before)


def urls(environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The default index (empty: PyPI) and the others, as uv is told; a name before `=` is left out."""
    others = environ.get("UV_INDEX", "").split()
    return _unnamed(environ.get("UV_DEFAULT_INDEX", "")), [_unnamed(one) for one in others]


def _keys(folder: Path) -> dict[str, str]:
    files = [file for file in folder.glob("*") if file.is_file() and not file.name.startswith(".")]
    return {file.name: file.read_text("utf-8").strip() for file in files}


def _netrc(keys: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """`username` and `password` are for every configured index."""
    if PASSWORD not in keys:
        return ""
    default, others = urls(environ)
    hosts = sorted({str(urlsplit(url).hostname) for url in (default, *others) if url})
    user = keys.get(USERNAME, "__token__")
    return "\n".join(f"machine {host} login {user} password {keys[PASSWORD]}" for host in hosts)


def _for_pip(environ: Mapping[str, str]) -> dict[str, str]:
    default, others = urls(environ)
    found = {"PIP_INDEX_URL": default, "PIP_EXTRA_INDEX_URL": " ".join(others)}
    return {name: value for name, value in found.items() if value}


def _unnamed(index: str) -> str:
    return re.sub(r"^[\w.-]+=", "", index)
