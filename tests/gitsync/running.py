"""Runs a git-sync, with its root, its commands and its output."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.asking import eventually
from tests.local.git_servers import closed_port
from tests.projects import commit_all, git

UID = 65533
ALLOWED = ("git", "ssh", "sh", "sed")
"""The commands that it may find: sh and sed are for `git submodule`, which is a script."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def messages(self) -> list[str]:
        return [line["msg"] for line in self.lines]

    @property
    def error(self) -> str:
        """Return why it gave up."""
        assert self.code == 1, self.err
        last = self.lines[-1]
        assert (last["msg"], last["failCount"]) == ("too many failures, aborting", 1)
        return str(last["error"])


@dataclass(frozen=True)
class GitSync:
    program: Path
    folder: Path
    """The folder with its root, temporary files, the commands that it can find, and its output."""
    user: int | None = None
    """The user that runs it, if it is not the one who runs the tests."""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def link(self) -> Path:
        return self.root / "code"

    @property
    def commit(self) -> str:
        """Return the published commit."""
        target = self.link.readlink()
        assert target.parts[:-1] == (".worktrees",)
        return target.name

    @property
    def written(self) -> Ended:
        return Ended(0, "", (self.folder / "err").read_text())

    def prepare(self) -> GitSync:
        for name in ("commands", "tmp"):
            (self.folder / name).mkdir(mode=0o777)
            (self.folder / name).chmod(0o777)
        for name in ALLOWED:
            found = shutil.which(name)
            if found:
                (self.folder / "commands" / name).symlink_to(found)
        return self

    def start(self, *flags: str, **variables: str) -> subprocess.Popen[str]:
        places = {
            "PATH": str(self.folder / "commands"),
            "HOME": str(self.folder / "tmp"),
            "TMPDIR": str(self.folder / "tmp"),
        }
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            return subprocess.Popen(
                [str(self.program), *flags],
                cwd=self.folder,
                env={**places, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )

    def bare(self, *flags: str, **variables: str) -> Ended:
        process = self.start(*flags, **variables)
        code = process.wait(60)
        return Ended(code, (self.folder / "out").read_text(), (self.folder / "err").read_text())

    def once(self, repo: object, *flags: str, **variables: str) -> Ended:
        return self.bare(*self.flags(repo), "--one-time", *flags, **variables)

    def flags(self, repo: object) -> list[str]:
        return [f"--repo={repo}", f"--root={self.root}", "--link=code"]

    @contextmanager
    def running(self, repo: object, *flags: str) -> Iterator[subprocess.Popen[str]]:
        process = self.start(*self.flags(repo), *flags)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def save(source: Path, text: str) -> str:
    (source / "file").write_text(text)
    return commit_all(source, text)


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """Serve the folder's content by `git daemon`. Yields its URL."""
    port = closed_port()
    command = Path(git(folder, "--exec-path")) / "git-daemon"
    options = ["--reuseaddr", "--export-all", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"]
    server = subprocess.Popen(
        [str(command), *options],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually("the git daemon to listen", lambda: server.poll() is not None or listens(port))
        assert server.poll() is None
        yield f"git://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(0o755)
    return path


def unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
