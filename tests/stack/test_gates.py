"""Gates that a location configures, and rollouts at the same time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from playground_ops.targets.local.processes import names
from tests.asking import eventually
from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched
from tests.shared import SharedStack
from tests.stacks import Stack

CODE = """\
import dagster as dg

@dg.asset
def {name}() -> None: ...

@dg.asset_check(asset={name})
def is_positive() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed={passed}, description="the total is -1")

@dg.op
def probe() -> None:
    import time
    time.sleep({seconds})
    assert {works}, "the warehouse has no table prices"

@dg.job
def smoke() -> None:
    probe()

defs = dg.Definitions(
    assets=[{name}], asset_checks=[is_positive], jobs=[smoke], executor=dg.in_process_executor)
others = dg.Definitions()
"""


MORE = """
nightly = dg.ScheduleDefinition(name="nightly", job=late, cron_schedule="0 3 * * *")
total = dg.map_asset_specs(lambda spec: spec.replace_attributes(group_name="sums"), [total])[0]
defs = dg.Definitions(
    assets=[total], asset_checks=[is_positive], jobs=[smoke, late], schedules=[nightly],
    executor=dg.in_process_executor)
"""


def text(name: str, passed: bool = True, works: bool = True, seconds: float = 0.0) -> str:
    return CODE.format(name=name, passed=passed, works=works, seconds=seconds)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit_text(text("total"), "Good")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    a = {"name": "a", **code.location, "smoke_job": "smoke", "smoke_check": "total:is_positive"}
    a |= {"attribute": "defs", "room": "20Mi"}  # the module has others beside them
    b = {"name": "b", "shared_assets": "warn"}  # it gets the commit of `a`, with its keys
    with local_stack.having(a, b) as made:
        yield made


def refused(stack: Stack) -> dict[str, Any]:
    ended = stack.run("redeploy", "a", "--json")
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)["findings"]
    assert stack.assets("a") == ["total"]
    return dict(finding)


def test_a_smoke_job_that_fails_keeps_the_commit_from_serving(stack: Stack, code: Pipeline) -> None:
    code.commit_text(text("total", works=False), "The job fails")
    finding = refused(stack)
    assert "smoke job smoke did not pass" in finding["observed"]
    assert "the warehouse has no table prices" in finding["observed"] + finding["evidence"]


def test_an_asset_check_that_fails_keeps_the_commit_from_serving(stack: Stack, code: Pipeline) -> None:
    code.commit_text(text("total", passed=False), "The check fails")
    finding = refused(stack)
    assert "smoke check total:is_positive did not pass" in finding["observed"]
    assert "the total is -1" in finding["observed"]


def test_what_takes_longer_than_it_may_has_failed(stack: Stack, code: Pipeline) -> None:
    a, b = yaml.safe_load(stack.config.read_text())["code_locations"]
    stack.configure(code_locations=[{**a, "smoke_timeout_seconds": 1}, b])
    code.commit_text(text("total", seconds=300.0), "Slow to pass")
    try:
        assert "it did not end within 1 s" in refused(stack)["observed"]
    finally:
        stack.configure(code_locations=[a, b])


def test_a_commit_is_promoted_to_another_location(stack: Stack) -> None:
    stack.ok("promote", "a", "b")
    a, b = (one for one in stack.status()["locations"] if one["name"] != "ops")
    assert (b["commit"], b["automation"]) == (a["commit"], "off")
    assert stack.assets("b") == ["total"]
    planned = json.loads(stack.ok("plan", "--json"))["changes"]
    assert [one["action"] for one in planned if one["component"] == "b"] == ["unchanged"]


def test_both_pass_and_what_serves_then_is_compared(stack: Stack, code: Pipeline) -> None:
    code.commit_text(text("total") + "\n\n@dg.job\ndef late() -> None:\n    probe()\n\n\n" + MORE, "More")
    told = stack.run("redeploy", "a").stderr
    added = ": 1 asset changed: total (group default -> sums); 1 job added (late); 1 schedule added (nightly)"
    assert 0 < told.index(added) < told.index("switching"), told
    found = json.loads(stack.ok("compare", "b", "a", "--json"))
    told = {(one["change"], one["kind"], one["name"]) for one in found["differences"]}
    assert told == {
        ("added", "job", "late"),
        ("added", "schedule", "nightly"),
        ("changed", "asset", "total"),
    }
    (total,) = [one["fields"] for one in found["differences"] if one["name"] == "total"]
    assert total == [{"path": "group", "before": "default", "after": "sums", "manager": None}]
    run = stack.launch("ops", "compare", {"before": "b", "after": "a"})
    stack.wait_for_success(run)
    assert "added: schedule nightly" in stack.messages(run)
    assert "changed: asset total (group default -> sums)" in stack.messages(run)
    assert stack.run("compare", "a", "nobody").returncode == 2


def test_the_second_of_two_rollouts_says_who_holds_the_lock(stack: Stack, code: Pipeline) -> None:
    code.commit_text(text("total", seconds=6.0), "Slow to pass")
    before = set(names(stack.state))
    first = stack.start("redeploy", "a")
    eventually("the first to have a candidate", lambda: set(names(stack.state)) - before)
    second = stack.run("redeploy", "a", "--json")
    job = stack.launch("ops", "redeploy", {"locations": ["a"]})
    other = stack.run("redeploy", "b", "--force")
    assert first.poll() is None, "another location's rollout does not wait for this one"
    _, told = first.communicate(timeout=stretched(60))

    assert (first.returncode, other.returncode) == (0, 0), told + other.stderr
    assert second.returncode == 1
    (finding,) = json.loads(second.stdout)["findings"]
    assert f"(pid {first.pid}) is under way since" in finding["observed"]
    # A job waits, and then finds nothing to do.
    stack.wait_for_success(job)


def test_a_location_that_keeps_more_than_it_may_is_told_and_its_next_rollout_refused(
    stack: Stack, code: Pipeline
) -> None:
    """What serves goes on, and no commit is held responsible: with room again the same one goes live."""
    serving = stack.location("a")["release"]
    log = stack.state / "logs" / f"a-{serving}.log"
    with log.open("ab") as printed:
        printed.write(b"row\n" * 6_000_000)
    code.commit_text(text("total") + "\n# later\n", "Later")
    finding = refused(stack)
    assert (finding["object"], finding["kind"]) == ("location/a", "capacity")
    assert "of the 20.0 MiB that it may: 2" in finding["observed"]
    assert f"logs/{log.name} (2" in finding["observed"]
    told = json.loads(stack.run("health", "--json").stdout)["findings"]
    assert [one["check"] for one in told if one["object"] == "location/a"] == ["has_room", "last_rollout"]
    assert stack.location("a")["release"] == serving
    os.truncate(log, 0)
    stack.ok("redeploy", "a")
    assert stack.location("a")["release"] > serving
