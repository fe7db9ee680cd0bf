"""A package index on this machine that pods reach: wheels in a folder, served as PEP 503 says.

The wheels are those of `wheels.txt`, downloaded once from the real index by pip, and what tests add.
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

from tests.cluster.images.dagster import PYTHON
from tests.cluster.network import HOST
from tests.cluster.places import HERE, cached, key_of
from tests.serving import served

USER, PASSWORD = "reader", "correct-horse-battery"
WHEELS = HERE / "wheels.txt"
"""All that Dagster 1.11.12 and its dagster-postgres need, by `uv pip compile`, and uv itself."""


def wheels() -> Path:
    """Return the folder with them, filled if it is missing."""

    def make(out: Path) -> None:
        options = ["--no-deps", "--only-binary", ":all:", "--python-version", PYTHON, "--dest", str(out)]
        pip = ["uv", "tool", "run", "--from", "pip", "pip", "download", "--quiet"]
        subprocess.run([*pip, *options, "--requirement", str(WHEELS)], check=True)

    return cached("wheels", "wheels", key_of(WHEELS.read_text(), PYTHON), make)


def wheel(folder: Path, name: str, number: str) -> Path:
    """Make a wheel of one module with its version in NUMBER."""
    info = f"{name}-{number}.dist-info"
    files = {
        f"{name}.py": f'NUMBER = "{number}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{number}-py3-none-any.whl"
    with ZipFile(made, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
    return made


def own_wheel(folder: Path, project: Path, number: str, requires: str = "dagster>=1.13,<1.14") -> Path:
    """Make a wheel of this project as another version: its code, with only its number changed."""
    info = f"playground_ops-{number}.dist-info"
    about = f"Metadata-Version: 2.1\nName: playground-ops\nVersion: {number}\nRequires-Dist: {requires}\n"
    files = {
        file.relative_to(project).as_posix(): file.read_text("utf-8")
        for package in ("playground_ops", "playground")
        for file in sorted((project / package).rglob("*.py"))
    }
    files["playground_ops/version.py"] = f'__version__ = "{number}"\n'
    files |= {
        f"{info}/METADATA": about,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"playground_ops-{number}-py3-none-any.whl"
    with ZipFile(made, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
    return made


@dataclass(frozen=True)
class Index:
    url: str
    port: int
    asked: list[str] = field(default_factory=list)
    """Names of the files that were sent."""


@contextmanager
def package_index(
    *folders: Path, port: int = 0, login: tuple[str, str] | None = None, host: str = HOST
) -> Iterator[Index]:
    """Serve the wheels in the folders; with a `login` (user, password) only to clients that have it."""
    asked: list[str] = []

    class Handler(_Handler):
        places = folders
        sent = asked
        wanted = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}" if login else ""

    server = ThreadingHTTPServer((host, port), Handler)
    with served(server):
        yield Index(f"http://{host}:{server.server_address[1]}/simple", server.server_address[1], asked)


def _name(text: str) -> str:
    """Normalize a name as PEP 503 says."""
    return re.sub(r"[-_.]+", "-", text).lower()


class _Handler(BaseHTTPRequestHandler):
    places: Sequence[Path]
    sent: list[str]
    wanted: str

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.wanted and self.headers.get("Authorization") != self.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="tests"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        folder, _, name = self.path.strip("/").partition("/")
        files = {file.name: file for place in self.places for file in sorted(place.glob("*.whl"))}
        if folder == "files" and name in files:
            if self.command == "GET":
                self.sent.append(name)
            self._answer(files[name].read_bytes(), "application/octet-stream")
            return
        found = [file for file in files if _name(file.partition("-")[0]) == _name(name)]
        if folder != "simple" or not found:
            self.send_error(404)
            return
        page = "".join(f'<a href="/files/{file}">{file}</a>\n' for file in found)
        self._answer(page.encode(), "text/html")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing to the tests' output."""
