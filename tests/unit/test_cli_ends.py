"""How a command ends when it is interrupted, when nobody reads it, and when there is no stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.asking import eventually
from tests.fakes import BROKEN, GOOD, HANGS
from tests.session.deadlines import stretched
from tests.stacks import ROOT

FILE = """
code_locations:
  - {name: orders, repo: {url: https://git.test/pipelines, ref: main}}
  - {name: sales, repo: {url: https://git.test/pipelines, ref: main}}
"""
FOLLOW = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from playground_ops.cli import main; main(sys.argv[1:])"
)


@dataclass(frozen=True)
class Commands:
    """Starts commands as processes; what they leave of the fake world is in `folder`."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PLAYGROUND_")}
        own = {"PLAYGROUND_CONFIG": self.folder / "file.yaml", "PLAYGROUND_STATE": self.folder / "state"}
        return {**kept, **{key: str(value) for key, value in own.items()}}

    @contextmanager
    def started(self, *argv: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = subprocess.Popen(
            [sys.executable, *argv], cwd=ROOT, env=self.environ, stdin=subprocess.DEVNULL, text=True, **both
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def fake(self, behaviours: dict[str, str], *command: str, **streams: Any) -> Any:
        fake = ("-m", "tests.fake_command", json.dumps(behaviours), str(self.folder))
        return self.started(*fake, *command, **streams)

    def left(self) -> Any:
        return json.loads((self.folder / "world.json").read_text())


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    (tmp_path / "file.yaml").write_text(FILE)
    return Commands(tmp_path)


@pytest.fixture
def nobody() -> Iterator[int]:
    """Yield the writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=stretched(30))
    return process.returncode, out, err


def test_ctrl_c_cancels_a_redeploy_which_cleans_up(commands: Commands) -> None:
    with commands.fake({"orders": HANGS}, "redeploy", "orders") as process:
        eventually("the candidate", (commands.folder / "orders").exists)
        code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert "cancelling: cleaning up first" in err
    assert "serves" not in err.partition("cancelling")[2], "nothing does: it is a first release"
    assert "Traceback" not in err
    assert commands.left() == {"releases": {}, "locks": {}, "outcomes": {"orders": ["cancelled"]}}


def test_ctrl_c_leaves_the_watch_of_what_serves_already(commands: Commands) -> None:
    with commands.fake({"serving": "orders"}, "redeploy", "orders") as process:
        told = process.stdout.readline()
        code, out, err = interrupt(process)
    assert told.startswith("orders: release 2 serves ")
    assert (code, out) == (0, ""), "it is told once"
    assert "nobody watches it any more" in err
    assert commands.left()["outcomes"] == {"orders": ["done", "done"]}


def test_a_document_can_not_be_left_before_it_is_whole(commands: Commands) -> None:
    with commands.fake({}, "redeploy", "orders", "--no-watch", "--json") as process:
        out, _ = process.communicate(timeout=stretched(30))
    assert process.returncode == 2
    assert "--no-watch" in json.loads(out)["findings"][0]["observed"]


def test_a_cancelled_redeploy_of_several_tells_of_each_in_one_document(commands: Commands) -> None:
    behaviours = {"ops": GOOD, "orders": HANGS, "sales": BROKEN}
    with commands.fake(behaviours, "redeploy", "ops", "orders", "sales", "--json") as process:
        eventually("the candidate", (commands.folder / "orders").exists)
        eventually("the broken one", (commands.folder / "sales").exists)
        code, out, err = interrupt(process)
    said = json.loads(out)
    assert (code, err) == (130, "")
    assert "orders" in said["failed"]
    assert any(found["observed"].startswith("The rollout was cancelled") for found in said["findings"])
    # Every location is reported once, whether it was done, failed or was cancelled.
    assert sorted(said["failed"] + [found["location"] for found in said["rollouts"]]) == [
        "ops",
        "orders",
        "sales",
    ]


def test_ctrl_c_ends_a_followed_log_quietly(commands: Commands) -> None:
    logs = commands.folder / "state" / "logs"
    logs.mkdir(parents=True)
    (logs / "webserver.log").write_text("first line\n")
    with commands.started("-c", FOLLOW, "logs", "webserver", "--follow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first line\n"
        with (logs / "webserver.log").open("a") as log:
            log.write("second line\n")
        assert process.stdout.readline() == "second line\n"
        assert interrupt(process) == (130, "", "")


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["history"], ["--help"]])
def test_output_that_nobody_reads_is_no_failure_to_tell(
    commands: Commands, nobody: int, command: list[str]
) -> None:
    with commands.fake({}, *command, stdout=nobody) as process:
        _, err = process.communicate(timeout=stretched(30))
        assert (process.returncode, err) == (141, "")


def test_a_rollout_goes_on_when_nobody_reads_its_story(commands: Commands, nobody: int) -> None:
    with commands.fake({}, "redeploy", "orders", stderr=nobody) as process:
        out, _ = process.communicate(timeout=stretched(30))
        assert process.returncode == 0
    assert out.startswith("orders: release 1 serves")
    assert commands.left()["outcomes"] == {"orders": ["done"]}


def test_a_failure_that_nobody_reads_keeps_its_code(commands: Commands, nobody: int) -> None:
    with commands.fake({"orders": BROKEN}, "redeploy", "orders", stderr=nobody) as process:
        process.communicate(timeout=stretched(30))
        assert process.returncode == 1


def test_without_a_stack_status_says_so_and_fails_with_json_too(commands: Commands) -> None:
    with commands.started("-m", "playground_ops", "status") as process:
        out, err = process.communicate(timeout=stretched(30))
        assert (process.returncode, out) == (1, "")
        assert "No stack is deployed here." in err
    with commands.started("-m", "playground_ops", "status", "--json") as process:
        out, err = process.communicate(timeout=stretched(30))
        assert (process.returncode, err) == (1, "")
    said = json.loads(out)
    assert said["ui"] is None
    assert [found["name"] for found in said["locations"]] == ["ops", "orders", "sales"]
    assert [found["observed"] for found in said["findings"]] == ["No stack is deployed here."]


LOGS = (
    "import logging, click; from playground_ops.cli.main import guarded;"
    "guarded(click.command()(lambda: logging.warning('Retrying') or print('{}')), 'it', [])"
)


def test_what_libraries_log_is_not_between_the_words_of_a_command() -> None:
    """In a pod both streams are one, and the JSON document could not be read."""
    ended = subprocess.run([sys.executable, "-c", LOGS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("{}\n", "")
