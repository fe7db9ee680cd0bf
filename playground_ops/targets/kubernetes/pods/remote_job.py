"""Runs a command of this project inside the cluster, and passes its output on."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from playground_ops.config import OPS, Configuration
from playground_ops.core.decisions import serving
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.model import Release
from playground_ops.core.pod import Pod, newest
from playground_ops.core.redact import redact
from playground_ops.core.target import Say
from playground_ops.diagnose.pods import Collected, assess, is_certain
from playground_ops.render import jobs
from playground_ops.render.jobs import Command
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import DOUBT_SECONDS, LIST_SECONDS, lines, states
from playground_ops.targets.kubernetes.objects.applying import delete
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases

LOG_SECONDS = 3600.0
LOST = 137
"""The exit code of a killed container, assumed where the pod is gone before it reported one."""


@dataclass(frozen=True)
class Listener:
    """Callbacks for a command's lines, and for what is being waited for."""

    hear: Callable[[str], None]
    say: Say


def run(
    connection: Connection, configuration: Configuration, project: Path, command: Command, listener: Listener
) -> int:
    """Return the command's exit code. Raises PlaygroundError when it can't be started.

    The command goes on when its caller is interrupted.
    """
    namespace = configuration.kubernetes.namespace
    release = None if command.arguments[0] == "deploy" else _of_ops(connection, configuration)
    if release and (its_own := Releases(connection, namespace).archive(release)):
        code = its_own
    else:
        code = archive.ensure(connection, project, namespace, {})
    name = f"playground-ops-{uuid4().hex[:8]}"
    job = jobs.remote_job(configuration, name, code, command, release)
    return run_job(connection, job, "the rollouts' own pod", listener)


def _of_ops(connection: Connection, configuration: Configuration) -> Release | None:
    """Return the release that serves as `ops` if it is from git: its code and configuration are in force.

    Only `deploy` runs from the clone: it applies what a person changed, and makes first releases.
    """
    now = serving(Releases(connection, configuration.kubernetes.namespace).all(OPS.name))
    return now.release if now and now.release.revision.repository else None


def run_job(connection: Connection, job: dict[str, Any], what: str, listener: Listener) -> int:
    """Run a Job, called `what`, and delete it. Returns its container's exit code. Raises PlaygroundError."""
    connection.request("POST", collection("batch/v1", "Job", job["metadata"]["namespace"]), job)
    heard: dict[str, int] = {}
    ended: set[str] = set()
    while True:
        pod = _started(connection, job, what, ended, listener)
        _hear(connection, pod, heard, listener)
        code = _exit_code(connection, pod)
        if code is None:
            continue
        ended.add(pod.uid)
        if not _goes_on(connection, job, code):
            delete(connection, path(job))
            return code
        listener.say(f"{what} was lost; another one takes over")


def _started(
    connection: Connection, job: dict[str, Any], what: str, ended: Collection[str], listener: Listener
) -> Pod:
    """Return its newest pod not in `ended`, once it runs or has ended. Raises PlaygroundError."""
    name, told, state = job["metadata"]["name"], "", None
    chosen = Selection(job["metadata"]["namespace"], f"batch.kubernetes.io/job-name={name}")

    def good_for() -> float:
        return DOUBT_SECONDS if state and state.finding else LIST_SECONDS

    for pods in states(connection, chosen, good_for=good_for):
        pod = newest(one for one in pods if one.uid not in ended)
        state = assess(Collected(pod)) if pod else None
        if pod and (pod.is_running or pod.exit_code is not None):
            return pod
        if pod and state and state.finding and is_certain(state.finding, pod, connection.now()):
            delete(connection, path(job))
            raise PlaygroundError(state.finding)
        if not pod and ended and not _is_active(connection, job):
            break
        if (
            message := f"waiting for {what}: {state.message if state else 'its pod is not made yet'}"
        ) != told:
            listener.say(message)
            told = message
    raise PlaygroundError(_lost(name))


def _hear(connection: Connection, pod: Pod, heard: dict[str, int], listener: Listener) -> None:
    """Read its log to the end, without the lines that were heard before a connection broke."""
    where, query = f"{path(pod.reference)}/log", {"follow": "true", "container": pod.main[0].name}
    with suppress(Refusal):  # its pod is gone, or its container not yet quite there
        for number, line in enumerate(lines(connection, where, query, LOG_SECONDS)):
            if number >= heard.get(pod.name, 0):
                heard[pod.name] = number + 1
                listener.hear(redact(line.decode(errors="replace")))


def _exit_code(connection: Connection, pod: Pod) -> int | None:
    """Return its exit code; None while it runs."""
    found = connection.get(path(pod.reference))
    return LOST if found is None else Pod.read(found).exit_code


def _goes_on(connection: Connection, job: dict[str, Any], code: int) -> bool:
    """Return whether the Job starts another pod because this one was lost, not ended by itself."""
    return code not in (0, jobs.FAILED, jobs.WRONG) and _is_active(connection, job)


def _is_active(connection: Connection, job: dict[str, Any]) -> bool:
    found = connection.get(path(job))
    conditions = (found or {}).get("status", {}).get("conditions", ())
    return found is not None and not any(one["type"] in ("Failed", "Complete") for one in conditions)


def _lost(name: str) -> Finding:
    return transient(
        object=f"job/{name}",
        observed="Its pods were lost, one after the other, and it makes no more of them.",
        cause="Nodes went away, or somebody deletes them; what serves goes on serving.",
        fix="Run the command again: it goes on from where this one was.",
    )
