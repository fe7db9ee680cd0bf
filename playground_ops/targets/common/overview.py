"""The webserver's answer about daemons, runs and ticks, as values, and the errors in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.checks.instance import is_its_own
from playground_ops.checks.ticks import is_unreached
from playground_ops.core.component import Heartbeat, Overview, Ticking, UnderWay
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.redact import redact
from playground_ops.diagnose import explain_exit


def overview(answer: dict[str, Any], now: float) -> Overview:
    """Read the answer; `now` is seconds since 1970, like the times in it."""
    entries = answer["workspaceOrError"].get("locationEntries", ())
    loaded = {entry["name"]: entry["locationOrLoadError"] or {} for entry in entries}
    return Overview(
        version=answer["version"],
        versions={name: found for name, one in loaded.items() if (found := _dagster(one))},
        heartbeats=tuple(
            _heartbeat(one, now) for one in answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        ),
        runs=tuple(_run(one, now) for one in answer["runsOrError"].get("results", ())),
        ticking=tuple(one for name, found in loaded.items() for one in _ticking(name, found, now)),
        errors={name: redact(found["message"]) for name, found in loaded.items() if "message" in found},
    )


def traceback(error: dict[str, Any]) -> str:
    """Return the error as Python prints it: the code's own exception, without Dagster's wrapping."""
    raised = error.get("cause") or error
    return "".join(("Traceback (most recent call last):\n", *raised["stack"], raised["message"]))


def _dagster(loaded: dict[str, Any]) -> str | None:
    libraries = loaded.get("dagsterLibraryVersions") or ()
    return next((str(one["version"]) for one in libraries if one["name"] == "dagster"), None)


def _heartbeat(one: dict[str, Any], now: float) -> Heartbeat:
    last = one["lastHeartbeatTime"]
    return Heartbeat(
        daemon=one["daemonType"],
        required=one["required"],
        age_seconds=None if last is None else now - last,
        errors=tuple(redact(error["message"]) for error in one["lastHeartbeatErrors"] or ()),
    )


def _run(one: dict[str, Any], now: float) -> UnderWay:
    since = one["startTime"] if one["status"] == "STARTED" else one["updateTime"]
    return UnderWay(
        run_id=one["runId"],
        job=one["jobName"],
        location=(one["repositoryOrigin"] or {}).get("repositoryLocationName"),
        status=one["status"],
        seconds=now - (since or one["creationTime"]),
    )


def _ticking(location: str, loaded: dict[str, Any], now: float) -> Iterator[Ticking]:
    for repository in loaded.get("repositories", ()):
        for kind in ("schedule", "sensor"):
            for one in repository[f"{kind}s"]:
                state = one[f"{kind}State"]
                last = next(iter(state["ticks"]), None)
                yield Ticking(
                    location=location,
                    kind="schedule" if kind == "schedule" else "sensor",
                    name=one["name"],
                    running=state["status"] == "RUNNING",
                    last=last and last["status"],
                    age_seconds=last and now - last["timestamp"],
                    every_seconds=one.get("minIntervalSeconds"),
                    error=redact(traceback(last["error"])) if last and last["error"] else "",
                )


DAEMON, DATABASE = "daemon/", "DagsterPostgresException"


def failing_ticks(errors: Mapping[str, str]) -> dict[str, Finding]:
    """Return findings for errors, given by name as Python prints them. A daemon's error is not the code's.

    Errors of Dagster's own database are left out: an outage says nothing about a release. So are a daemon's
    reports of other components' errors, which are reported for those.
    """
    return {what: _finding(what, redact(text)) for what, text in errors.items() if _counts(what, text)}


def _counts(what: str, text: str) -> bool:
    return is_its_own(text) if what.startswith(DAEMON) else DATABASE not in text


def _finding(what: str, text: str) -> Finding:
    raised = explain_exit(what, "its last tick", text)
    unreached = is_unreached(text)
    return raised.model_copy(
        update={
            "kind": FindingKind.TRANSIENT if unreached else raised.kind,
            "observed": f"Its last tick failed: {raised.observed}",
            "cause": "It did not fail before the switch.",
            "fix": "Mend what it raised and redeploy; its page in the UI has the whole error.",
            "whose": "surroundings" if unreached or what.startswith(DAEMON) else "code",
        }
    )
