"""Which locations a stack on one machine has: those deployed, and removed ones while a server runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playground_ops.checks.topic import Topic
from playground_ops.config import read
from playground_ops.core.model import MAIN, Location
from playground_ops.core.plan import Plan
from playground_ops.engine.health.examine import examine
from playground_ops.render.modules import FRONT_DOOR
from playground_ops.targets.local.components import LocalStack
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import (
    ProcessSpec,
    ProcessState,
    birth_of,
    write_spec,
    write_state,
)
from playground_ops.targets.local.releases import RecordFiles, ReleaseFiles
from playground_ops.targets.local.stack import Applied, desired_processes, webserver_spec, write_stack
from playground_ops.targets.local.target import LocalTarget
from tests.local.test_records import record, release
from tests.stacks import ROOT, free_port


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack of which nothing runs; `deployed` and `left` have records."""
    made = LocalTarget(tmp_path, ROOT).stack
    applied = Applied(host="127.0.0.1", port=free_port(), configuration="c", locations=["deployed"])
    made.folder.stack.write_text(applied.model_dump_json())
    for name in ("deployed", "left"):
        RecordFiles(made.folder.location(name)).save(record(1))
    yield made
    runtime_folder(tmp_path).unlink(missing_ok=True)


def locations(stack: LocalStack) -> list[str]:
    return [one.name for one in stack.component_status() if one.kind == "location"]


def test_records_alone_are_no_location(stack: LocalStack) -> None:
    assert locations(stack) == ["deployed"]


def test_who_left_is_told_of_until_its_last_server_is_gone(stack: LocalStack) -> None:
    root = stack.folder.root
    server = ProcessState("left-1", 1, True, "never", os.getpid(), birth_of(os.getpid()))
    write_spec(root, ProcessSpec("left-1", ("true",), "/"))
    write_state(root, server)
    assert locations(stack) == ["deployed", "left"]
    write_state(root, replace(server, running=False))
    assert locations(stack) == ["deployed"]


def test_a_server_that_nobody_told_to_end_is_something_to_deploy(stack: LocalStack) -> None:
    """A deploy that was killed had taken the address away, and no more."""
    root, files = stack.folder.root, ReleaseFiles(stack.folder.location("left"))
    left = release(1).model_copy(update={"location": Location(name="left")})
    files.add(left)
    write_spec(root, ProcessSpec("left-1", ("true",), "/"))
    write_state(root, ProcessState("left-1", 1, True, "never", os.getpid(), birth_of(os.getpid())))
    configured = read("code_locations: [{name: deployed}]", Path("x.yaml"))
    assert deleted(stack.plan(configured)) == ["left"]
    files.mark_draining(left, "now")
    assert deleted(stack.plan(configured)) == []


def deleted(found: Plan) -> list[str]:
    return [change.component for change in found.changes if change.action == "delete"]


def test_records_of_a_location_that_left_stay(stack: LocalStack) -> None:
    assert LocalTarget(stack.folder.root, ROOT).recorded() == ["deployed", "left"]


def test_without_a_supervisor_it_is_that_and_nothing_else(stack: LocalStack) -> None:
    """After a reboot nothing runs, no address leads anywhere, and there is one thing to do."""
    RecordFiles(stack.folder.location("ops")).save(record(1).model_copy(update={"location": "ops"}))
    configuration = read("code_locations: [{name: deployed}, {name: left}]", Path("x.yaml"))
    folded = examine(LocalTarget(stack.folder.root, ROOT), configuration).folded
    told = [(name, topic.value, found.object) for name, topic, found in folded.worst if topic.is_urgent]
    assert told == [("foundation", "healthy", "process/supervisor")], folded.worst
    assert {name for name, topic in folded.because if topic is Topic.HEALTHY} >= {
        "webserver",
        "daemon",
        "deployed",
    }


def test_the_webserver_is_the_front_door_and_knows_the_configured_hosts(stack: LocalStack) -> None:
    before, after = (
        read(f"webserver: {{allowed_hosts: [{hosts}]}}", Path("x.yaml"))
        for hosts in ("", "ui.corp.test, nas")
    )
    applied = write_stack(stack.folder, after, stack.addresses, {MAIN: 3000})
    words = webserver_spec(stack.folder.instance(MAIN), applied).argv[1:]
    assert words[:2] == ("-m", FRONT_DOOR)
    assert words[-4:] == ("--allowed-host", "ui.corp.test", "--allowed-host", "nas")
    old, new = (desired_processes(one)[0].settings for one in (before, after))
    assert "front door" in old, "what an earlier version started is started anew"
    assert old != new, "and so is one with other hosts"


def test_a_webserver_beside_the_main_one_says_which_it_is_and_where_that_one_is(stack: LocalStack) -> None:
    before, after = (
        read(f"webserver: {{host: 0.0.0.0{port}}}\ndeployments: [{{name: next}}]", Path("x.yaml"))
        for port in ("", ", port: 3001")
    )
    applied = write_stack(stack.folder, after, stack.addresses, {MAIN: 3001, "next": 3002})
    own, main = (webserver_spec(stack.folder.instance(name), applied).argv for name in ("next", MAIN))
    assert own[-4:] == ("--deployment", "next", "--main-url", "http://127.0.0.1:3001")
    assert "--deployment" not in main
    shown = [{one.name: one.settings for one in desired_processes(told)} for told in (before, after)]
    assert shown[0]["webserver-next"] != shown[1]["webserver-next"], "it is started anew with the new address"
    assert not any(key.startswith("main ") for key in shown[1]["webserver"])
