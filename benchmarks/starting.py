"""Measures a bootstrap until A and B are in the UI, against the same processes started by hand."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.figures import Figure
from playground_ops.targets.common.server_protocol import is_serving
from playground_ops.targets.common.webserver import Webserver
from tests.asking import eventually
from tests.stacks import ROOT, Stack, a_stack, free_port

TIMES = 5
LOCATIONS = {
    "ops": "playground_ops.definitions",
    "a": "playground.definitions",
    "b": "playground.definitions",
}

TABLES = """
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    instance.get_runs(limit=1)
    instance.all_instigator_state()
"""


def measure() -> list[Figure]:
    bare, floor, ours = [], [], []
    for _ in range(TIMES):
        whole, without_tables = by_hand()
        bare.append(whole)
        floor.append(without_tables)
        ours.append(by_bootstrap())
    ratios = [ours_one / bare_one for ours_one, bare_one in zip(ours, bare, strict=True)]
    return [
        Figure("webserver, daemon and three code servers by hand, until A and B are in the UI", bare),
        Figure("the same, the instance's tables made before", floor),
        Figure("`bootstrap`, until A and B are in the UI", ours),
        Figure("bootstrap against by hand", ratios, unit="times", bound=1.2),
    ]


def by_bootstrap() -> float:
    with a_stack() as stack:
        stack.configure()
        began = time.perf_counter()
        process = stack.start(module="playground_ops.bootstrap")
        _wait_until_loaded(stack, f"http://127.0.0.1:{stack.port}")
        seconds = time.perf_counter() - began
        process.communicate(timeout=120)
        return seconds


def by_hand() -> tuple[float, float]:
    """Return the seconds with the making of the instance's tables, and without."""
    with tempfile.TemporaryDirectory(prefix="pgbare-") as name:
        folder, port = Path(name), free_port()
        settings = {"telemetry": {"enabled": False}}
        (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
        servers = [
            {
                "grpc_server": {
                    "host": "localhost",
                    "socket": str(folder / f"{location}.sock"),
                    "location_name": location,
                }
            }
            for location in LOCATIONS
        ]
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": servers}))
        began = time.perf_counter()
        # Five processes that make the instance's tables at once break each other.
        start(folder, "-c", TABLES).wait(timeout=60)
        made = time.perf_counter()
        started = [
            start(
                folder,
                "-m",
                "dagster",
                "api",
                "grpc",
                "--socket",
                str(folder / f"{location}.sock"),
                "--module-name",
                module,
                "-d",
                str(ROOT),
                "--location-name",
                location,
            )
            for location, module in LOCATIONS.items()
        ]
        started.append(start(folder, "-m", "dagster._daemon", "run", "-w", str(folder / "workspace.yaml")))
        started.append(
            start(
                folder,
                "-m",
                "dagster_webserver",
                "-w",
                str(folder / "workspace.yaml"),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
            )
        )
        try:
            ui = f"http://127.0.0.1:{port}"
            addresses = [f"unix:{folder / location}.sock" for location in LOCATIONS]
            eventually("the servers to answer", lambda: all(map(is_serving, addresses)), 120.0, 0.05)
            eventually("the webserver to answer", Webserver(ui).answers, 120.0, 0.05)
            Webserver(ui).reload_workspace()  # it came up before the servers did, and shows errors
            _wait_until_loaded(Stack(folder), ui)
            return time.perf_counter() - began, time.perf_counter() - made
        finally:
            for process in started:  # nothing of it is needed any more, and draining takes long
                process.kill()
                process.wait()


def start(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Python with these arguments, for the instance at `home`."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_until_loaded(stack: Stack, ui: str) -> None:
    def loaded() -> bool:
        with contextlib.suppress(OSError, AssertionError, KeyError):
            return bool(stack.assets("a", ui) and stack.assets("b", ui))
        return False

    eventually("A and B in the UI", loaded, 120.0, 0.05)
