"""A real local stack for tests: its own state folder, its own configuration, real Dagster processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from playground_ops.config import load
from playground_ops.core.model import MAIN
from playground_ops.engine.status import read_status
from playground_ops.targets.local.target import LocalTarget
from tests.asking import Asking, At, next_numbers
from tests.guardian import Guardian
from tests.session.deadlines import stretched
from tests.session.times import started

ROOT = Path(__file__).parents[1]
QUICK = {"confirm_seconds": 0}
"""For every rollout: it is over when the release is confirmed."""
SELDOM = {"interval_minutes": 60}
"""Most health checks are those that a test starts."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Stack(Asking):
    folder: Path
    port: int = field(default_factory=free_port)
    project: Path = ROOT
    """The clone of this project whose commands are used."""
    packages: tuple[Path, ...] = ()
    """Folders of packages that count before those of this environment."""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "configvalues.yaml"

    def configure(self, **document: Any) -> None:
        """Write the configuration file. Stacks of tests that run at once don't compete for port 3000."""
        whole = {
            "webserver": {"port": self.port},
            **document,
            "health": {**SELDOM, **document.get("health", {})},
            "rollout": {**QUICK, **document.get("rollout", {})},
        }
        self.config.write_text(yaml.safe_dump(whole))

    @property
    def environ(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("DAGSTER_", "PLAYGROUND_"))
        }
        # Processes of the stack find another clone by that: in this environment this one is installed.
        first = [*self.packages, *([] if self.project == ROOT else [self.project])]
        another = {"PYTHONPATH": os.pathsep.join(map(str, first))} if first else {}
        where = {"PLAYGROUND_STATE": str(self.state), "PLAYGROUND_CONFIG": str(self.config)}
        return {**kept, **where, **another}

    def start(self, *arguments: str, module: str = "playground_ops") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.project,
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
        out, err = process.communicate(timeout=stretched(timeout_seconds))
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments: str, module: str = "playground_ops") -> str:
        ended = self.run(*arguments, module=module)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def bootstrap(self) -> str:
        if not (self.state / "stack.json").exists():
            started("local stacks")
        return self.ok(module="playground_ops.bootstrap")

    def status(self) -> dict[str, Any]:
        """Return the document of the command, without a process: frequent queries are cheap then."""
        return read_status(LocalTarget(self.state, ROOT), load(self.config)).model_dump(mode="json")

    def location(self, name: str) -> dict[str, Any]:
        return next(found for found in self.status()["locations"] if found["name"] == name)

    def history(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.ok("history", name, "--json"))
        return found

    def next_number(self, name: str) -> int:
        """Return the number of the location's next release: rejected candidates had numbers too."""
        return next_numbers(self.history(name)).get(name, 1)

    @property
    def ui(self) -> str:
        return self.at(MAIN).ui

    def at(self, deployment: str) -> At:
        """Return the UI of a deployment."""
        address = LocalTarget(self.state, ROOT).stack.ui_address(deployment)
        assert address is not None, f"{deployment} is not deployed"
        return At(address)


@contextmanager
def a_stack() -> Iterator[Stack]:
    """Yield a folder for a stack, which is down and gone afterwards even if the tests are killed."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="pgtest-")))
    stack.state.mkdir()
    guardian = Guardian(stack.folder, stack.state)
    try:
        yield stack
    finally:
        guardian.dismiss()
