"""From an empty namespace to a stack that runs, is changed, upgraded and repaired, and taken down again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from playground_ops.render.names import OF_NAMESPACE, labels
from playground_ops.render.one_shot_pods import COMPONENT as RESOLVER
from playground_ops.targets.kubernetes.api.connection import AGENT
from tests.asking import eventually
from tests.cluster import gitservers
from tests.cluster.access import Access
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.images import postgres
from tests.cluster.pods import a_pod, ended
from tests.kubernetes.stacks import POD, ClusterStack
from tests.kubernetes.story import (
    LAUNCH,
    NEW,
    OLD,
    PAGES,
    PLAN,
    READ_ONLY,
    RELOAD,
    Eyes,
    document,
    errands,
    image_of,
    of_private_repositories,
    outcome,
    upgraded,
    write,
)
from tests.pipelines import RAISES, Pipeline, pipeline
from tests.projects import git
from tests.session.deadlines import stretched

WATCHED_SECONDS = 5
EVERY_KIND = (
    "deployments,statefulsets,jobs,services,configmaps,secrets,pvc,serviceaccounts,roles,rolebindings,"
    "networkpolicies,leases,pods"
)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A repository whose tag `good` is a good commit; the newest commit is broken."""
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("prices", "Prices")
    git(made.folder, "tag", "good")
    made.commit_text(RAISES, "Break it")
    return made


@pytest.fixture(scope="module")
def newer(cluster: Cluster) -> Iterator[None]:
    """The old image under another name."""
    cluster.node("node1").ctr("images", "tag", "--force", OLD, NEW)
    yield
    cluster.node("node1").ctr("images", "rm", NEW)


@pytest.fixture(scope="module")
def stack(
    access: Access, code: Pipeline, newer: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterStack]:
    folder, keys = (tmp_path_factory.mktemp(name) for name in ("stack", "keys"))
    with of_private_repositories(access, code, folder, keys) as made:
        yield made


def test_killed_anywhere_two_people_at_once_complete_it_and_what_is_broken_keeps_nobody_else(
    stack: ClusterStack,
) -> None:
    first = stack.start(module="playground_ops.bootstrap")
    eventually("the database to be made", lambda: stack.get("statefulsets")["items"])
    first.send_signal(signal.SIGKILL)
    first.communicate()
    both = [stack.start(module="playground_ops.bootstrap") for _ in range(2)]
    running = eventually("the rollouts to begin", lambda: errands(stack))
    stack.kubectl("delete", "pod", *running, "--grace-period=0", "--force")
    said = [one.communicate(timeout=stretched(280)) for one in both]
    assert [one.returncode for one in both] == [1, 1], said
    for words in (
        "the price list has no column vat",
        "no branch or tag `man`",
        "`main`",
        "module/pipelin",
    ):
        assert [words in err.replace("\n", " ") for _, err in said] == [True, True], said
    assert gitservers.PASSWORD not in str(said)
    assert {one["name"] for one in stack.status()["locations"] if one["release"]} == {"ops", "b", "c"}
    assert stack.servers("a") == []


def test_mended_it_is_deployed_and_then_there_is_nothing_to_do(stack: ClusterStack, code: Pipeline) -> None:
    good, mended = git(code.folder, "rev-parse", "good").strip(), code.commit("prices", "Mend it")
    whole = document(stack)
    kept = [one for one in whole["code_locations"] if not one["name"].startswith("no-")]
    write(stack, {**whole, "code_locations": kept})
    stack.ok("deploy")
    found = stack.status()
    serving = {one["name"]: (one["commit"], one["ready"]) for one in found["locations"]}
    assert (serving["a"], serving["c"]) == ((mended, True), (good, True))
    assert stack.assets("a") == stack.assets("c") == ["prices"]
    assert stack.assets("b") == ["b/numbers", "b/total"]
    assert "stack/webserver" in stack.assets("ops")
    assert "Nothing to do" in stack.bootstrap()
    assert stack.plan() == {}


def test_the_commands_say_what_is_so(stack: ClusterStack) -> None:
    """Other tests call these commands in their own process."""
    assert json.loads(stack.ok("status", "--json"))["locations"] == stack.status()["locations"]
    assert stack.location("a")["commit"][:12] in stack.ok("status")
    assert {one["action"] for one in json.loads(stack.ok("plan", "--json"))["changes"]} == {"unchanged"}
    assert "0 to create, 0 to update, 0 to delete" in stack.ok("plan")


