"""The webserver's GraphQL API, for what only it knows: what a person sees of each location."""

import json
import time
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from playground_ops.core.component import Overview
from playground_ops.core.loaded import Shown
from playground_ops.targets.common.awaited import RETRIED_WITHIN_SECONDS, Pending
from playground_ops.targets.common.overview import overview, traceback

_ENTRIES = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  __typename ... on RepositoryLocation { serverId } ... on PythonError { message } } } } } }"""
_RELOAD = """mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename } }"""
_RELOAD_WORKSPACE = "mutation { reloadWorkspace { __typename } }"
_ASSET_KEYS = """{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name }
  assetNodes { assetKey { path } isExecutable } } } } }"""
_IN_FLIGHT = """{ runsOrError(filter: {statuses: [STARTED, CANCELING]}) { ... on Runs { results {
  runId repositoryOrigin { repositoryLocationName } } } } }"""
_LAUNCHING = """query($since: Float!) {
  runsOrError(filter: {statuses: [STARTING], updatedAfter: $since}) { ... on Runs { results {
  runId repositoryOrigin { repositoryLocationName } } } } }"""
_PENDING = """query($since: Float!) {
  left: runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) { ...r }
  failed: runsOrError(filter: {statuses: [FAILURE], updatedAfter: $since,
    tags: [{key: "dagster/will_retry", value: "true"}]}) { ...r } }
  fragment r on RunsOrError { ... on Runs { results { runId status startTime tags { key value }
    repositoryOrigin { repositoryLocationName } } } }"""
_TROUBLES = """{ instance { daemonHealth { allDaemonStatuses { daemonType
  lastHeartbeatErrors { message } } } } workspaceOrError { ... on Workspace { locationEntries { name
  locationOrLoadError { ... on RepositoryLocation { repositories {
  sensors { name sensorState { ...t } } schedules { name scheduleState { ...t } } } } } } } } }
  fragment t on InstigationState { status ticks(limit: 1) { status error { message stack
  cause { message stack } } } }"""
_OVERVIEW = """{ version instance { daemonHealth { allDaemonStatuses { daemonType required lastHeartbeatTime
  lastHeartbeatErrors { message } } } } workspaceOrError { ... on Workspace { locationEntries { name
  locationOrLoadError { ... on PythonError { message } ... on RepositoryLocation {
  dagsterLibraryVersions { name version } repositories {
  sensors { name minIntervalSeconds sensorState { ...t } }
  schedules { name scheduleState { ...t } } } } } } } }
  runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}, limit: 500) {
    ... on Runs { results { runId jobName status creationTime startTime updateTime
    repositoryOrigin { repositoryLocationName } } } } }
  fragment t on InstigationState { status ticks(limit: 1) { status timestamp error { message stack
  cause { message stack } } } }"""
_DAEMONS = """{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy
  lastHeartbeatTime lastHeartbeatErrors { message } } } } }"""
LAUNCH_SECONDS = 60.0
"""A run that has been starting for longer was lost on the way; it is not waited for."""
SILENT_SECONDS = 120.0
"""Daemons send a heartbeat every 30 s (dagster._daemon.controller), and later where a tick takes longer."""


class WebserverDown(Exception):
    """Nothing answers at the webserver's address, or it answers with an error."""


