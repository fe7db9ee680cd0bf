"""Smoke jobs and checks as a process beside the candidate."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from playground_ops.errors import RolloutFailed
from playground_ops.model import Release
from playground_ops.targets import smoke
from playground_ops.targets.base import Say
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.processes import MARKER

if TYPE_CHECKING:
    from playground_ops.targets.local.code import Code


def run(release: Release, code: Code, folder: StateFolder, say: Say) -> None:
    """Does nothing where the location names none. Raises RolloutFailed when it does not pass."""
    for kind, name in smoke.wanted(release.location):
        say(smoke.waiting(release.location, kind, name))
        _run(release, code, folder, kind, name, say)


def _run(release: Release, code: Code, folder: StateFolder, kind: str, name: str, say: Say) -> None:
    project, environment = code.prepare(release, lambda message: None)
    environ = {
        **os.environ,
        **release.location.environment,
        "DAGSTER_HOME": str(folder.dagster_home),
        "PLAYGROUND_LOCATION": release.location.name,
        "PYTHONPATH": str(project.working_directory),
        MARKER: f"{os.path.realpath(folder.root)}::{release.name}-smoke",
    }
    process = subprocess.Popen(
        [str(environment.python), "-c", smoke.SCRIPT, project.module, kind, name, release.name],
        cwd=project.working_directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = _output_of(process, release.location.smoke_timeout_seconds, say)
    except subprocess.TimeoutExpired as error:
        raise RolloutFailed(smoke.too_late(release, kind, name)) from error
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise RolloutFailed(smoke.failed(release, kind, name, output))


def _output_of(process: subprocess.Popen[str], seconds: float, say: Say) -> str:
    """Raises TimeoutExpired, and whatever `say` raises when the rollout is cancelled."""
    waited = 0.0
    while True:
        try:
            return process.communicate(timeout=min(smoke.TELL_SECONDS, seconds - waited))[0]
        except subprocess.TimeoutExpired:
            waited += smoke.TELL_SECONDS
            if waited >= seconds:
                raise
            say(f"it runs since {waited:g} s; waiting up to {seconds:g} s")
