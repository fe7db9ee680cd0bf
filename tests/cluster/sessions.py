"""Who uses the cluster: it ends with the last test session, however that ends, unless a person started it.

A session is identified by its process and that process's birth, so that one killed with -9 is known to be
dead.
"""

from __future__ import annotations

import os
import platform
import select
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import psutil

from tests.cluster.cluster import Cluster
from tests.cluster.machine import Process
from tests.cluster.places import HERE, instance, locked, run_folder
from tests.session.times import started

FROM_TESTS = "started-by-tests"


def this_session() -> str:
    """Return a label's value: this machine, this process, its birth in milliseconds."""
    own = Process.of(os.getpid())
    return f"{_machine()}.{own.pid}.{int(own.birth * 1000)}"


def is_alive(session: str) -> bool:
    """Return True also for a session on another machine, about which nothing is known here."""
    machine, pid, birth = session.rsplit(".", 2)
    if machine != _machine():
        return True
    try:
        return int(psutil.Process(int(pid)).create_time() * 1000) == int(birth)
    except psutil.NoSuchProcess:
        return False


def join(session: str, images: Collection[str] | None = None) -> Cluster:
    """Return the cluster, up, for a session: it stays at least until all of its sessions have ended."""
    cluster = Cluster.here(images)
    with locked(f"sessions{instance()}"):
        was_up = run_folder().exists() and not _mark().exists() and cluster.is_up()
        try:
            cluster.up(lambda line: print(line, file=sys.stderr, flush=True))
        except BaseException:  # no session has it, so nobody else would end what was begun
            if not was_up:
                cluster.down()
            raise
        if not was_up:
            started("clusters")
            _mark().touch()
        users = run_folder() / "sessions"
        users.mkdir(exist_ok=True)
        if not (users / session).exists():
            (users / session).touch()
            _guard(session)
    return cluster


def leave(session: str) -> None:
    """End the cluster if tests started it and no living session is left. Idempotent."""
    with locked(f"sessions{instance()}"):
        users = run_folder() / "sessions"
        if not users.is_dir():
            return
        (users / session).unlink(missing_ok=True)
        left = [path for path in users.iterdir() if is_alive(path.name)]
        if _mark().exists() and not left:
            Cluster.here().down()


def _mark() -> Path:
    return run_folder() / FROM_TESTS


def _machine() -> str:
    return platform.node().replace(".", "-")[:30] or "unnamed"


def _guard(session: str) -> None:
    """Start a process that outlives the session's, and leaves in its place when that was killed."""
    subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.sessions", session],
        cwd=HERE.parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def watch(session: str) -> None:
    try:
        descriptor = os.pidfd_open(int(session.rsplit(".", 2)[1]))
    except ProcessLookupError:
        pass
    else:
        if is_alive(session):
            select.select([descriptor], [], [])
    leave(session)


if __name__ == "__main__":
    watch(sys.argv[1])
