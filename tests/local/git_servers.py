"""Servers on the loopback for tests of git: a real one that may require a password, and faulty ones."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from tests.serving import served


@contextmanager
def http_server(
    root: Path,
    *,
    user: str = "",
    password: str = "",
    status: int = 0,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Serve the repositories below `root`, with their large files, by git. Yields the URL, without
    credentials.

    With `status` every answer is that status.
    """
    token = base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(_Backend):
        folder: ClassVar[Path] = root
        answer: ClassVar[int] = status
        wanted: ClassVar[str] = f"Basic {token}" if user else ""

    server = ThreadingHTTPServer((address, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with served(server):
        yield f"http{'s' if tls else ''}://{address}:{server.server_address[1]}"


_LARGE, _LARGE_TYPE = "/info/lfs/objects/", "application/vnd.git-lfs+json"


class _Backend(BaseHTTPRequestHandler):
    folder: ClassVar[Path]
    answer: ClassVar[int]
    wanted: ClassVar[str]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        if self.answer:
            self.send_error(self.answer)
        elif self.wanted and self.headers.get("Authorization") != self.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="tests"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif _LARGE in self.path:
            self._large(body)
        else:
            self._backend(body)

    def _large(self, body: bytes) -> None:
        """Answer as git-lfs has it (docs/api/batch.md): where objects are, and an object."""
        repository, _, asked = self.path.partition(_LARGE)
        stored = self.folder / repository.lstrip("/") / "lfs" / "objects"
        if self.command == "GET":
            self._send(
                200, "application/octet-stream", (stored / asked[:2] / asked[2:4] / asked).read_bytes()
            )
            return
        if asked != "batch" or self.headers.get("Content-Type", "").partition(";")[0] != _LARGE_TYPE:
            self.send_error(415)
            return
        here = f"http://{self.headers['Host']}{repository}{_LARGE}"
        found = [
            {**one, "actions": {"download": {"href": f"{here}{one['oid']}"}}}
            for one in json.loads(body)["objects"]
        ]
        self._send(200, _LARGE_TYPE, json.dumps({"transfer": "basic", "objects": found}).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def silent_server() -> Iterator[str]:
    """Run a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
