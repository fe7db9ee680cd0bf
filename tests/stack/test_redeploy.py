"""Redeploys of a real stack: good commits serve, bad ones never do and say why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.projects import git
from tests.shared import changed
from tests.stacks import Stack


def redeploy(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    ended = stack.run("redeploy", *arguments, "--json")
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def redeploy_with(stack: Stack, **settings: object) -> tuple[int, dict[str, Any]]:
    """Redeploy `a`, with other settings in the configuration than are deployed."""
    with changed(stack, "a", **settings):
        return redeploy(stack, "a")


def without_draining(stack: Stack) -> dict[str, Any] | None:
    """Return the location; nothing while a release of it drains, which another file may have left warm."""
    found = stack.location("a")
    return found if found["draining"] == [] else None


def serving_assets(stack: Stack) -> list[str]:
    return stack.assets("a")


def test_a_good_commit_serves_and_is_on_record(stack: Stack, code: Pipeline) -> None:
    commit = code.commit("second", "Now with a second one")
    before, number = stack.location("a"), stack.next_number("a")

    status, said = redeploy(stack, "a")

    assert status == 0, said
    after = eventually("what drains to be gone", lambda: without_draining(stack), every_seconds=0.5)
    assert serving_assets(stack) == ["second"]
    assert after["commit"] == commit
    assert after["release"] == number
    assert after["previous"] == before["release"]
    assert after["candidate"] is None
    assert after["subject"] == "Now with a second one"
    assert after["last_rollout"]["outcome"] == "done"

    status, said = redeploy(stack, "a")  # what serves already
    assert (status, stack.location("a")) == (0, after)
    assert said["rollouts"][0]["outcome"] == "unchanged"


def test_without_a_name_those_whose_ref_has_moved(stack: Stack, code: Pipeline) -> None:
    assert redeploy(stack)[1]["rollouts"] == []
    commit = code.commit("third")
    said = redeploy(stack)[1]
    assert [(found["location"], found["revision"]["commit"]) for found in said["rollouts"]] == [("a", commit)]


BAD_CODE: dict[str, tuple[str, str]] = {
    "import error": (pipelines.IMPORT_ERROR, "cannot import name 'there_is_no_such_name'"),
    "module not found": (pipelines.NO_MODULE, "No module named 'a_package_that_nobody_installed'"),
    "syntax error": (pipelines.SYNTAX_ERROR, "SyntaxError: invalid syntax"),
    "invalid definitions": (pipelines.INVALID, "twice"),
    "raises at import": (pipelines.RAISES, "the price list has no column vat"),
    "no definitions": (pipelines.NO_DEFINITIONS, "pipeline"),
}


@pytest.fixture(scope="module")
def before(stack: Stack) -> dict[str, Any]:
    """The location as it served before the bad commits came."""
    return stack.location("a")


@pytest.mark.parametrize("name", BAD_CODE)
def test_a_bad_commit_never_serves_and_says_why(
    stack: Stack, code: Pipeline, before: dict[str, Any], name: str
) -> None:
    text, seen = BAD_CODE[name]
    code.commit_text(text, name)

    status, said = redeploy(stack, "a")

    assert status == 1
    (finding,) = said["findings"]
    assert finding["kind"] == "certain"
    assert seen in finding["observed"], finding
    assert finding["cause"]
    assert finding["fix"]
    assert finding["evidence"]
    after = stack.location("a")
    assert seen in after["last_rollout"]["reason"]
    same = ("release", "commit", "since", "previous", "ready", "restarts", "candidate")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert serving_assets(stack) == ["third"]


def test_a_rejected_commit_is_left_alone_until_it_is_forced(stack: Stack, code: Pipeline) -> None:
    """It is the last of the bad ones."""
    assert redeploy(stack)[1]["rollouts"] == []  # its ref has not moved since
    again, said = redeploy(stack, "a")
    assert again == 1
    assert "was rejected at" in said["findings"][0]["observed"]
    forced, said = redeploy(stack, "a", "--force")
    assert forced == 1
    assert "was rejected at" not in said["findings"][0]["observed"]


def test_a_server_that_hangs_is_given_up_at_the_deadline(stack: Stack, code: Pipeline) -> None:
    code.commit_text(pipelines.HANGS, "hangs")
    status, said = redeploy_with(stack, startup_timeout_seconds=5)
    assert status == 1
    assert "did not answer within 5 s" in said["findings"][0]["observed"]
    assert serving_assets(stack) == ["third"]


def test_a_server_that_dies_just_after_the_switch_is_taken_back(stack: Stack, code: Pipeline) -> None:
    run = next((stack.state / "run").parent.glob("run")).resolve()
    code.commit_text(
        pipelines.DIES_SOON.format(asset="short_lived").replace("PLAYGROUND_TEST_RUN", "TEST_RUN"), "dies"
    )
    before = stack.location("a")
    status, said = redeploy_with(stack, environment={"TEST_RUN": str(run)})
    assert status == 1, said
    assert "ended" in said["findings"][0]["observed"], said
    assert serving_assets(stack) == ["third"]
    assert stack.location("a")["release"] == before["release"]


def test_a_tag_and_a_commit_can_be_named_and_an_unknown_ref_is(stack: Stack, code: Pipeline) -> None:
    """All other tests go to a branch."""
    fourth, fifth = code.commit("fourth"), code.commit("fifth")
    git(code.folder, "tag", "--force", "--annotate", "--message", "first release", "v1", fourth)
    for ref, asset in (("v1", "fourth"), (fifth, "fifth")):
        status, said = redeploy(stack, "a", "--ref", ref)
        assert status == 0, said
        assert serving_assets(stack) == [asset]
        assert stack.location("a")["ref"] == ref
    status, said = redeploy(stack, "a", "--ref", "no-such-branch")
    assert status == 1
    assert "no-such-branch" in json.dumps(said["findings"][0])
    assert serving_assets(stack) == ["fifth"]


def test_rollback_goes_to_the_one_before_and_further_and_to_a_number(stack: Stack) -> None:
    number = stack.location("a")["release"]
    for asset in ("fourth", "third"):
        stack.ok("rollback", "a")
        assert serving_assets(stack) == [asset]
    stack.ok("rollback", "a", "--to", str(number))
    assert serving_assets(stack) == ["fifth"]


def test_who_does_not_watch_leaves_it_to_a_process_of_its_own(
    stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    watched = tmp_path / "configvalues.yaml"
    whole = yaml.safe_load(stack.config.read_text())
    watched.write_text(yaml.safe_dump({**whole, "rollout": {"confirm_seconds": 5}}))
    commit, number = code.commit("sixth", "Left alone"), stack.next_number("a")

    said = stack.run("redeploy", "a", "--no-watch", "--config", str(watched))

    assert "it goes on without this command" in said.stderr
    assert said.stdout.startswith(f"a: release {number} serves {commit[:12]} Left alone (")

    def record() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(stack.ok("history", "a", "--json"))[-1]
        return found

    eventually("its watch to end", lambda: record()["outcome"] == "done", every_seconds=0.5)
    assert record()["durations"]["watching"] >= 5


WANTS_A_VARIABLE = """\
import os

