"""Real failures of a stack that serves: `health` reports each in one sentence, and nothing else.

Each is repaired before the next: a stack that was broken in every way is well again at the end.
"""

from __future__ import annotations

import json
import tarfile
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from playground_ops.config import read
from playground_ops.engine.health.examine import parts_of
from tests.ailing import LAST_ROLLOUT, Case, make, make_all, make_together, wait_until_well
from tests.cluster.cluster import Cluster
from tests.kubernetes.ailments import CASES, Place
from tests.kubernetes.metrics import MEMORY
from tests.kubernetes.outages import OUTAGES
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ROOT
from tests.kubernetes.unforeseen import UNFORESEEN

RESULTS = ROOT / "docs" / "health-failures.md"
HEAD = """\
# Failures of a stack that serves

Each was made for real on the tests' cluster, and mended before the next. Written by
`uv run pytest -m soak tests/kubernetes/test_health.py`.
"""
LISTED = (
    *("exec", "svc/dagster-grpc-ops", "--", "python", "-c"),
    "import glob, json; print(json.dumps(max(glob.glob('/opt/dagster/artifacts/collected/*'))))",
)
DELETED, AWAY = "a server's Deployment deleted", "the webserver scaled to nothing"
"""The cases of the default run, with memory; each check has cases of its own in tests/unit."""


def named(name: str) -> Case[Place]:
    return next(case for case in CASES if case.name == name)


@pytest.fixture(scope="module")
def place(shared_stack: Pool, tmp_path_factory: pytest.TempPathFactory) -> Place:
    stack = shared_stack.plain()
    (repo,) = [one["repo"] for one in stack.always if one["name"] == "a"]
    return Place(stack, shared_stack.code("a"), repo)


def test_all_that_tells_something_is_collected(place: Place, tmp_path: Path) -> None:
    place.stack.ok("collect", "--output", str(tmp_path / "out.tar.gz"))
    password = b64decode(place.stack.get("secret", "dagster-postgres")["data"]["password"]).decode()
    with tarfile.open(tmp_path / "out.tar.gz") as made:
        found = {one.name.partition("/")[2]: made.extractfile(one) for one in made.getmembers()}
        texts = {name: file.read().decode() for name, file in found.items() if file is not None}
    told = json.loads(texts["health.json"])["findings"]
    assert [one for one in told if one["check"] != LAST_ROLLOUT] == []
    namespace = place.stack.namespace
    assert "dagster-postgres" in texts[f"objects/{namespace}/Secret.jsonl"]
    logs = [name for name in texts if name.startswith(f"logs/{namespace}/dagster-grpc-a-")]
    assert any("git-sync" in name for name in logs)
    assert not [name for name, text in texts.items() if password in text]
    run = place.stack.launch("ops", "collect_logs")
    place.stack.wait_for_success(run)
    file = json.loads(place.stack.kubectl(*LISTED).splitlines()[-1])
    assert file.endswith(".tar.gz")


def test_one_cause_is_told_once(place: Place) -> None:
    make(place, named(AWAY))


def test_two_failures_are_told_each_with_its_cause(place: Place) -> None:
    """Memory that is nearly used up is told where somebody measures it."""
    make_together(place, [named(DELETED), MEMORY])


def test_who_may_no_longer_look_is_red_itself(place: Place) -> None:
    """Without the rights of `ops` no other check reports anything, and none is said to be well."""
    place.stack.kubectl("delete", "rolebinding", "dagster-ops")
    run = place.stack.launch("ops", "health_check")
    assert place.stack.wait_for_run(run) == "FAILURE"
    told = evaluations(place, of_run=run)
    (red,) = told.pop(("ops", "healthy"))
    assert "playground_ops.bootstrap" in red
    assert red.removeprefix("ops: ") in place.stack.messages(run)
    assert not any(told.values())
    said = place.stack.run("health")
    assert (said.returncode, "playground_ops bootstrap --config" in said.stdout + said.stderr) == (1, True), (
        said
    )
    place.stack.bootstrap()
    wait_until_well(place.stack)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "cases", [[*CASES, MEMORY], OUTAGES, UNFORESEEN], ids=["by hand", "outages", "unforeseen"]
)
def test_each_of_them_is_told_with_its_cause_and_nothing_else_is(
    place: Place, cluster: Cluster, cases: Sequence[Case[Place]]
) -> None:
    """Cases that break the cluster are included: this test has it for itself."""
    place.as_before()
    make_all(place, cases, RESULTS, HEAD)


LOAD_SECONDS, LAUNCH_SECONDS, REDEPLOY_SECONDS = 1800.0, 15.0, 120.0
EVALUATED = """query($key: AssetKeyInput!, $check: String!) { assetCheckExecutions(assetKey: $key,
  checkName: $check, limit: 1000) { runId status evaluation { description } } }"""


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_healthy_stack_under_load_gives_no_false_alarm(
    place: Place, record_property: Callable[[str, object], None]
) -> None:
    """Runs begin and end, and releases follow one another, while the sensor and the schedule check."""
    place.as_before()
    wait_until_well(place.stack)
    runs, redeploys, began = [], 0, time.monotonic()
    before = evaluations(place)
    config = {"ops": {"wait": {"config": {"seconds": 5.0}}}}
    while time.monotonic() - began < LOAD_SECONDS:
        runs.append(place.stack.launch("a", "waiting", config))
        if time.monotonic() - began > redeploys * REDEPLOY_SECONDS:
            place.afresh()
            redeploys += 1
        time.sleep(LAUNCH_SECONDS)  # the load's interval
    ends = [place.stack.wait_for_run(run) for run in runs]
    told = evaluations(place)
    alarms = [one for key, found in told.items() for one in found[: len(found) - len(before[key])] if one]
    record_property("runs", len(runs))
    record_property("releases", redeploys)
    record_property("evaluations", sum(map(len, told.values())) - sum(map(len, before.values())))
    record_property("alarms", len(alarms))
    assert (alarms, set(ends)) == ([], {"SUCCESS"})


def evaluations(place: Place, of_run: str | None = None) -> dict[tuple[str, str], list[str]]:
    """Return each check's descriptions, the newest first: empty where it passed, else what was reported.
    Checks that a run planned and did not get to are left out; `of_run` selects one run."""
    configuration = read(place.stack.config.read_text(), place.stack.config)
    found = {}
    for name, topics in parts_of(configuration, in_cluster=True).items():
        for topic in topics:
            asked = {"key": {"path": ["stack", name]}, "check": topic.value}
            rows = place.stack.graphql(EVALUATED, **asked)["assetCheckExecutions"]
            ended = [one for one in rows if one["evaluation"] is not None and of_run in (None, one["runId"])]
            found[name, topic.value] = [
                "" if one["status"] == "SUCCEEDED" else f"{name}: {one['evaluation']['description']}"
                for one in ended
            ]
    return found
