"""State folders with real supervisors, ended by a process that outlives the tests, however they die."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from playground_ops.targets.local.control import Control
from playground_ops.targets.local.processes import MARKER, ProcessSpec, ProcessState, read_state
from tests.asking import eventually
from tests.session.deadlines import stretched

SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(300)")
LOOKING = """
import os
from playground_ops.targets.local import processes
if hasattr(os, "pidfd_open"):
    del os.pidfd_open
processes.birth_of = processes._birth_elsewhere
"""
"""A `sitecustomize` that takes from Python what only Linux has."""


@contextmanager
def guarded(base: Path) -> Iterator[None]:
    """End every supervisor below `base`, and all that it started, with this block or with this process."""
    reading, writing = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, str(reading), str(base)],
        pass_fds=(reading,),
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )
    os.close(reading)
    try:
        yield
    finally:
        os.close(writing)
        guard.wait(timeout=stretched(60))


def end_all_below(base: Path) -> None:
    """Kill supervisors first, so that nothing comes back."""
    for _ in range(2):
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                supervises = "playground_ops.targets.local.supervisor" in process.cmdline()
                named = process.cmdline()[-1] if supervises else process.environ().get(MARKER, "")
                if named.startswith(f"{os.path.realpath(base)}/"):
                    process.kill()
    for link in Path("/tmp").glob(f"pg-{os.getuid()}-*"):
        if link.is_symlink() and link.readlink().is_relative_to(base):
            link.unlink(missing_ok=True)
    shutil.rmtree(base, ignore_errors=True)


def spec(name: str = "x", argv: tuple[str, ...] = SLEEP, **fields: object) -> ProcessSpec:
    return ProcessSpec(name=name, argv=argv, cwd="/", **fields)


def seen(state: Path, name: str = "x") -> ProcessState:
    found = read_state(state, name)
    assert found is not None
    return found


def running(state: Path, name: str = "x") -> ProcessState:
    def found() -> ProcessState | None:
        now = read_state(state, name)
        return now if now and now.running else None

    return eventually(f"{name} to run", found, 30.0)


def alive(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_supervisor(control: Control) -> None:
    pid = control.hello()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually("the supervisor to be gone", lambda: not alive(pid))


def log_of(state: Path, name: str) -> str:
    path = state / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    while os.read(int(sys.argv[1]), 4096):
        pass
    end_all_below(Path(sys.argv[2]))
