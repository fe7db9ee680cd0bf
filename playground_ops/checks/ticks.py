"""Checks of schedules and sensors: none fails, none is stuck, none is on in two locations."""

from collections import defaultdict
from collections.abc import Sequence

from playground_ops.checks import causes
from playground_ops.checks.causes import DAEMON, seen
from playground_ops.core.component import Ticking, component_of
from playground_ops.core.errors import Finding, FindingKind, certain, transient
from playground_ops.core.model import MAIN
from playground_ops.diagnose import explain_exit

WHILE = " while it is imported"
"""Part of the causes that a starting server reports; it does not apply to a tick, which comes later."""
TOOK_TOO_LONG = "timed out due to taking longer than"
UNREACHED = ("Could not reach user code server", "Unable to reach the user code server")
"""Messages of Dagster (dagster._grpc.client, dagster._daemon.sensor); other text may surround them."""
LATE_FACTOR, LATE_SECONDS = 5.0, 300.0
"""A sensor is late when it has not ticked for five of its intervals, and for five minutes."""


def check(found: Sequence[Ticking], deployment: str = MAIN) -> dict[str, list[Finding]]:
    """Return the findings by location; all are of one deployment."""
    daemon = component_of(DAEMON, deployment)
    on = [one for one in found if one.running]
    findings: dict[str, list[Finding]] = defaultdict(list)
    for one in on:
        if one.last == "FAILURE":
            findings[one.location].append(_fails(one))
        elif _is_late(one):
            findings[one.location].append(seen(_late(one, daemon), follows=[causes.missing(daemon), daemon]))
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in on:
        places[one.kind, one.name].append(one.location)
    for (kind, name), locations in places.items():
        for location in locations[1:]:
            findings[location].append(_twice(kind, name, location, locations[0]))
    return dict(findings)


def _is_late(one: Ticking) -> bool:
    if one.every_seconds is None or one.age_seconds is None:
        return False
    return one.age_seconds > max(LATE_SECONDS, LATE_FACTOR * one.every_seconds)


def _fails(one: Ticking) -> Finding:
    what = f"{one.kind}/{one.name}"
    if TOOK_TOO_LONG in one.error:
        return seen(_took_too_long(what, one.location), follows=[causes.location(one.location)])
    if is_unreached(one.error):
        return seen(_unreached(what, one.location), follows=[causes.location(one.location)])
    raised = explain_exit(what, "its last tick", one.error)
    imported = "Importing the definitions"
    return raised.model_copy(
        update={
            "kind": FindingKind.TRANSIENT,
            "observed": f"Its last tick failed: {raised.observed}",
            "cause": raised.cause.replace(imported, f"Its {one.kind}'s function").replace(WHILE, ""),
            "fix": f"Its page in the UI has the whole error; mend it and redeploy {one.location}, or "
            f"`rollback {one.location}`.",
        }
    )


def is_unreached(error: str) -> bool:
    """Return whether the tick failed because no server was reached, before any user code ran."""
    return any(words in error for words in UNREACHED)


def _unreached(what: str, location: str) -> Finding:
    return transient(
        object=what,
        observed=f"Its last tick did not reach the server of {location}.",
        cause="The server hung, ended or made way for another one at that moment.",
        fix=f"Nothing, if the next tick is well: until then this is told. Else `logs {location}`.",
        whose="surroundings",
    )


def _took_too_long(what: str, location: str) -> Finding:
    return transient(
        object=what,
        observed="Its last tick took longer than Dagster waits for one.",
        cause=f"Its function does too much at once, or the server of {location} hung.",
        fix="Have it do less in a tick (a cursor helps); its page in the UI says how long it may take.",
    )


def _late(one: Ticking, daemon: str) -> Finding:
    return transient(
        object=f"{one.kind}/{one.name}",
        observed=f"It last ticked {(one.age_seconds or 0) / 60:.0f} min ago and is to tick every "
        f"{one.every_seconds:g} s.",
        cause="The daemon is down or has too much to do, or an earlier tick of it does not return.",
        fix=f"Look at its last tick's page and at `logs {daemon}`.",
        whose="surroundings",
    )


def _twice(kind: str, name: str, location: str, other: str) -> Finding:
    return certain(
        object=f"{kind}/{name}",
        observed=f"It is on in {location} and in {other}.",
        cause="Both are loaded from the same code, and each ticks for itself: what it launches runs twice.",
        fix=f"`automation: off` for one of them, or switch it off in the UI for {location}.",
        whose="surroundings",
    )
