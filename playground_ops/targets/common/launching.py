"""Runs that the stack itself launches through a deployment's webserver, and how they go.

Launched there, a run gets what one from the UI gets: the queue, the launcher and the release that serves.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.produced import Launch, RunSeen
from playground_ops.core.redact import redact
from playground_ops.diagnose.exceptions import last_raised
from playground_ops.targets.common.overview import traceback
from playground_ops.targets.common.webserver import Webserver, WebserverDown

MARK = "playground/launch"
"""A tag with a value that no other run has."""
LAUNCH_SECONDS = 60.0
"""Without a queue the webserver has the run started before it answers."""
ASSET_JOB = "__ASSET_JOB"
"""The job of Dagster that materializes any selection of assets."""
_KEYS = """query($of: RepositorySelector!) { repositoryOrError(repositorySelector: $of) {
  ... on Repository { assetNodes { assetKey { path } } } } }"""
_LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } }
  ... on Error { message } } }"""
_LAUNCHED = """query($f: RunsFilter!) { runsOrError(filter: $f, limit: 1) { ... on Runs { results {
  runId } } } }"""
_RUN = """query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"""
_FAILURES = """query($id: ID!, $after: String) { logsForRun(runId: $id, afterCursor: $after, limit: 500) {
  ... on EventConnection { cursor hasMore events { __typename ... on MessageEvent { message }
  ... on ErrorEvent { error { message stack cause { message stack } } } } } } }"""
_FAILED = ("ExecutionStepFailureEvent", "RunFailureEvent")
MOST_PAGES = 100
"""With 500 events each. A run that says more than that is not read to its end for a sentence."""
UNDER_WAY = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")


def launch(webserver: Webserver, asked: Launch) -> str:
    """Launch the run; return its id. Raises WebserverDown, and PlaygroundError where Dagster refuses it.

    A launch whose answer does not come may have been made: its run is looked for by a tag of its own.
    """
    where = {"repositoryLocationName": asked.location, "repositoryName": asked.repository}
    selected = [{"path": path} for path in _paths(webserver, asked)]
    mark = {"key": MARK, "value": uuid4().hex}
    params = {
        "selector": {**where, "jobName": ASSET_JOB, "assetSelection": selected},
        "runConfigData": {},
        "executionMetadata": {
            "tags": [mark, *({"key": name, "value": asked.tags[name]} for name in asked.tags)]
        },
    }
    try:
        answer = webserver.ask(_LAUNCH, {"p": params}, seconds=LAUNCH_SECONDS)["launchRun"]
    except WebserverDown:
        made = webserver.ask(_LAUNCHED, {"f": {"tags": [mark]}})["runsOrError"].get("results", ())
        if not made:
            raise
        return str(made[0]["runId"])
    if answer["__typename"] == "LaunchRunSuccess":
        return str(answer["run"]["runId"])
    errors = [one["message"] for one in answer.get("errors") or ()]
    raise PlaygroundError(_refused(asked, "; ".join(errors) or answer.get("message") or answer["__typename"]))


def _paths(webserver: Webserver, asked: Launch) -> list[Sequence[str]]:
    """Return the components of the keys: one may have a slash, so the text does not say what they are."""
    of = {"repositoryLocationName": asked.location, "repositoryName": asked.repository}
    nodes = webserver.ask(_KEYS, {"of": of})["repositoryOrError"].get("assetNodes", ())
    known = {"/".join(node["assetKey"]["path"]): node["assetKey"]["path"] for node in nodes}
    if missing := [key for key in asked.keys if key not in known]:
        raise PlaygroundError(_not_shown(asked, missing))
    return [known[key] for key in asked.keys]


def seen(webserver: Webserver, run_id: str) -> RunSeen:
    """Return the state of a run, and why it failed. Raises WebserverDown."""
    found = webserver.ask(_RUN, {"id": run_id})["runOrError"]
    if found["__typename"] != "Run":
        return RunSeen(status="deleted", finding=_ended(run_id, "It was deleted while it was waited for."))
    status = str(found["status"])
    if status == "SUCCESS" or status in UNDER_WAY:
        return RunSeen(status=status)
    if status == "CANCELED":
        return RunSeen(status=status, finding=_ended(run_id, "It was canceled."))
    return RunSeen(status=status, finding=_failure(run_id, [*_failures(webserver, run_id)]))


def _failures(webserver: Webserver, run_id: str) -> Iterator[Mapping[str, Any]]:
    """Yield the events by which a step, or else the run, failed; in order."""
    after = None
    for _ in range(MOST_PAGES):
        page = webserver.ask(_FAILURES, {"id": run_id, "after": after})["logsForRun"]
        yield from (event for event in page.get("events", ()) if event["__typename"] in _FAILED)
        if not page.get("hasMore"):
            return
        after = page["cursor"]


def _failure(run_id: str, events: Sequence[Mapping[str, Any]]) -> Finding:
    event = next((one for one in events if one.get("error")), events[0] if events else {})
    said = " ".join(redact(event.get("message") or "It failed.").split())
    text = redact(traceback(event["error"])) if event.get("error") else ""
    raised = last_raised(text)
    if raised is None:
        return certain(
            object=f"run/{run_id}",
            observed=said,
            cause="Its own events say no more.",
            fix="Its page has its log.",
            evidence=text,
        )
    where = f" ({raised.where})" if raised.where else ""
    return certain(
        object=f"run/{run_id}",
        observed=f"It failed: {raised.sentence}{where}",
        cause=said,
        fix="Mend what it raised, or what the code needs there.",
        evidence=raised.excerpt,
    )


def _ended(run_id: str, observed: str) -> Finding:
    return certain(
        object=f"run/{run_id}",
        observed=observed,
        cause="Somebody did that, in the UI or by the API.",
        fix="Run the command again.",
        whose="surroundings",
    )


def _refused(asked: Launch, said: str) -> Finding:
    return certain(
        object=f"location/{asked.location}",
        observed=f"Dagster launches no run of {', '.join(asked.keys)}: {redact(said)}",
        cause="The assets can't be materialized together, or they need a configuration or a partition.",
        fix="Materialize them in the UI, then compare what is there by `--assets` alone.",
    )


def _not_shown(asked: Launch, keys: Sequence[str]) -> Finding:
    return transient(
        object=f"location/{asked.location}",
        observed=f"The webserver of its deployment does not show {', '.join(keys)}.",
        cause="It shows another release than the one that serves, or none.",
        fix="`health` says more; then run the command again.",
    )