def test_a_no_op_writes_nothing(stack: ClusterStack, cluster: Cluster) -> None:
    with recorded(cluster, agent=AGENT) as calls:
        stack.ok("deploy")
    assert calls.all
    assert calls.writes == []


def test_in_the_second_webserver_all_is_seen_and_nothing_can_be_launched(stack: ClusterStack) -> None:
    eyes = Eyes(stack)
    assert {one["name"]: one["ready"] for one in stack.status()["components"]}["webserver-read-only"]
    eventually("the assets of a to be seen", lambda: eyes.assets("a"), 60)
    assert outcome(eyes, LAUNCH, params=PLAN) == "UnauthorizedError"
    assert outcome(eyes, RELOAD) == "UnauthorizedError"
    assert outcome(stack, RELOAD) == "Workspace", "who has the other one may"
    for door in (stack, eyes):
        assert "sent by GET" in door.refused(RELOAD)
        assert "`allowed_hosts: [evil.test]`" in door.refused(RELOAD, Host="evil.test:3000")
        assert "another site" in door.refused(RELOAD, **{"Sec-Fetch-Site": "cross-site"})


def test_changed_values_are_planned_exactly_and_deployed_from_the_ui_and_the_foundation_is_left_alone(
    stack: ClusterStack,
) -> None:
    changed = document(stack)
    changed["webserver"]["pod"] = {**POD, "environment": {"LEVEL": "info"}}
    changed["daemon"]["pod"]["resources"]["requests"]["memory"] = "400Mi"
    changed["postgres"]["pod"] = {**POD, "labels": {"team": "data"}}
    changed["rollout"] = {"confirm_seconds": WATCHED_SECONDS}
    write(stack, changed)
    stack.ok("deploy", "--components", "configuration")  # into force, and nothing else yet
    stack.kubectl("label", "networkpolicy", "dagster-postgres", "app-", "--overwrite")
    stack.kubectl("delete", "networkpolicy", "dagster-locations")
    foundation = {"networkpolicy/dagster-locations", "networkpolicy/dagster-postgres"}
    foundation.add("statefulset/dagster-postgres")  # who may change that pod has all that is in it
    planned = stack.plan()
    assert foundation <= planned.keys()
    assert {name: len(fields) for name, fields in planned.items() if name not in foundation} == {
        "deployment/dagster-webserver": 2,
        f"deployment/{READ_ONLY}": 2,
        "deployment/dagster-daemon": 1,
    }
    shown = stack.launch("ops", "plan")
    stack.wait_for_success(shown)
    told = stack.messages(shown)
    assert "3 to update" in told
    assert "statefulset/dagster-postgres: needs bootstrap to update" in told
    assert "networkpolicy/dagster-locations: needs bootstrap to create" in told
    assert "networkpolicy/dagster-postgres: needs bootstrap to update" in told
    stack.wait_for_success(stack.launch("ops", "deploy"), timeout_seconds=200)
    assert stack.plan().keys() == foundation
    stack.ok("deploy")
    assert stack.plan() == {}


def test_who_does_not_watch_a_redeploy_leaves_it_to_the_pod_of_ops(stack: ClusterStack) -> None:
    number = stack.location("b")["release"] + 1
    said = stack.done("redeploy", "b", "--force", "--no-watch")
    assert said.stdout.startswith(f"b: release {number} serves ")
    assert "it goes on without this command" in said.stderr
    assert stack.get("jobs")["items"] == []

    def record() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(stack.ok("history", "b", "--json"))[-1]
        return found

    eventually("its watch to end", lambda: record()["outcome"] == "done", every_seconds=0.5)
    assert record()["durations"]["watching"] >= WATCHED_SECONDS


def test_an_image_that_can_not_migrate_changes_nothing(stack: ClusterStack) -> None:
    upgraded(stack, postgres.NAME)
    ended = stack.run("deploy")
    assert ended.returncode == 1
    assert "first the database's schema is migrated" in ended.stderr
    assert "The image has no such command." in ended.stderr
    assert (image_of(stack, "webserver"), image_of(stack, "daemon")) == (OLD, OLD)
    assert stack.get("jobs")["items"] == []


