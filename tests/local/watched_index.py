"""A package index on this machine that notes who asked for what, and with which credentials."""

from __future__ import annotations

import base64
import hashlib
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.serving import served

USER, PASSWORD = "reader", "correct-horse-battery"


@dataclass
class Watched:
    """It serves the files in `folder`: pages below `/simple`, files below `/files`."""

    folder: Path
    asks_for_login: bool
    gives_hashes: bool
    port: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Paths, and the decoded credentials of the request: empty without."""
    redirects: dict[str, str] = field(default_factory=dict)
    files_at: str = ""
    """The server that its pages name for files; empty: itself."""
    page: str | None = None
    """What each page is, if not a list of its files."""

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.server}/simple"

    @property
    def given(self) -> set[str]:
        """Return all credentials that it was sent."""
        return {login for _, login in self.seen if login}


@contextmanager
def watched(folder: Path, *, login: bool = False, hashes: bool = True) -> Iterator[Watched]:
    """Serve the wheels and sources in `folder`; with `login` only to who has USER and PASSWORD."""
    folder.mkdir(parents=True, exist_ok=True)
    index = Watched(folder, login, hashes)

    class Handler(_Handler):
        watching = index

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    with served(server):
        yield index


def source(folder: Path, tree: Path, number: str = "1.0") -> Path:
    """Make the archive of a source from the folder of a package."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{tree.name}-{number}.tar.gz"
    with tarfile.open(made, "w:gz") as archive:
        archive.add(tree, f"{tree.name}-{number}")
    return made


class _Handler(BaseHTTPRequestHandler):
    watching: Watched

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        index = self.watching
        told = self.headers.get("Authorization", "").partition(" ")[2]
        login = base64.b64decode(told).decode()
        index.seen.append((self.path, login))
        if index.asks_for_login and login != f"{USER}:{PASSWORD}":
            self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="tests"'})
        elif self.path in index.redirects:
            self._answer(302, b"", {"Location": index.redirects[self.path]})
        else:
            self._file(self.path.strip("/").split("/"))

    def _file(self, parts: list[str]) -> None:
        files = {file.name: file for file in sorted(self.watching.folder.iterdir())}
        if parts[0] == "simple":
            found = [file for name, file in files.items() if _project(name) == parts[1]]
            page = "".join(
                f'<a href="{self.watching.files_at}/files/{one.name}{self._hash(one)}">{one.name}</a>\n'
                for one in found
            )
            page = page if self.watching.page is None else self.watching.page
            self._answer(200 if page else 404, page.encode(), {"Content-Type": "text/html"})
        else:
            # Whatever the folder: some of them are not the index's own.
            file = files.get(parts[-1])
            self._answer(200 if file else 404, file.read_bytes() if file else b"", {})

    def _hash(self, file: Path) -> str:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        return f"#sha256={found}" if self.watching.gives_hashes else ""

    def _answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing to the tests' output."""


def _project(file: str) -> str:
    return re.sub(r"[-_.]+", "-", file.partition("-")[0]).lower()
