"""One release's server: started, observed, waited for, tested by its smoke job or check."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from playground_ops.config.dagster_plus import dagster_plus_variables
from playground_ops.core.errors import Finding, PlaygroundError, RolloutFailed, transient
from playground_ops.core.model import Observation, Release, ServerStatus
from playground_ops.core.target import Say
from playground_ops.diagnose import explain_exit
from playground_ops.render.runs import CONTEXT
from playground_ops.targets.common import origins, smoke
from playground_ops.targets.common.process_variables import Given, variables
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.server_protocol import NoAnswer, connected, is_serving
from playground_ops.targets.common.smoke import SmokeTest
from playground_ops.targets.local import environment_files
from playground_ops.targets.local.control import started_at
from playground_ops.targets.local.own_variables import own_variables
from playground_ops.targets.local.processes import MARKER, ProcessSpec

if TYPE_CHECKING:
    from playground_ops.targets.local.components import LocalStack
    from playground_ops.targets.packages.environments import Environment


T = TypeVar("T")


def observe(stack: LocalStack, release: Release, log_tail: str) -> Observation:
    process = stack.process(release.name)
    if process is None:
        finding = explain_exit(f"release/{release.name}", "its process is not there", "")
        return Observation(status=ServerStatus.FAILED, message="no process", finding=finding)
    if not process.running and process.restart == "never":
        finding = explain_exit(f"release/{release.name}", process.exit_text, log_tail)
        finding = environment_files.of_this_shell(finding, log_tail, partial(started_at, stack.folder.root))
        return Observation(status=ServerStatus.FAILED, message=process.exit_text, finding=finding)
    if process.running and is_serving(f"unix:{stack.addresses.own(release)}"):
        return Observation(status=ServerStatus.READY, message="the server answers")
    message = f"the server (pid {process.pid}) does not answer yet: it imports its definitions, or it hangs"
    return Observation(status=ServerStatus.STARTING, message=message)


def wait(stack: LocalStack, release: Release, seconds: float) -> None:
    """Return when the process starts, ends or begins to answer, or after `seconds`.

    A server that answers already can only end: then only that is waited for.
    """
    address = f"unix:{stack.addresses.own(release)}"
    if is_serving(address):
        stack.wait_for_process(release.name, seconds)
        return
    changed = threading.Event()

    def watch_the_process() -> None:
        stack.wait_for_process(release.name, seconds)
        changed.set()

    threading.Thread(target=watch_the_process, daemon=True).start()
    with connected(address, changed):
        changed.wait(seconds)


def answered(release: Release, asked: Callable[[], T]) -> T:
    """Return the server's answer. Raises PlaygroundError where it gives none."""
    try:
        return asked()
    except NoAnswer as error:
        raise PlaygroundError(_no_answer(release, error)) from error


def _no_answer(release: Release, error: NoAnswer) -> Finding:
    return transient(
        object=f"release/{release.name}",
        observed=f"Its server does not answer: {error}",
        cause="It hangs, or the machine has more to do than it can." if error.is_late else "It has ended.",
        fix=f"`status` and `logs {release.location.name}` say more; then redeploy.",
    )


def run_smoke(stack: LocalStack, release: Release, say: Say) -> None:
    """Run the smoke tests that the location names, if any. Raises RolloutFailed when one fails."""
    for test in smoke.wanted(release):
        say(test.waiting())
        _run_smoke(stack, test, say)


def _run_smoke(stack: LocalStack, test: SmokeTest, say: Say) -> None:
    project, environment = stack.code.prepare(test.release, lambda message: None)
    server = server_spec(stack, test.release, project, environment)
    marker = f"{os.path.realpath(stack.folder.root)}::{test.release.name}-smoke"
    process = subprocess.Popen(
        [str(environment.python), "-c", smoke.SCRIPT, *project.load_arguments, *test.arguments],
        cwd=server.cwd,
        env={**stack.control().variables(), **server.secrets, **server.env, MARKER: marker},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = _output_of(process, test.seconds, say)
    except subprocess.TimeoutExpired as error:
        raise RolloutFailed(test.too_late()) from error
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise RolloutFailed(test.failed(output))


def _output_of(process: subprocess.Popen[str], seconds: float, say: Say) -> str:
    """Return the output. Raises TimeoutExpired, and what `say` raises when the rollout is cancelled."""
    waited = 0.0
    while True:
        try:
            return process.communicate(timeout=min(smoke.TELL_SECONDS, seconds - waited))[0]
        except subprocess.TimeoutExpired:
            waited += smoke.TELL_SECONDS
            if waited >= seconds:
                raise
            say(f"it runs since {waited:g} s; waiting up to {seconds:g} s")


def server_spec(
    stack: LocalStack, release: Release, project: Project, environment: Environment
) -> ProcessSpec:
    """Return the process of a candidate: it is not restarted when it dies, so that its end is seen.

    Raises PlaygroundError (certain) for the project's `.env`, and for files that the configuration names.
    """
    own = {
        **stack.environment_of(release.location),
        **own_variables(release, stack.folder.instance(release.location.deployment).dagster_home),
        CONTEXT: origins.context_of(release),
    }
    from_files = environment_files.given(release.location)
    configured = {**dagster_plus_variables(release), **from_files, **own}
    given = Given(inherited=stack.control().variables(), configured=configured)
    env = variables(given, project, environment.python)
    secrets = {
        name: env.pop(name) for name in from_files if name not in own and env[name] == from_files[name]
    }
    return ProcessSpec(
        name=release.name,
        argv=(
            str(environment.python),
            *("-m", "dagster", "api", "grpc"),
            *("--socket", str(stack.addresses.own(release))),
            *project.load_arguments,
            *("--location-name", release.location.name),
            "--use-python-environment-entry-point",
        ),
        cwd=str(project.directory),
        env=env,
        secrets=secrets,
        restart="never",
        grace_seconds=float(release.location.longest_run_seconds),
    )
