"""A real local stack for tests: its own state folder, its own configuration, real Dagster processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tests.guardian import Guardian

ROOT = Path(__file__).parents[1]


def eventually(
    what: str, holds: Callable[[], Any], timeout_seconds: float = 120.0, every_seconds: float = 0.05
) -> Any:
    """The first true value of `holds`; fails at the deadline with what was waited for and seen last."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        seen = holds()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {timeout_seconds:g} s for {what}; last seen: {seen!r}"
        time.sleep(every_seconds)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Stack:
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "configvalues.yaml"

    def configure(self, **document: Any) -> None:
        """Write the configuration file. Stacks of tests that run at once don't compete for port 3000."""
        self.config.write_text(yaml.safe_dump({"webserver": {"port": self.port}, **document}))

    @property
    def environ(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("DAGSTER_", "PLAYGROUND_"))
        }
        return {**kept, "PLAYGROUND_STATE": str(self.state), "PLAYGROUND_CONFIG": str(self.config)}

    def start(self, *arguments: str, module: str = "playground_ops") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, module: str = "playground_ops", timeout_seconds: float = 200
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, module=module)
        out, err = process.communicate(timeout=timeout_seconds)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments: str, module: str = "playground_ops") -> str:
        ended = self.run(*arguments, module=module)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def bootstrap(self) -> str:
        return self.ok(module="playground_ops.bootstrap")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok("status", "--json"))
        return found

    def location(self, name: str) -> dict[str, Any]:
        return next(found for found in self.status()["locations"] if found["name"] == name)

    def history(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.ok("history", name, "--json"))
        return found

    @property
    def ui(self) -> str:
        applied = json.loads((self.state / "stack.json").read_text())
        return f"http://{applied['host']}:{applied['port']}"

    def graphql(self, query: str, **variables: Any) -> Any:
        return self._ask(self.ui, query, variables)

    @staticmethod
    def _ask(ui: str, query: str, variables: dict[str, Any]) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"{ui}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=20) as answer:
            reply = json.load(answer)
        assert "errors" not in reply, reply
        return reply["data"]

    def assets(self, location: str, ui: str | None = None) -> list[str]:
        """Asset keys that the UI shows of a location; fails if it shows an error."""
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

    def launch(self, location: str, job: str, config: dict[str, Any] | None = None) -> str:
        data = self.graphql(
            """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
              ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
              ... on RunConfigValidationInvalid { errors { message } } } }""",
            p={
                "selector": {
                    "repositoryLocationName": location,
                    "repositoryName": "__repository__",
                    "jobName": job,
                },
                "runConfigData": config or {},
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

        return str(eventually(f"run {run_id} to be one of {wanted}", ended, timeout_seconds, 0.2))

    def messages(self, run_id: str) -> str:
        """What the run's page tells, a line per event."""
        events = self.graphql(
            """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
              ... on MessageEvent { message }
              ... on ExecutionStepFailureEvent { error { message } } } } } }""",
            id=run_id,
        )["logsForRun"]["events"]
        return "\n".join(found.get("message", "") + str(found.get("error") or "") for found in events)


@contextmanager
def a_stack() -> Iterator[Stack]:
    """A folder for a stack, which is down and gone afterwards even if the tests are killed."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="pgtest-")))
    stack.state.mkdir()
    guardian = Guardian(stack.folder, stack.state)
    try:
        yield stack
    finally:
        guardian.dismiss()
