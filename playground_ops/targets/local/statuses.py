"""The status of a stack's processes on one machine, and of the supervisor that they stand on."""

from pathlib import Path
from typing import Literal, NamedTuple

from playground_ops.checks.components import UNHEARD
from playground_ops.core.component import ComponentStatus, End
from playground_ops.core.errors import Finding, transient
from playground_ops.targets.common.webserver import Webserver, WebserverDown
from playground_ops.targets.local.control import Control, NoSupervisor
from playground_ops.targets.local.processes import ProcessState

Kind = Literal["webserver", "daemon", "location"]


def status(name: str, kind: Kind, process: ProcessState | None, lacks: str = "") -> ComponentStatus:
    """Return a process's status; `lacks` says why a process that runs is not ready."""
    if process is None:
        return ComponentStatus(name=name, kind=kind, ready=False, message="its process is not there")
    return ComponentStatus(
        name=name,
        kind=kind,
        ready=process.running and not lacks,
        since=process.since,
        restarts=process.restarts,
        last_end=_last_end(process),
        message=lacks if process.running else process.exit_text,
    )


class Named(NamedTuple):
    """A component, and its process if there is one."""

    name: str
    process: ProcessState | None


def process_statuses(url: str, webserver: Named, daemon: Named | None) -> list[ComponentStatus]:
    """Return both statuses, by one query where all is well: a webserver that reports a daemon answers.

    `daemon`: None where the deployment has none.
    """
    asked = Webserver(url)
    try:
        missing, answers = asked.unhealthy_daemons(), True
        unheard = f"it has no heartbeat of {', '.join(missing)}" if missing else ""
    except WebserverDown:
        unheard, answers = UNHEARD, asked.answers()
    silent = "" if answers else f"it does not answer at {url}"
    found = [status(webserver.name, "webserver", webserver.process, silent)]
    return [*found, status(daemon.name, "daemon", daemon.process, unheard)] if daemon else found


def _last_end(process: ProcessState) -> End | None:
    """Return the end of the replaced process; `since` is a new process's start, right after that end."""
    if not process.restarts or process.since is None:
        return None
    return End(at=process.since, how=process.exit_text or "how is not known")


def supervisor_status(state: Path) -> list[ComponentStatus]:
    """Return its status where none answers: all other processes stand on it."""
    try:
        Control(state).hello()
    except NoSupervisor:
        told = {"message": "nobody answers", "finding": _not_there()}
        return [ComponentStatus(name="supervisor", kind="supervisor", ready=False, **told)]
    return []


def _not_there() -> Finding:
    return transient(
        object="process/supervisor",
        observed="No supervisor answers: what ends is not started again.",
        cause="The stack is down, the machine was started anew, or the supervisor was killed or hangs.",
        fix="`deploy` starts it, and what is to run; what runs goes on.",
        whose="surroundings",
    )