print("it is", os.environ["PIPELINE_TOKEN"], flush=True)
"""


VALUES = ("hunter2-hunter2", "another-hunter3")


def test_a_variable_that_no_shell_has_is_named_and_a_file_gives_it(stack: Stack, code: Pipeline) -> None:
    commit = code.commit_text(f"{WANTS_A_VARIABLE}{pipelines.DEFINITIONS.format(asset='secret')}", "Log in")
    finding = redeploy(stack, "a")[1]["findings"][0]
    assert "PIPELINE_TOKEN is not in the environment" in finding["cause"]
    assert "started the supervisor at 20" in finding["cause"]
    assert "`environment_file:`" in finding["fix"]

    file, said = stack.config.with_name("a.env"), ""
    with changed(stack, "a", environment_file="a.env"):
        for value in VALUES:
            file.write_text(f"# of the warehouse\nPIPELINE_TOKEN='{value}'\n")
            number = stack.next_number("a")
            said += stack.ok("redeploy", "a")
            serves = stack.location("a")
            assert (serves["release"], serves["commit"]) == (number, commit), "the commit was not rejected"
        file.write_text("PIPELINE_TOKEN=unlike-both")
        (change,) = [one for one in json.loads(stack.ok("plan", "--json"))["changes"] if one["fields"]]
        assert [field["path"] for field in change["fields"]] == ["environment_file"]
        log = stack.ok("logs", "a")
    code.commit("seventh")
    stack.ok("redeploy", "a")  # as configured for the files after this one, without a file of variables
    assert "it is ***" in log
    assert not any(value in said + log for value in VALUES)
    texts = {path: path.read_text() for path in stack.state.rglob("*.json")}
    holding = {path.parent.name for path, text in texts.items() if any(value in text for value in VALUES)}
    assert holding == {"processes"}, "by what lies there it is started again, and its owner alone reads it"
