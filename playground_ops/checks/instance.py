"""Checks of Dagster's daemons and runs: daemons send heartbeats without errors, and no run is stuck."""

import re
from collections.abc import Sequence

from playground_ops.checks import causes
from playground_ops.checks.causes import DAEMON, DATABASE, DEPLOY, seen
from playground_ops.core.component import Heartbeat, UnderWay, component_of
from playground_ops.core.errors import Finding, transient
from playground_ops.core.model import MAIN

OF_A_TICK = ("SensorExecutionError", "ScheduleExecutionError")
"""Errors that user code raised in a tick: `checks.ticks` reports them, the daemon is not at fault."""
OF_A_SERVER = ("DagsterUserCodeUnreachableError", "DagsterUserCodeProcessError")
"""A code server did not answer or load: this is reported for its location."""
OF_THE_DATABASE = ("DagsterPostgresException", "psycopg2.OperationalError", "sqlalchemy.exc.OperationalError")
"""Reported for the database while it lasts; a daemon repeats its errors for five minutes more
(dagster._daemon.controller, DEFAULT_DAEMON_ERROR_INTERVAL_SECONDS)."""
OF_OTHERS = (*OF_A_TICK, *OF_A_SERVER, *OF_THE_DATABASE)
KNOWN = (
    (
        r"InstigatorState \w+ is already present in storage",
        "A schedule has the name that a sensor of its location has or had, or the reverse: Dagster keeps one "
        "state for both names, and can't tick either.",
        "Give one of them another name and redeploy.",
    ),
)
"""A pattern for the daemon's error, the likely cause, and what to do."""
SILENT_SECONDS = 180.0
"""Six heartbeats: they come every 30 s (dagster._daemon.controller), later where one tick takes longer."""


def check_daemons(heartbeats: Sequence[Heartbeat], deployment: str = MAIN) -> list[Finding]:
    """Return what is wrong with the daemon of a deployment; nothing where it has none."""
    daemon, database = (component_of(one, deployment) for one in (DAEMON, DATABASE))
    required = [found for found in heartbeats if found.required]
    silent = [found for found in required if (found.age_seconds or SILENT_SECONDS) >= SILENT_SECONDS]
    found: list[Finding] = []
    if silent:
        told = _silent(daemon, silent, len(required))
        follows = [causes.missing(daemon), daemon, database, DEPLOY]
        found.append(seen(told, explains=[daemon], follows=follows))
    own = [(one, [*filter(is_its_own, one.errors)]) for one in required if one not in silent]
    return found + [_failing(daemon, one, errors) for one, errors in own if errors]


def is_its_own(error: str) -> bool:
    """Return False for errors that are reported for what raised them, where somebody can fix them."""
    return not any(name in error for name in OF_OTHERS)


def _silent(daemon: str, silent: Sequence[Heartbeat], required: int) -> Finding:
    names = ", ".join(found.daemon.lower() for found in silent)
    ages = [found.age_seconds for found in silent if found.age_seconds is not None]
    since = f"since {min(ages) / 60:.0f} min" if ages else "ever"
    all_of_it = len(silent) == required
    return transient(
        object=f"component/{daemon}",
        observed=f"Not heard of {since}: {names}.",
        cause="The daemon's process is down, hangs, or does not reach the database."
        if all_of_it
        else "One of its loops is stuck, as a rule in a sensor or a schedule that does not return.",
        fix=f"`logs {daemon}` shows its last words. Until it is back no run is taken from the queue, and "
        "nothing ticks."
        if all_of_it
        else f"`logs {daemon}` shows where. What ticks in that loop waits until it returns.",
        whose="surroundings",
    )


def _failing(daemon: str, one: Heartbeat, errors: Sequence[str]) -> Finding:
    first = errors[0].strip()
    cause, fix = next(
        ((cause, fix) for words, cause, fix in KNOWN if re.search(words, first)),
        (
            first.splitlines()[0] if first else "It does not say which.",
            f"`logs {daemon}` and the Daemons page have the whole error.",
        ),
    )
    return transient(
        object=f"{daemon}/{one.daemon.lower()}",
        observed=f"It reports {len(errors)} error{'s' * (len(errors) > 1)} with its last heartbeat.",
        cause=cause,
        fix=fix,
        evidence="\n\n".join(errors),
        whose="surroundings",
    )


QUEUED_SECONDS = 600.0
STARTING_SECONDS = 300.0
"""Dagster's monitoring gives a run 180 s to start (`start_timeout_seconds`); this is somewhat longer."""
CANCELING_SECONDS = 300.0
"""Dagster's monitoring gives a run 180 s to cancel (`cancel_timeout_seconds`); this is somewhat longer."""


def check_runs(runs: Sequence[UnderWay], deployment: str = MAIN) -> dict[str, list[Finding]]:
    """Return findings by location; runs without one are under the daemon, which would have to start them."""
    daemon = component_of(DAEMON, deployment)
    found: dict[str, list[Finding]] = {}
    for run in runs:
        if finding := _stuck(run, daemon):
            found.setdefault(run.location or daemon, []).append(finding)
    return found


def _stuck(run: UnderWay, daemon: str) -> Finding | None:
    if run.status == "QUEUED" and run.seconds > QUEUED_SECONDS:
        told = _finding(
            run,
            "The daemon is down, or a limit of concurrency (`run_queue`, a pool, a tag) lets no more begin.",
            "Its page says what it waits for. End what holds it, raise the limit, or terminate it in the UI.",
        )
        return seen(told, follows=[causes.missing(daemon), daemon])
    found = _on_its_way(run)
    return seen(found, follows=[causes.location(run.location)]) if found and run.location else found


def _on_its_way(run: UnderWay) -> Finding | None:
    if run.status in ("STARTING", "NOT_STARTED") and run.seconds > STARTING_SECONDS:
        return _finding(
            run,
            "The server, or the pod, that was to begin it has died or was never made.",
            "Terminate it in the UI with the box for force ticked, and launch it again.",
        )
    if run.status == "CANCELING" and run.seconds > CANCELING_SECONDS:
        return _finding(
            run,
            "Its process does not end, or its server is gone and nobody can tell it to.",
            "Terminate it in the UI with the box for force ticked: that marks it, and stops nothing.",
        )
    return None


def _finding(run: UnderWay, cause: str, fix: str) -> Finding:
    return transient(
        object=f"run/{run.run_id}",
        observed=f"{run.job} is {run.status} for {run.seconds / 60:.0f} min.",
        cause=cause,
        fix=fix,
        whose="surroundings",
    )
