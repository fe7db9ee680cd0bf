"""The webserver's GraphQL, for what only it can tell: what a person sees of each location."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from playground_ops.model import Shown

_ENTRIES = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  __typename ... on RepositoryLocation { serverId } ... on PythonError { message } } } } } }"""
_RELOAD = """mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename } }"""
_RELOAD_WORKSPACE = "mutation { reloadWorkspace { __typename } }"
_ASSET_KEYS = """{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name }
  assetNodes { assetKey { path } isExecutable } } } } }"""
_DAEMONS = """{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy
  lastHeartbeatErrors { message } } } } }"""


class WebserverDown(Exception):
    """Nothing answers at the webserver's address, or it answers with an error."""


class Webserver:
    def __init__(self, url: str) -> None:
        self.url = url
        # The stack's own webserver is on this machine or in this cluster: never through a proxy.
        self._opener = build_opener(ProxyHandler({}))

    def answers(self, timeout_seconds: float = 1.0) -> bool:
        """Whether it answers at all; this does not touch the database."""
        try:
            with self._opener.open(f"{self.url}/server_info", timeout=timeout_seconds) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def locations(self) -> dict[str, Shown]:
        """What is shown of every location. Raises WebserverDown."""
        entries = self._ask(_ENTRIES)["workspaceOrError"].get("locationEntries", [])
        return {entry["name"]: _shown(entry["locationOrLoadError"]) for entry in entries}

    def reload(self, location: str) -> None:
        """Ask it to look at the location's address now; it would look within a second by itself."""
        self._ask(_RELOAD, {"name": location})

    def reload_workspace(self) -> None:
        """Ask it to read the workspace file again, which it does not do by itself."""
        self._ask(_RELOAD_WORKSPACE)

    def asset_keys(self) -> dict[str, Sequence[str]]:
        """The asset keys that each location can materialize. Raises WebserverDown."""
        nodes = self._ask(_ASSET_KEYS)["repositoriesOrError"].get("nodes", [])
        found: dict[str, list[str]] = {}
        for node in nodes:
            keys = [
                "/".join(asset["assetKey"]["path"]) for asset in node["assetNodes"] if asset["isExecutable"]
            ]
            found.setdefault(node["location"]["name"], []).extend(keys)
        return dict(found)

    def unhealthy_daemons(self) -> list[str]:
        """Names of the required daemons without a fresh heartbeat. Raises WebserverDown."""
        statuses = self._ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [found["daemonType"] for found in statuses if found["required"] and not found["healthy"]]

    def _ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=10) as answer:
                reply = json.load(answer)
        except (URLError, OSError, ValueError) as error:
            raise WebserverDown(f"{self.url}: {getattr(error, 'reason', error)}") from error
        if reply.get("errors"):
            raise WebserverDown(f"{self.url}: {reply['errors'][0].get('message', reply['errors'])}")
        return reply["data"]


def _shown(entry: dict[str, Any] | None) -> Shown:
    if entry is None:
        return Shown(error="it is still being loaded")
    if entry["__typename"] == "RepositoryLocation":
        return Shown(server_id=entry["serverId"])
    return Shown(error=str(entry.get("message", "unknown")).strip().splitlines()[0])
