"""Dagster's own tools on a clone: `dagster dev` without arguments, and `dg`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.session.deadlines import stretched
from tests.stacks import ROOT, Stack, a_stack, free_port

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A clone where no stack is deployed."""
    with a_stack() as made:
        made.configure()
        yield made


def environ(stack: Stack) -> dict[str, str]:
    home = stack.folder / "dev_home"
    home.mkdir(exist_ok=True)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**stack.environ, "DAGSTER_HOME": str(home), "PATH": path}


def dg(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "dg"), *arguments],
        cwd=ROOT,
        env=environ(stack),
        capture_output=True,
        text=True,
        timeout=stretched(120),
        check=False,
    )


def test_dagster_dev_without_arguments_loads_ops_and_the_playground(stack: Stack) -> None:
    port = free_port()
    dev = subprocess.Popen(
        [str(BIN / "dagster"), "dev", "-p", str(port)],
        cwd=ROOT,
        env=environ(stack),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:

        def loaded() -> tuple[list[str], list[str]] | None:
            ui = f"http://127.0.0.1:{port}"
            with contextlib.suppress(OSError, KeyError, AssertionError):
                return stack.assets("playground_ops.definitions", ui), stack.assets(
                    "playground.definitions", ui
                )
            return None

        ops, playground = eventually("both locations", loaded, every_seconds=0.5)
    finally:
        os.killpg(dev.pid, signal.SIGINT)
        try:
            dev.wait(timeout=stretched(30))
        except subprocess.TimeoutExpired:
            os.killpg(dev.pid, signal.SIGKILL)
            dev.wait()
    assert ops == [f"stack/{name}" for name in ("a", "b", "daemon", "foundation", "ops", "webserver")]
    assert playground == ["playground/numbers", "playground/total"]


def test_dg_checks_and_lists_the_definitions(stack: Stack) -> None:
    checked = dg(stack, "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = dg(stack, "list", "defs", "--json")
    assert listed.returncode == 0, listed.stderr
    for name in ("redeploy", "rollback", "promote", "plan", "deploy", "health_check", "stack/webserver"):
        assert f'"{name}"' in listed.stdout


def test_dg_launches_a_job_and_tells_where_nothing_is_deployed(stack: Stack) -> None:
    """test_shell.py launches jobs where a stack is deployed."""
    refused = dg(stack, "launch", "--job", "redeploy")
    assert refused.returncode != 0
    assert "No stack is deployed here" in refused.stdout + refused.stderr