def test_from_the_ui_an_upgrade_is_refused_with_what_to_do(stack: ClusterStack) -> None:
    upgraded(stack)
    stack.ok("deploy", "--components", "configuration")
    early = stack.launch("ops", "deploy")
    assert stack.wait_for_run(early) == "FAILURE"
    assert f"an image that the configuration does not name: {NEW}" in stack.messages(early)
    assert "Run `python -m playground_ops deploy` from the stack" in stack.messages(early)
    stack.ok("deploy", "--components", "foundation")
    run = stack.launch("ops", "deploy")
    assert stack.wait_for_run(run) == "FAILURE"
    assert "schema is migrated first, which `ops` has no right to do" in stack.messages(run)
    assert image_of(stack, "webserver") == OLD


def test_an_upgrade_migrates_first_and_what_left_the_configuration_is_withdrawn_with_it(
    stack: ClusterStack,
) -> None:
    changed = document(stack)
    changed["code_locations"] = [one for one in changed["code_locations"] if one["name"] != "b"]
    changed["webserver"]["read_only"] = False
    write(stack, changed)
    gone = {"b", "service/dagster-grpc-b", f"deployment/{READ_ONLY}", f"service/{READ_ONLY}"}
    assert gone <= stack.plan().keys()
    ended = stack.run("deploy")
    assert ended.returncode == 0, ended.stderr
    said = ended.stderr
    assert said.index("the schema is migrated") < said.index("deployment/dagster-webserver changed")
    assert (image_of(stack, "webserver"), image_of(stack, "daemon")) == (NEW, NEW)
    assert stack.plan() == {}
    assert stack.get("jobs")["items"] == []
    assert READ_ONLY not in [one["metadata"]["name"] for one in stack.get("deployments")["items"]]
    eventually(
        "its pods to end", lambda: not any("-b-" in one["metadata"]["name"] for one in stack.pods("location"))
    )
    assert [found["name"] for found in stack.status()["locations"]] == ["ops", "a", "c"]
    assert {one["location"] for one in json.loads(stack.ok("history", "b", "--json"))} == {"b"}


def test_a_server_of_git_that_nobody_vouches_for_is_refused(stack: ClusterStack) -> None:
    """The same commit goes on serving, from the cluster's cache."""
    text = stack.config.read_text()
    changed = json.loads(text)
    (own,) = [one for one in changed["code_locations"] if one["name"] == "c"]
    del own["repo"]["secret"]
    write(stack, changed)
    stack.ok("deploy")
    refused = stack.run("redeploy", "c")
    said = refused.stdout + refused.stderr
    assert (refused.returncode, "Host key verification failed" in said) == (1, True), said
    stack.config.write_text(text)


def left_behind(stack: ClusterStack) -> None:
    """Leave a pod in each namespace, like a process that was killed while it resolved a ref."""
    for space in (stack.namespace, stack.namespace_of("c")):
        left = a_pod("left-behind", "true")
        left["metadata"]["labels"] = labels("left-behind", RESOLVER)
        stack.access.apply(left, namespace=space)
        ended(stack.access, space, "left-behind")


def test_down_leaves_the_data_and_then_nothing(stack: ClusterStack, access: Access) -> None:
    run = stack.launch("a", "waiting", {"ops": {"wait": {"config": {"seconds": 600}}}})
    stack.wait_for_run(run, "STARTED")
    left_behind(stack)
    stack.ok("down", "--now")
    assert stack.get("pods")["items"] == access.get("pods", "", stack.namespace_of("c"))["items"] == []
    assert {one["metadata"]["name"] for one in access.get("pvc", "", stack.namespace_of("c"))["items"]} == {
        "dagster-artifacts"
    }
    claims = {found["metadata"]["name"] for found in stack.get("pvc")["items"]}
    assert claims == {"dagster-artifacts", "data-dagster-postgres-0"}
    stack.bootstrap()
    runs = stack.graphql(PAGES)["runsOrError"]["results"]
    assert [found for found in runs if found["status"] == "SUCCESS"], "the runs of before"
    left_behind(stack)
    stack.ok("down", "--delete-data")
    ours = ("-l", "app.kubernetes.io/managed-by=playground-ops", "-o", "name")
    eventually("all to be gone", lambda: stack.kubectl("get", EVERY_KIND, *ours).split() == [])
    policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    mine = ("-l", f"{OF_NAMESPACE}={stack.namespace}", "-o", "name")
    eventually(
        "its other namespace too",
        lambda: access.kubectl("get", f"namespaces,{policies}", *mine).split() == [],
    )
