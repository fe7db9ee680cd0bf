"""From an empty namespace to a stack that runs, is changed, broken and mended, and taken down again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from playground_ops.targets.kubernetes.api.connection import AGENT
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.gitservers import PASSWORD, USER, by_password
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched

EVERY_KIND = (
    "deployments,statefulsets,jobs,services,configmaps,secrets,pvc,serviceaccounts,roles,rolebindings,"
    "networkpolicies,leases,pods"
)
PAGES = "{ runsOrError { ... on Runs { results { runId status } } } }"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("prices", "Prices")
    return made


@pytest.fixture(scope="module")
def stack(access: Access, code: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    """Its Secret comes first, where there is no namespace yet; and two people make the stack at once."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "token").write_text(PASSWORD)
    with a_cluster_stack(access, folder) as made, by_password(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main", "secret": "code-git"}
        made.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}])
        access.delete_namespace(made.namespace, wait=True)
        made.ok("secret", "git", "code-git", "--username", USER, "--token-file", str(folder / "token"))
        both = [made.start(module="playground_ops.bootstrap") for _ in range(2)]
        said = [one.communicate(timeout=stretched(280)) for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        yield made


def test_two_people_at_once_make_one_stack_and_a_second_bootstrap_has_nothing_to_do(
    stack: ClusterStack,
) -> None:
    assert {one["release"] for one in stack.status()["locations"]} == {1}
    assert stack.assets("a") == ["prices"]
    assert stack.assets("b") == ["b/numbers", "b/total"]
    assert "stack/webserver" in stack.assets("ops")
    assert "Nothing to do" in stack.bootstrap()
    assert stack.plan() == {}


def test_a_no_op_writes_nothing(stack: ClusterStack, cluster: Cluster) -> None:
    with recorded(cluster, agent=AGENT) as calls:
        stack.ok("deploy")
    assert calls.all
    assert calls.writes == []


def test_the_first_release_is_of_the_commit_that_the_ref_led_to(stack: ClusterStack, code: Pipeline) -> None:
    found = stack.location("a")
    assert (found["release"], len(found["commit"]), found["ready"]) == (1, 40, True)


def test_three_values_are_planned_exactly_and_deployed_from_the_ui(stack: ClusterStack) -> None:
    document = yaml.safe_load(stack.config.read_text())
    document["webserver"]["pod"]["environment"] = {"LEVEL": "info"}
    document["daemon"]["pod"]["resources"]["requests"]["memory"] = "400Mi"
    document["postgres"]["pod"]["labels"] = {"team": "data"}
    stack.config.write_text(yaml.safe_dump(document))
    stack.ok("deploy", "--components", "configuration")  # into force, and nothing else yet
    planned = stack.plan()
    assert {name: len(fields) for name, fields in planned.items()} == {
        "deployment/dagster-webserver": 2,
        "deployment/dagster-daemon": 1,
        "statefulset/dagster-postgres": 1,
    }
    shown = stack.launch("ops", "plan")
    stack.wait_for_success(shown)
    assert "3 to update" in stack.messages(shown)
    run = stack.launch("ops", "deploy")
    stack.wait_for_success(run, timeout_seconds=200)
    assert stack.plan() == {}


def test_from_the_ui_the_foundation_is_shown_and_left_alone(stack: ClusterStack) -> None:
    stack.kubectl("label", "networkpolicy", "dagster-postgres", "app-", "--overwrite")
    stack.kubectl("delete", "networkpolicy", "dagster-locations")
    run = stack.launch("ops", "deploy")
    stack.wait_for_success(run)
    shown = stack.launch("ops", "plan")
    stack.wait_for_success(shown)
    told = stack.messages(shown)
    assert "networkpolicy/dagster-locations: needs bootstrap to create" in told
    assert "networkpolicy/dagster-postgres: needs bootstrap to update" in told
    stack.ok("deploy")
    assert stack.plan() == {}
    again = stack.launch("ops", "plan")
    stack.wait_for_success(again)
    assert "need bootstrap" not in stack.messages(again)


def test_a_location_that_left_the_configuration_is_withdrawn(stack: ClusterStack) -> None:
    document = yaml.safe_load(stack.config.read_text())
    document["code_locations"] = document["code_locations"][:1]
    stack.config.write_text(yaml.safe_dump(document))
    assert {"service/dagster-grpc-b", "b"} <= stack.plan().keys()
    stack.ok("deploy")
    assert stack.plan() == {}
    eventually(
        "its pods to end", lambda: not any("-b-" in one["metadata"]["name"] for one in stack.pods("location"))
    )
    assert [found["name"] for found in stack.status()["locations"]] == ["ops", "a"]


def test_down_leaves_the_data_and_then_nothing(stack: ClusterStack) -> None:
    run = stack.launch("a", "waiting", {"ops": {"wait": {"config": {"seconds": 600}}}})
    stack.wait_for_run(run, "STARTED")
    stack.ok("down", "--now")
    assert stack.get("pods")["items"] == []
    claims = {found["metadata"]["name"] for found in stack.get("pvc")["items"]}
    assert claims == {"dagster-artifacts", "data-dagster-postgres-0"}
    stack.bootstrap()
    runs = stack.graphql(PAGES)["runsOrError"]["results"]
    assert [found for found in runs if found["status"] == "SUCCESS"], "the runs of before"
    stack.ok("down", "--now", "--delete-data")
    ours = ("-l", "app.kubernetes.io/managed-by=playground-ops", "-o", "name")
    eventually("all to be gone", lambda: stack.kubectl("get", EVERY_KIND, *ours).split() == [])
