"""A stack that is changed by pushing: a repository holds its configuration and the version of this program.

`ops` and its configuration are a commit, moved from their own UI; a push of a version upgrades `ops`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playground_ops.core.model import Location
from playground_ops.defs.sensors.push import follow_sensors
from playground_ops.starting.files import DEFINITIONS, PROJECT
from playground_ops.version import __version__
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.gitservers import anonymous
from tests.cluster.packageindex import Index, own_wheel, package_index, wheels
from tests.kubernetes.stacks import POD, ROOT, ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.projects import commit_all, git, repository

EVERY_SECONDS = 5
NEWER, NOWHERE = "9.0.1", "9.0.2"
"""A version of this program on the tests' index, and one that is not there."""
SENSOR = """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor {
  sensorState { ticks(limit: 50) { tickId status } } } } }"""


VERSION = """{ assetNodeOrError(assetKey: {path: ["stack", "ops"]}) { ... on AssetNode {
  metadataEntries { label ... on TextMetadataEntry { text } } } } }"""


@dataclass(frozen=True)
class Git:
    """The stack's own repository, and that of the pipelines, with branches `main` and `next`."""

    stack: ClusterStack
    own: Path
    code: Pipeline
    url: str
    port: int
    """The port of the package index."""
    wheels: Path

    def index(self) -> AbstractContextManager[Index]:
        """Return the index, to be entered; always at the same address."""
        return package_index(wheels(), self.wheels, port=self.port)

    def pin(self, version: str) -> None:
        """Write the files that `init` makes for that version."""
        (self.own / "pyproject.toml").write_text(PROJECT.format(name="stack", version=version))

    def repo(self, ref: str = "main") -> dict[str, str]:
        return {"url": f"{self.url}/{self.code.folder.name}", "ref": ref}

    def location(self, name: str, ref: str = "main", **more: Any) -> dict[str, Any]:
        own = {"name": name, "repo": self.repo(ref), "module": "pipeline", "automation": "off"}
        return {**own, "shared_assets": "warn", **more}

    def write(self, **document: Any) -> None:
        """Write the person's file, as a clone would have it."""
        ops = {"repo": {"url": f"{self.url}/{self.own.name}", "ref": "main"}}
        self.stack.configure(ops=ops, **document)

    def push(self, **document: Any) -> str:
        """Commit this configuration to the stack's repository. Returns the commit's hash."""
        self.write(**document)
        return self.push_text(self.stack.config.read_text())

    def push_text(self, text: str) -> str:
        (self.own / "configvalues.yaml").write_text(text)
        return commit_all(self.own, "Configure")


@pytest.fixture(scope="module")
def made(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Git]:
    root = tmp_path_factory.mktemp("git")
    code = pipeline(root / "pipelines")
    code.commit("prices")
    git(code.folder, "branch", "next")
    own, packages = repository(root / "stack"), tmp_path_factory.mktemp("wheels")
    (own / "ops").mkdir()
    (own / "ops" / "definitions.py").write_text(DEFINITIONS)
    own_wheel(packages, ROOT, NEWER)
    with package_index() as index:
        at = {"packages": {"index_url": index.url}}
    folder = tmp_path_factory.mktemp("stack")
    with a_cluster_stack(access, folder, cluster=at) as stack, anonymous(root) as url:
        found = Git(stack, own, code, url, index.port, packages)
        found.pin(__version__)
        followed = {"follow": True, "follow_interval_seconds": EVERY_SECONDS}
        found.push(code_locations=[found.location("a", **followed), found.location("c", "next", **followed)])
        stack.bootstrap()
        yield found


def version(stack: ClusterStack) -> str:
    """Return the version that `ops` tells of itself, by its asset."""
    entries = stack.graphql(VERSION)["assetNodeOrError"]["metadataEntries"]
    return next(str(one["text"]) for one in entries if one["label"] == "playground-ops")


def redeploy(stack: ClusterStack, end: str = "SUCCESS") -> str:
    """Redeploy `ops`, from its own UI. Returns the messages on the run's page."""
    run = stack.launch("ops", "redeploy", {"locations": ["ops"]})
    ended = stack.wait_for_run(run)
    told = stack.messages(run)
    assert ended == end, told
    return told


def test_the_stack_is_at_the_commit_that_was_pushed(made: Git) -> None:
    commit = git(made.own, "rev-parse", "HEAD").strip()
    found = made.stack.status()
    assert made.stack.location("ops")["commit"] == commit
    assert f"configvalues.yaml of commit {commit[:12]} (main)" in found["configuration"]
    assert "Nothing to do" in made.stack.bootstrap()


def test_locations_that_follow_one_repository_cost_one_pod_a_tick(made: Git, cluster: Cluster) -> None:
    sensor = follow_sensors(
        [
            Location(
                name="a", repository=made.repo()["url"], follow=True, follow_interval_seconds=EVERY_SECONDS
            )
        ]
    )[0].name
    where = {
        "repositoryLocationName": "ops",
        "repositoryName": "__repository__",
        "sensorName": sensor,
    }

    def ticks() -> int:
        state = made.stack.graphql(SENSOR, s=where)["sensorOrError"]["sensorState"]
        return sum(one["status"] != "STARTED" for one in state["ticks"])

    before = ticks()
    with recorded(cluster, namespace=made.stack.namespace) as calls:
        eventually("two ticks", lambda: ticks() >= before + 2, every_seconds=0.2)
        ticked = ticks() - before
    pods = [one for one in calls.writes if (one.verb, one.resource) == ("create", "pods")]
    assert ticked - 1 <= len(pods) <= ticked + 1, f"{len(pods)} pods, {ticked} ticks"

    made.code.commit("offers")
    eventually("a to serve it", lambda: made.stack.assets("a") == ["offers"], every_seconds=0.5)
    assert made.stack.assets("c") == ["prices"]


