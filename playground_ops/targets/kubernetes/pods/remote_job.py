"""Running a command of this project inside the cluster, and hearing what it says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from playground_ops.config import OPS, Configuration
from playground_ops.core.decisions import serving
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.model import Release
from playground_ops.core.redact import redact
from playground_ops.core.target import Say
from playground_ops.diagnose.pods import Collected, is_certain, look
from playground_ops.render import jobs
from playground_ops.render.jobs import Command
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.objects.applying import apply_object, delete
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases

LOOK_SECONDS, DOUBT_SECONDS = 10.0, 2.0
LOG_SECONDS = 3600.0
LOST = 137
"""As of a container that was killed: its pod is not there any more, and said nothing about its end."""


@dataclass(frozen=True)
class Listener:
    """Who hears the lines of a command, and who is told what is waited for."""

    hear: Callable[[str], None]
    say: Say


def run(
    connection: Connection, configuration: Configuration, project: Path, command: Command, listener: Listener
) -> int:
    """The command's exit code.

    Raises PlaygroundError when it can't be started. Whoever stops hearing it does not stop it.
    """
    made = archive.named(project, configuration.kubernetes.namespace)
    release = None if command.arguments[0] == "deploy" else _of_ops(connection, configuration)
    if release is None and connection.get(path(made)) is None:
        apply_object(connection, archive.archive(project, configuration.kubernetes.namespace))
    name = f"playground-ops-{uuid4().hex[:8]}"
    job = jobs.remote_job(configuration, name, made["metadata"]["name"], command, release)
    return run_job(connection, job, "the rollouts' own pod", listener)


def _of_ops(connection: Connection, configuration: Configuration) -> Release | None:
    """What serves as `ops`, where that is from git: its code and configuration are what is in force.

    `deploy` alone is done as the clone has it: it brings what a person applies, and makes first releases.
    """
    now = serving(Releases(connection, configuration.kubernetes.namespace).all(OPS.name))
    return now.release if now and now.release.revision.repository else None


def run_job(connection: Connection, job: dict[str, Any], what: str, listener: Listener) -> int:
    """The exit code of its one container; the Job is gone afterwards. `what` it is, in words.

    Raises PlaygroundError when it can't be started.
    """
    connection.request("POST", collection("batch/v1", "Job", job["metadata"]["namespace"]), job)
    heard: dict[str, int] = {}
    ended: set[str] = set()
    while True:
        pod = _started(connection, job, what, ended, listener)
        _hear(connection, pod, heard, listener)
        code = _exit_code(connection, pod)
        if code is None:
            continue
        ended.add(pod["metadata"]["uid"])
        if not _goes_on(connection, job, code):
            delete(connection, path(job))
            return code
        listener.say(f"{what} was lost; another one takes over")


def _started(
    connection: Connection, job: dict[str, Any], what: str, ended: Collection[str], listener: Listener
) -> dict[str, Any]:
    """Its newest pod that is not in `ended`, once its container runs or has ended. Raises PlaygroundError."""
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    folder, selector = collection("v1", "Pod", namespace), f"batch.kubernetes.io/job-name={name}"
    told = ""
    while True:
        listed = connection.request("GET", folder, query={"labelSelector": selector})
        fresh = [pod for pod in listed["items"] if pod["metadata"]["uid"] not in ended]
        pods = sorted(fresh, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        seen = look(Collected(pods[-1])) if pods else None
        if pods and _state(pods[-1]) in ("running", "terminated"):
            return dict(pods[-1])
        finding = seen.finding if seen is not None else None
        if finding is not None and is_certain(finding, pods[-1], connection.now()):
            delete(connection, path(job))
            raise PlaygroundError(finding)
        if not pods and ended and not _is_active(connection, job):
            raise PlaygroundError(_lost(name))
        message = f"{what}: {seen.message if seen else 'to be made'}"
        if message != told:
            listener.say(f"waiting for {message}")
            told = message
        query = {
            "watch": "1",
            "labelSelector": selector,
            "resourceVersion": str(listed["metadata"]["resourceVersion"]),
        }
        next(lines(connection, folder, query, DOUBT_SECONDS if finding else LOOK_SECONDS), None)


def _hear(connection: Connection, pod: dict[str, Any], heard: dict[str, int], listener: Listener) -> None:
    """To the end of its log; what was heard before a connection broke is not heard again."""
    name = pod["metadata"]["name"]
    query = {"follow": "true", "container": _only(pod)}
    with suppress(Refusal):  # its pod is gone, or its container not yet quite there
        for number, line in enumerate(lines(connection, f"{_path(pod)}/log", query, LOG_SECONDS)):
            if number >= heard.get(name, 0):
                heard[name] = number + 1
                listener.hear(redact(line.decode(errors="replace")))


def _exit_code(connection: Connection, pod: dict[str, Any]) -> int | None:
    """None while it runs."""
    found = connection.get(_path(pod))
    if found is None:
        return LOST
    ended = _container(found).get("state", {}).get("terminated")
    return int(ended["exitCode"]) if ended else None


def _goes_on(connection: Connection, job: dict[str, Any], code: int) -> bool:
    """Whether the Job starts another pod: this one was lost, and said nothing of its own accord."""
    if code in (0, jobs.FAILED, jobs.WRONG):
        return False
    return _is_active(connection, job)


def _is_active(connection: Connection, job: dict[str, Any]) -> bool:
    found = connection.get(path(job))
    conditions = (found or {}).get("status", {}).get("conditions", ())
    return found is not None and not any(one["type"] in ("Failed", "Complete") for one in conditions)


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    found = pod.get("status", {}).get("containerStatuses", ())
    return dict(found[0]) if found else {}


def _only(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["containers"][0]["name"])


def _state(pod: dict[str, Any]) -> str:
    return next(iter(_container(pod).get("state", {})), "")


def _path(pod: dict[str, Any]) -> str:
    return path({**pod, "apiVersion": "v1", "kind": "Pod"})


def _lost(name: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"job/{name}",
        observed="Its pods were lost, one after the other, and it makes no more of them.",
        cause="Nodes went away, or somebody deletes them; what serves goes on serving.",
        fix="Run the command again: it goes on from where this one was.",
    )
