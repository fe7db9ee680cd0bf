"""The command line over the fake target: what is printed where, and with which exit code."""

from __future__ import annotations

import json
import re
import shlex
import threading
from pathlib import Path
from typing import Any

import click
import pytest

from playground_ops import bootstrap, context
from playground_ops.cli.main import cli, guarded
from playground_ops.cli.session import Session
from playground_ops.core.component import Component
from playground_ops.core.loaded import Defined
from playground_ops.core.messages import message
from playground_ops.core.model import Location, Release
from playground_ops.core.plan import plan
from tests.fakes import BROKEN, FakeStack, FakeTarget, World
from tests.session.deadlines import stretched

FILE = """
code_locations:
  - {name: orders, repo: {url: https://git.test/pipelines, ref: main}}
  - {name: sales, repo: {url: https://git.test/pipelines, ref: main}}
"""
FIRST, SECOND, BAD = "1" * 40, "2" * 40, "bad0" * 10


class Terminal:
    """Runs commands in this process and keeps what they print."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self._capsys = world, capsys

    def __call__(self, *arguments: str, command: Any = cli) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            guarded(command, "playground", list(arguments))
        out, err = self._capsys.readouterr()
        assert "\x1b" not in out + err, "no colours where no terminal is"
        return int(ended.value.code or 0), out, err

    def json(self, *arguments: str, command: Any = cli) -> tuple[int, Any]:
        status, out, err = self(*arguments, "--json", command=command)
        assert err == ""
        return status, json.loads(out)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    file = tmp_path / "configvalues.yaml"
    file.write_text(FILE)
    world = World(heads=dict.fromkeys(("ops", "orders", "sales"), FIRST), behaviour={BAD: BROKEN})
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(file))
    monkeypatch.setattr(context, "local_target", lambda _: FakeTarget(world))
    monkeypatch.setattr(context, "SystemClock", lambda: world.clock)
    return Terminal(world, capsys)


def test_redeploy_says_what_serves_and_ends_with_0(terminal: Terminal) -> None:
    status, out, err = terminal("redeploy", "orders")
    assert status == 0
    assert "orders: release 1 serves 111111111111" in out
    assert "orders     switching" in err
    assert terminal("redeploy", "orders")[1] == "orders: nothing to do, it serves this already.\n"


def test_of_several_one_failure_is_told_and_the_others_are_done(terminal: Terminal) -> None:
    terminal("redeploy", "orders", "sales")
    terminal.world.heads |= {"orders": BAD, "sales": SECOND}
    status, said = terminal.json("redeploy", "orders", "sales")
    assert status == 1
    assert said["failed"] == ["orders"]
    assert [found["location"] for found in said["rollouts"]] == ["sales"]
    assert said["findings"][0]["observed"] == "ImportError: boom"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["redeploy", "order"], "Did you mean `orders`?"),
        (["redeploy", "--ref", "main"], "Name the locations"),
        (["redeploy", "ops", "--ref", "main"], "has no repository"),
        (["rollback", "orders"], "no earlier release"),
        (["promote", "nobody", "orders"], "nobody"),
        (["history", "orders", "--diff", "7"], "Those on record are: none"),
        (["history", "--diff", "7"], "name it"),
        (["plan", "--components", "webservr"], "no such component"),
        (["status", "--target", "kubernetes"], "No context is named"),
        (["logs"], "Name one component, or pods by -l"),
        (["logs", "webserver", "-l", "app=x"], "Name one component, or pods by -l"),
        (["logs", "-l", "app=dagster-grpc-a", "-c", "git-sync"], "target `kubernetes`"),
        (["logs", "webserver", "--previous"], "target `kubernetes`"),
        (["logs", "nobody", "--target", "kubernetes"], "There are: webserver, daemon, postgres, ops, orders"),
        (["ui", "--port", "4000"], "webserver: port:"),
        (["rolback"], "No such command"),
        (["redeploy", "--no-such-option"], "No such option"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(
    terminal: Terminal, arguments: list[str], told: str
) -> None:
    status, out, err = terminal(*arguments)
    assert (status, out) == (2, "")
    assert told in err
    status, said = terminal.json(*arguments)
    assert status == 2
    assert told in json.dumps(said["findings"], ensure_ascii=False)


def test_every_fault_of_the_file_at_once(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "configvalues.yaml").write_text("code_locations: [{name: Orders}]\nimage: {}\n")
    for command in ("validate", "plan", "deploy", "redeploy", "status", "health", "history", "down"):
        status, said = terminal.json(command)
        assert status == 2
        assert {found["object"].split(":")[1] for found in said["findings"]} == {
            "code_locations[0].name",
            "image",
        }


def test_validate(terminal: Terminal) -> None:
    assert terminal.json("validate")[1]["locations"] == ["orders", "sales"]


def test_the_same_code_twice_is_told_first_and_is_no_fault(terminal: Terminal, tmp_path: Path) -> None:
    told = "Locations orders and sales have the same code, in the same deployment."
    assert told in terminal.json("validate")[1]["warnings"][0]
    status, _, err = terminal("validate")
    assert (status, err.startswith(f"warning: {told}")) == (0, True)
    assert told in terminal("plan")[1]
    assert told in terminal.json("plan")[1]["notes"][0]
    for command, arguments in ((cli, ["deploy"]), (bootstrap.bootstrap, [])):
        status, _, err = terminal(*arguments, command=command)
        assert (status, told in err.splitlines()[0]) == (0, True)
    file = tmp_path / "configvalues.yaml"
    file.write_text(FILE.replace("name: sales,", "name: sales, shared_assets: warn,"))
    assert told not in str([terminal(command) for command in ("validate", "plan", "deploy")])


def test_that_b_is_apart_in_the_flat_form_is_told(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_text("environment: {repo_url_a: https://git.test/x, repo_url_b: https://git.test/x}")
    (note,) = terminal.json("validate")[1]["notes"]
    assert note.startswith("Location b has the repository of a, so it is in a deployment of its own, b")
    assert note[:60] in terminal("validate")[1]
    assert note[:60] in terminal("status")[1]


def test_rollback_and_history(terminal: Terminal) -> None:
    terminal("redeploy", "orders")
    terminal.world.heads["orders"] = SECOND
    terminal("redeploy")
    status, said = terminal.json("rollback", "orders")
    assert (status, said["rollouts"][0]["release"]["number"]) == (0, 1)
    status, records = terminal.json("history", "orders")
    assert [(found["action"], found["outcome"]) for found in records] == [
        ("redeploy", "done"),
        ("redeploy", "done"),
        ("rollback", "done"),
    ]
    assert terminal("history")[1].count("orders") == 3


def test_history_tells_what_one_release_has_changed(terminal: Terminal) -> None:
    jobs = [Defined(kind="job", name=name) for name in ("load", "report")]
    prices = Defined(kind="asset", name="prices", fields={"code version": "1"})
    newer = prices.model_copy(update={"fields": {"code version": "2"}})
    terminal.world.defined = {FIRST: [prices, *jobs], SECOND: [newer, jobs[0]]}
    terminal("redeploy", "orders")
    terminal.world.heads["orders"] = SECOND
    _, _, err = terminal("redeploy", "orders")
    assert "against release 1: 1 asset changed: prices (code version 1 -> 2); 1 job removed (report)" in err

    status, out, _ = terminal("history", "orders", "--diff", "2")
    assert status == 0
    assert "redeploy to orders-2 at 222222222222: done" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["changed", "asset", "prices", "code", "version", "1", "2"] in rows
    assert ["removed", "job", "report"] in rows
    assert "Against release 1: 1 asset changed; 1 job removed." in out
    everything_is_new = "nothing served before, so everything is new: 1 asset, 2 jobs."
    assert everything_is_new in terminal("history", "orders", "--diff", "1")[1]

    terminal("rollback", "orders")
    status, records = terminal.json("history", "orders", "--diff", "1")
    assert [one["action"] for one in records] == ["redeploy", "rollback"]
    assert [one["changes"]["against"] for one in records] == [None, 2]
    assert {(one["change"], one["name"]) for one in records[1]["changes"]["shown"]} == {
        ("changed", "prices"),
        ("added", "report"),
    }


def test_what_was_not_compared_is_told_as_such(terminal: Terminal) -> None:
    terminal("redeploy", "orders")
    old = terminal.world.records["orders"]
    terminal.world.records["orders"] = {
        key: one.model_copy(update={"changes": None}) for key, one in old.items()
    }
    status, out, _ = terminal("history", "orders", "--diff", "1")
    assert (status, "What it changes was not recorded" in out) == (0, True)


def test_the_progress_of_a_rollback_and_of_a_promotion_bears_the_location_s_name(terminal: Terminal) -> None:
    terminal("redeploy", "orders")
    terminal.world.heads["orders"] = SECOND
    terminal("redeploy", "orders")
    for command in (["promote", "orders", "sales"], ["rollback", "orders"]):
        status, _, err = terminal(*command)
        assert (status, {line.split()[2] for line in err.splitlines()}) == (0, {command[-1]})


def test_the_records_of_a_location_that_was_taken_out_are_history(terminal: Terminal, tmp_path: Path) -> None:
    terminal("redeploy", "orders", "sales")
    file = tmp_path / "configvalues.yaml"
    file.write_text("code_locations: [{name: orders, repo: {url: https://git.test/pipelines}}]")
    assert [one["location"] for one in terminal.json("history", "sales")[1]] == ["sales"]
    assert {one["location"] for one in terminal.json("history")[1]} == {"orders", "sales"}
    status, said = terminal.json("history", "nobody")
    assert (status, said["findings"][0]["object"]) == (2, "component/nobody")
    assert [one["name"] for one in terminal.json("status")[1]["locations"]] == ["ops", "orders"]


def test_status_has_what_a_script_asks_for(terminal: Terminal) -> None:
    terminal("redeploy", "orders")
    terminal.world.heads["orders"] = BAD
    terminal("redeploy", "orders")
    said = terminal.json("status")[1]
    orders = next(found for found in said["locations"] if found["name"] == "orders")
    assert {"name", "release", "commit", "since", "candidate", "last_rollout"} <= orders.keys()
    assert (orders["release"], orders["commit"]) == (1, FIRST)
    assert "ImportError: boom" in orders["last_rollout"]["reason"]
    assert "ui" in said


def test_a_location_that_does_not_come_up_fails_the_bootstrap_and_the_rest_is_shown(
    terminal: Terminal,
) -> None:
    terminal.world.heads["sales"] = BAD
    made = FakeTarget(terminal.world).stack
    wanted = [Component(name=name, kind="location", settings={}) for name in ("ops", "orders", "sales")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(made), "plan", lambda self, configuration: plan(wanted, []))
        status, said = terminal.json(command=bootstrap.bootstrap)
    assert status == 1
    assert said["failed"] == ["sales"]
    assert {found["name"]: found["release"] for found in said["status"]["locations"]} == {
        "ops": 1,
        "orders": 1,
        "sales": None,
    }


def test_a_fault_of_the_program_is_told_as_such(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: FakeTarget, location: Location, ref: str | None) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(FakeTarget, "resolve", fails)
    status, said = terminal.json("redeploy")
    assert status == 1
    assert said["findings"][0]["observed"] == "ZeroDivisionError: a fault"
    assert "Traceback" in said["findings"][0]["evidence"]


def test_several_locations_are_redeployed_at_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=stretched(20))
    start = FakeTarget.start

    def waits_for_the_other(self: FakeTarget, release: Release, say: Any) -> None:
        both.wait()
        start(self, release, say)

    monkeypatch.setattr(FakeTarget, "start", waits_for_the_other)
    status, said = terminal.json("redeploy", "orders", "sales")
    assert (status, said["failed"]) == (0, [])
    assert {found["location"] for found in said["rollouts"]} == {"orders", "sales"}


def test_health_tells_what_is_not_well_and_ends_with_1(terminal: Terminal) -> None:
    status, out, err = terminal("health")
    assert status == 1
    assert out.splitlines()[2].split(None, 2) == [
        "webserver",
        "healthy",
        "component/webserver: It is not deployed.",
    ]
    assert "location/orders\n  seen   It serves no release." in err
    status, said = terminal.json("health")
    assert status == 1
    orders = next(found for found in said["findings"] if found["object"] == "location/orders")
    assert (orders["component"], orders["check"], orders["urgent"]) == ("orders", "healthy", True)


def test_what_follows_from_something_else_is_beneath_it(terminal: Terminal) -> None:
    for name in ("ops", "orders", "sales"):
        terminal("redeploy", name)
    terminal.world.overview = None
    status, out, _ = terminal("health")
    assert status == 1
    assert "because of it also: ops healthy, orders healthy, sales healthy" in out
    said = terminal.json("health")[1]
    (webserver,) = (found for found in said["findings"] if found["component"] == "webserver")
    assert [one["component"] for one in webserver["also"]] == ["ops", "orders", "sales"]
    assert "Release 1 serves" in webserver["also"][0]["observed"]
    assert not [found for found in said["findings"] if found["component"] == "orders"]


@pytest.mark.parametrize("given", [["deploy"], ["down"], ["ui"], ["logs", "webserver"], ["history"]])
def test_what_a_command_prints_with_json_is_one_document(terminal: Terminal, given: list[str]) -> None:
    assert terminal.json(*given)[0] == 0


def test_a_log_that_is_followed_is_no_document(terminal: Terminal) -> None:
    status, said = terminal.json("logs", "webserver", "--follow")
    assert status == 2
    assert "--follow goes on for ever" in said["findings"][0]["observed"]


def test_the_past_is_not_followed(terminal: Terminal) -> None:
    status, _, err = terminal("logs", "ops", "-f", "--previous", "--target", "kubernetes")
    assert (status, "--previous is over" in err) == (2, True)


def test_deploy_says_what_it_did_and_what_serves(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [Component(name="orders", kind="location", settings={})]
    monkeypatch.setattr(FakeStack, "plan", lambda self, configuration: plan(wanted, []))
    status, out, _ = terminal("deploy")
    assert status == 0
    assert [line.split(" (")[0] for line in out.splitlines()] == [
        "1 to create, 0 to update, 0 to delete, 0 unchanged",
        "orders: release 1 serves 111111111111 subject of 111111111111",
    ]


def test_every_printed_command_acts_on_the_same_stack(terminal: Terminal, tmp_path: Path) -> None:
    given = ["--config", str(tmp_path / "configvalues.yaml"), "--target", "local"]
    for command in (["health"], ["rollback", "orders"], ["deploy", "--components", "nosuch"], ["status"]):
        for arguments in ([*command, *given], [*command, *given, "--json"]):
            _, out, err = terminal(*arguments)
            commands = re.findall(r"`python -m playground_ops ([^`]*)`", out + err)
            assert all(shlex.split(found)[-4:] == given for found in commands), commands
            assert not re.search(r"`(deploy|redeploy|history|logs)\b", out + err)
    _, _, err = terminal("rollback", "orders", *given)
    (again,) = re.findall(r"`python -m playground_ops ([^`]*)`", err)
    assert terminal(*shlex.split(again))[0] == 0


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_said_inside_is_repeated_outside_with_the_options_given_there(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    captured = '"evidence": "`deploy` stands in a log",' if as_json else "  | `deploy` stands in a log"
    with click.Context(cli) as context:
        context.meta["playground_ops.repeating"] = {"target": "kubernetes", "context": 'a"b'}
        session = Session(None, None, as_json)
        session._hear('"fix": "`redeploy a` removes it",')
        session._hear(captured)
        session._hear(message("progress", location="a", text="see `logs a`"))
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert second == captured
    quoted = "--context 'a\\\"b'" if as_json else "--context 'a\"b'"
    assert first == f'"fix": "`python -m playground_ops redeploy a --target kubernetes {quoted}` removes it",'
    assert as_json or "see `python -m playground_ops logs a --target kubernetes --context" in err