def test_a_push_and_two_jobs_change_the_stack(made: Git, cluster: Cluster) -> None:
    stack = made.stack
    assert version(stack) == __version__, "from the archive, and no index was there to be asked"
    webserver = {"pod": {**POD, "environment": {"LEVEL": "info"}}}
    commit = made.push(webserver=webserver, code_locations=[made.location("a"), made.location("d", "next")])
    told = redeploy(stack)
    assert "ops · confirming" in told
    assert stack.location("ops")["commit"] == commit
    eventually("its assets", lambda: "stack/d" in stack.assets("ops"))

    run = stack.launch("ops", "deploy")
    stack.wait_for_success(run, timeout_seconds=200)
    assert [found["name"] for found in stack.status()["locations"]] == ["ops", "a", "d"]
    variables = stack.get("deployment", "dagster-webserver")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "LEVEL", "value": "info"} in variables["env"]
    with recorded(cluster, namespace=stack.namespace) as calls:
        again = stack.launch("ops", "redeploy")
        stack.wait_for_success(again)
        assert "nothing to do" in stack.messages(again)
    pods = [one for one in calls.writes if (one.verb, one.resource) == ("create", "pods")]
    assert len(pods) == 2, "of the two repositories"


def test_a_push_of_a_version_upgrades_ops_and_a_rollback_brings_it_back(made: Git) -> None:
    stack = made.stack
    made.pin(NEWER)
    made.push(code_locations=[made.location("a"), made.location("d", "next")])
    with made.index():
        redeploy(stack)
    eventually("the new version", lambda: version(stack) == NEWER)
    assert f"by playground-ops {NEWER}" in stack.status()["configuration"]

    before = stack.uids("location")
    stack.kubectl("delete", "pod", "--selector", "playground.dagster/location=ops", "--now")
    eventually("another pod", lambda: stack.uids("location") - before)
    eventually("it to be ready, without the index", lambda: stack.location("ops")["ready"])
    assert version(stack) == NEWER

    refused = stack.run("deploy")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert f"This program is version {__version__}, and `ops` serves version {NEWER}" in said
    stack.ok("rollback", "ops")  # by a Job with the code of the release in force
    eventually("the version before", lambda: version(stack) == __version__)


def test_a_faulty_commit_never_serves_and_every_fault_is_told(made: Git) -> None:
    before = made.stack.location("ops")["release"]
    made.push_text("webservr: {}\ncode_locations: [{name: A}]\n")
    with made.index():
        told = redeploy(made.stack, "FAILURE")
        assert "webservr" in told
        assert "code_locations[0].name" in told
        made.pin(NOWHERE)
        made.push(code_locations=[made.location("a")])
        told = redeploy(made.stack, "FAILURE")
    assert f"Version {NOWHERE}, which pyproject.toml pins, is not on the package index" in told
    assert made.stack.location("ops")["release"] == before
    assert "stack/d" in made.stack.assets("ops")


def test_what_a_person_did_not_apply_needs_bootstrap(made: Git) -> None:
    shutil.copytree(made.code.folder, made.code.folder.parent / "others")
    other = {**made.location("e"), "repo": {"url": f"{made.url}/others", "ref": "main"}}
    made.pin(__version__)
    commit = made.push(code_locations=[made.location("a"), other])
    told = redeploy(made.stack, "FAILURE")
    assert f"repository/{made.url}/others" in told
    assert "needs bootstrap" in told

    made.stack.ok("deploy")  # the person's clone is at that commit
    assert made.stack.location("ops")["commit"] == commit
    assert made.stack.location("e")["ready"]
    run = made.stack.launch("ops", "plan")
    made.stack.wait_for_success(run)
    assert "need bootstrap" not in made.stack.messages(run)


def test_a_command_from_outside_acts_on_what_is_in_force(made: Git) -> None:
    """The person's file differs from it by then."""
    made.write(code_locations=[made.location("a", environment={"LOCAL": "edit"}), made.location("e")])
    before = json.loads(made.stack.ok("history", "a", "--json"))[-1]["configuration"]
    made.code.commit("orders")
    made.stack.ok("redeploy", "a")
    assert made.stack.assets("a") == ["orders"]
    after = json.loads(made.stack.ok("history", "a", "--json"))[-1]
    assert (after["outcome"], after["configuration"]) == ("done", before)


def test_a_clone_of_this_project_brings_its_own_code(made: Git) -> None:
    for package in ("playground_ops", "playground"):
        shutil.copytree(ROOT / package, made.own / package, ignore=shutil.ignore_patterns("__pycache__"))
    (made.own / "playground_ops" / "version.py").write_text('__version__ = "0.2.0+ours"\n')
    commit = made.push(code_locations=[made.location("a")])
    made.stack.ok("redeploy", "ops")
    assert made.stack.location("ops")["commit"] == commit
    eventually("its own version", lambda: version(made.stack) == "0.2.0+ours")
    made.stack.ok("redeploy", "a")
