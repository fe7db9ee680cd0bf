"""A real Postgres on this machine, as its image makes it: a superuser with a password, a socket without."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from tests.asking import eventually
from tests.session.needs import postgres

PASSWORD = "first-password"
OWNER = "nobody" if os.geteuid() == 0 else None
"""Postgres does not run as root."""


@dataclass(frozen=True)
class Server:
    programs: Path
    folder: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PGHOST": str(self.folder), "PGPORT": str(self.port), "LC_ALL": "C.UTF-8"}

    def run(self, command: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one of its programs, which connects by the socket."""
        words = [str(self.programs / command[0]), *command[1:]]
        return subprocess.run(words, env=self.environment, input=given, capture_output=True, check=False)

    def sql(self, statement: str, user: str = "dagster", database: str = "dagster") -> str:
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        done = self.run(["psql", *options, "-U", user, "-d", database, "-f", "-"], statement.encode())
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout.decode().strip()

    def connect(self, **given: Any) -> Any:
        """Connect over TCP, by password, as components do."""
        wanted = {"user": "dagster", "dbname": "dagster", "password": PASSWORD, **given}
        return psycopg2.connect(host="127.0.0.1", port=self.port, connect_timeout=10, **wanted)


def made(folder: Path) -> Path:
    """Make the data of a fresh server in a folder, and return it; it is copied for each server."""
    programs, data = postgres(), folder / "data"
    assert programs is not None
    own(folder)
    (folder / "word").write_text(PASSWORD)
    # Over TCP this machine gives a password too: it stands for other pods, of which the image wants one.
    wanted = ("--username=dagster", f"--pwfile={folder / 'word'}", "--auth-host=scram-sha-256")
    initdb = [programs / "initdb", "-D", data, "--auth-local=trust", "--locale=C.UTF-8", "--no-sync", *wanted]
    subprocess.run(initdb, user=OWNER, check=True, capture_output=True)
    return data


def own(folder: Path) -> None:
    if OWNER:
        subprocess.run(["chown", "-R", OWNER, folder], check=True)


@contextmanager
def a_server(data: Path) -> Iterator[Server]:
    """Yield a server with a copy of the data, whose first superuser is `dagster`."""
    programs = postgres()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path is short
    shutil.copytree(data, folder / "data")
    own(folder)
    server = Server(programs, folder, free_port())
    options = {"unix_socket_directories": folder, "port": server.port, "listen_addresses": "127.0.0.1"}
    fast = {"fsync": "off", "shared_buffers": "16MB", "max_connections": 20}
    words = [word for key, value in {**options, **fast}.items() for word in ("-c", f"{key}={value}")]
    process = subprocess.Popen([programs / "postgres", "-D", folder / "data", *words], user=OWNER)
    try:
        eventually("Postgres to answer", lambda: server.run(["pg_isready", "-U", "dagster"]).returncode == 0)
        server.sql("CREATE DATABASE dagster", database="postgres")
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # by SIGTERM it would wait for its clients
        process.wait()
        shutil.rmtree(folder)


def free_port() -> int:
    with closing(socket.socket()) as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