class Webserver:
    def __init__(self, url: str) -> None:
        self.url = url
        # The stack's own webserver is on this machine or in this cluster: never through a proxy.
        self._opener = build_opener(ProxyHandler({}))

    def answers(self, timeout_seconds: float = 1.0) -> bool:
        """Return whether it answers at all; this does not touch the database."""
        try:
            with self._opener.open(f"{self.url}/server_info", timeout=timeout_seconds) as answer:
                return bool(answer.status == 200)
        except (OSError, HTTPException):
            return False

    def locations(self) -> dict[str, Shown]:
        """Return what is shown of every location. Raises WebserverDown."""
        entries = self.ask(_ENTRIES)["workspaceOrError"].get("locationEntries", [])
        return {entry["name"]: _shown(entry["locationOrLoadError"]) for entry in entries}

    def reload(self, location: str) -> None:
        """Make it check the location's address now; it would do so within a second by itself."""
        self.ask(_RELOAD, {"name": location})

    def reload_workspace(self) -> None:
        """Make it read the workspace file again, which it does not do by itself."""
        self.ask(_RELOAD_WORKSPACE)

    def asset_keys(self) -> dict[str, Sequence[str]]:
        """Return the asset keys that each location can materialize. Raises WebserverDown."""
        nodes = self.ask(_ASSET_KEYS)["repositoriesOrError"].get("nodes", [])
        found: dict[str, list[str]] = {}
        for node in nodes:
            keys = [
                "/".join(asset["assetKey"]["path"]) for asset in node["assetNodes"] if asset["isExecutable"]
            ]
            found.setdefault(node["location"]["name"], []).extend(keys)
        return dict(found)

    def unhealthy_daemons(self) -> list[str]:
        """Return the required daemons without a fresh heartbeat, by name. Raises WebserverDown."""
        return [found["daemonType"] for found in self._required_daemons() if not found["healthy"]]

    def silent_daemons(self) -> list[str]:
        """Return the required daemons without a heartbeat for SILENT_SECONDS. Raises WebserverDown."""
        since = time.time() - SILENT_SECONDS
        required = self._required_daemons()
        return [found["daemonType"] for found in required if (found["lastHeartbeatTime"] or 0.0) < since]

    def _required_daemons(self) -> list[dict[str, Any]]:
        statuses = self.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [found for found in statuses if found["required"]]

    def runs_in_flight(self, location: str) -> list[str]:
        """Return the ids of the location's runs that are under way. Raises WebserverDown."""
        return _of_location(self.ask(_IN_FLIGHT), location)

    def pending(self, location: str) -> list[Pending]:
        """Return its runs that have not ended, and those that Dagster will retry. Raises WebserverDown."""
        answer = self.ask(_PENDING, {"since": time.time() - RETRIED_WITHIN_SECONDS})
        runs = [run for part in ("left", "failed") for run in _runs_of(answer[part], location)]
        return [
            Pending(
                *(run["runId"], run["status"], {tag["key"]: tag["value"] for tag in run["tags"]}),
                started=run["startTime"],
            )
            for run in runs
        ]

    def launching(self, location: str) -> list[str]:
        """Return the ids of the location's runs that are being sent to a server now. Raises WebserverDown."""
        found = self.ask(_LAUNCHING, {"since": time.time() - LAUNCH_SECONDS})
        return _of_location(found, location)

    def troubles(self, location: str) -> dict[str, str]:
        """Return errors of daemons, and of the last ticks of the location. Raises WebserverDown."""
        answer = self.ask(_TROUBLES)
        statuses = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        found = {
            f"daemon/{one['daemonType']}": str(error["message"])
            for one in statuses
            for error in one["lastHeartbeatErrors"] or ()
        }
        for entry in answer["workspaceOrError"].get("locationEntries", ()):
            if entry["name"] == location:
                found |= _failed_ticks(entry["locationOrLoadError"] or {})
        return found

    def overview(self) -> Overview:
        """Return its state of daemons, runs under way, schedules and sensors. Raises WebserverDown."""
        return overview(self.ask(_OVERVIEW), time.time())

    def ask(self, query: str, variables: dict[str, Any] | None = None, *, seconds: float = 10.0) -> Any:
        """Return the answer's data. Raises WebserverDown, also where it is an error or takes too long."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=seconds) as answer:
                reply = json.load(answer)
        except (OSError, HTTPException, ValueError) as error:
            raise WebserverDown(f"{self.url}: {getattr(error, 'reason', error)}") from error
        if reply.get("errors"):
            raise WebserverDown(f"{self.url}: {reply['errors'][0].get('message', reply['errors'])}")
        return reply["data"]


def _of_location(answer: dict[str, Any], location: str) -> list[str]:
    return [run["runId"] for run in _runs_of(answer["runsOrError"], location)]


def _runs_of(answer: dict[str, Any], location: str) -> list[dict[str, Any]]:
    return [
        run
        for run in answer.get("results", [])
        if (run["repositoryOrigin"] or {}).get("repositoryLocationName") == location
    ]


def _failed_ticks(loaded: dict[str, Any]) -> dict[str, str]:
    found = {}
    for repository in loaded.get("repositories", ()):
        for kind in ("sensor", "schedule"):
            for one in repository[f"{kind}s"]:
                state = one[f"{kind}State"]
                last = next(iter(state["ticks"]), None) if state["status"] == "RUNNING" else None
                if last and last["status"] == "FAILURE" and last["error"]:
                    found[f"{kind}/{one['name']}"] = traceback(last["error"])
    return found


def _shown(entry: dict[str, Any] | None) -> Shown:
    if entry is None:
        return Shown(error="it is still being loaded")
    if entry["__typename"] == "RepositoryLocation":
        return Shown(server_id=entry["serverId"])
    return Shown(error=str(entry.get("message", "unknown")).strip().splitlines()[0])
