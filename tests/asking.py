"""Queries a stack's webserver for what a person would look up in the UI."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.session.deadlines import stretched

IDLE, LONGEST_SECONDS = 4.0, 5.0
"""A check may take a fifth of the time, since what is waited for needs the processors too; and the longest
pause."""


def eventually(
    what: str, holds: Callable[[], Any], timeout_seconds: float = 120.0, every_seconds: float = 0.1
) -> Any:
    """Return the first true value of `holds`; fails at the deadline with the text and the last value.

    The deadline is one for an idle machine.
    """
    timeout_seconds = stretched(timeout_seconds)
    deadline = time.monotonic() + timeout_seconds
    while True:
        began = time.monotonic()
        seen = holds()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {timeout_seconds:g} s for {what}; last seen: {seen!r}"
        took = time.monotonic() - began
        time.sleep(max(every_seconds, min(IDLE * took, LONGEST_SECONDS)))


class Asking:
    """Queries any stack, wherever it runs: a subclass returns the address of its UI."""

    @property
    def ui(self) -> str:
        raise NotImplementedError

    def graphql(self, query: str, **variables: Any) -> Any:
        return self._ask(self.ui, query, variables)

    @staticmethod
    def _ask(ui: str, query: str, variables: dict[str, Any]) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"{ui}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=stretched(20)) as answer:
            reply = json.load(answer)
        assert "errors" not in reply, reply
        return reply["data"]

    def refused(self, query: str, **headers: str) -> str:
        """Ask as a page of another site has a browser ask, by GET. Returns the sentence of the refusal."""
        asked = Request(f"{self.ui}/graphql?{urlencode({'query': query})}", headers=headers)
        with pytest.raises(HTTPError) as raised:
            urlopen(asked, timeout=stretched(20))
        return raised.value.read().decode()

    def retry_of(self, run_id: str) -> str | None:
        """Return the run by which that one was tried again, or that somebody made of it."""
        found = self.graphql(
            """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }""",
            f={"tags": [{"key": "dagster/parent_run_id", "value": run_id}]},
        )["runsOrError"]["results"]
        return str(found[0]["runId"]) if found else None

    def assets(self, location: str, ui: str | None = None) -> list[str]:
        """Return the asset keys that the UI shows of a location; fails if it shows an error."""
        data = self._ask(
            ui or self.ui,
            """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
              __typename ... on PythonError { message } ... on RepositoryLocation { repositories {
              assetNodes { assetKey { path } } } } } } } } }""",
            {},
        )
        entries = {entry["name"]: entry for entry in data["workspaceOrError"]["locationEntries"]}
        shown = entries[location]["locationOrLoadError"]
        assert shown["__typename"] == "RepositoryLocation", shown
        return sorted(
            "/".join(node["assetKey"]["path"])
            for found in shown["repositories"]
            for node in found["assetNodes"]
        )

    def launch(
        self,
        location: str,
        job: str,
        config: dict[str, Any] | None = None,
        tags: Sequence[dict[str, str]] = (),
        assets: Sequence[str] = (),
    ) -> str:
        """Launch a job, or of an asset job only these assets. Returns the run's id."""
        chosen = {"assetSelection": [{"path": asset.split("/")} for asset in assets]} if assets else {}
        data = self.graphql(
            """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
              ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
              ... on RunConfigValidationInvalid { errors { message } } } }""",
            p={
                "selector": {
                    "repositoryLocationName": location,
                    "repositoryName": "__repository__",
                    "jobName": job,
                    **chosen,
                },
                "runConfigData": config or {},
                "executionMetadata": {"tags": list(tags)},
            },
        )
        launched = data["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def run_status(self, run_id: str) -> str:
        data = self.graphql("query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)
        return str(data["runOrError"]["status"])

    def wait_for_run(self, run_id: str, *ends: str, timeout_seconds: float = 120.0) -> str:
        wanted = ends or ("SUCCESS", "FAILURE", "CANCELED")

        def ended() -> str | None:
            status = self.run_status(run_id)
            return status if status in wanted else None

        try:
            return str(eventually(f"run {run_id} to be one of {wanted}", ended, timeout_seconds, 0.25))
        except AssertionError as late:
            told = f"it is {self.run_status(run_id)}:\n{self.messages(run_id)}"
            raise AssertionError(f"{late}\n{told}") from None

    def wait_for_success(self, run_id: str, timeout_seconds: float = 120.0) -> None:
        """Wait for success; fails with the messages on the run's page."""
        status = self.wait_for_run(run_id, timeout_seconds=timeout_seconds)
        assert status == "SUCCESS", f"{status}\n{self.messages(run_id)}"

    def terminate(self, run_id: str) -> None:
        """Terminate the run as its button does. It ends shortly afterwards."""
        told = self.graphql(
            """mutation($id: String!) { terminateRun(runId: $id) { __typename
              ... on TerminateRunFailure { message } ... on PythonError { message } } }""",
            id=run_id,
        )["terminateRun"]
        assert told["__typename"] == "TerminateRunSuccess", f"{told}\n{self.messages(run_id)}"

    def run_ids(self) -> list[str]:
        found = self.graphql("{ runsOrError(limit: 100) { ... on Runs { results { runId } } } }")
        return [str(run["runId"]) for run in found["runsOrError"]["results"]]

    def event_types(self, run_id: str) -> set[str]:
        """Return the types of the run's events: `STEP_START` and so on."""
        found = self.graphql(
            """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
              ... on MessageEvent { eventType } } } } }""",
            id=run_id,
        )["logsForRun"]["events"]
        return {str(one["eventType"]) for one in found if one.get("eventType")}

    def messages(self, run_id: str) -> str:
        """Return the messages on the run's page, a line per event."""
        events = self.graphql(
            """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
              ... on MessageEvent { message }
              ... on ErrorEvent { error { message causes { message } } } } } } }""",
            id=run_id,
        )["logsForRun"]["events"]
        return "\n".join(found.get("message", "") + str(found.get("error") or "") for found in events)


class At(Asking):
    """One of the UIs of a stack that has several."""

    def __init__(self, ui: str) -> None:
        self._ui = ui

    @property
    def ui(self) -> str:
        return self._ui

    def locations(self) -> list[str]:
        """Return the names of the locations that it shows."""
        found = self.graphql(
            "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }",
        )["workspaceOrError"]["locationEntries"]
        return sorted(one["name"] for one in found)


def next_numbers(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return each location's next release number, from the `records` of `history`, failed ones included."""
    used: dict[str, int] = {}
    for record in records:
        number = (record["release"] or {}).get("number", 0)
        used[record["location"]] = max(number, used.get(record["location"], 0))
    return {name: number + 1 for name, number in used.items()}
