"""From an empty namespace to a stack that runs, is changed, upgraded and mended, and taken down again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground_ops.render.names import OF_NAMESPACE
from playground_ops.targets.kubernetes.api.connection import AGENT
from tests.asking import Asking, eventually
from tests.cluster import gitservers
from tests.cluster.access import Access
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.images import dagster, postgres
from tests.kubernetes.stacks import POD, ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.projects import git
from tests.session.deadlines import stretched

EVERY_KIND = (
    "deployments,statefulsets,jobs,services,configmaps,secrets,pvc,serviceaccounts,roles,rolebindings,"
    "networkpolicies,leases,pods"
)
PAGES = "{ runsOrError { ... on Runs { results { runId status } } } }"
READ_ONLY = "dagster-webserver-read-only"
LAUNCH = "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename } }"
RELOAD = "mutation { reloadWorkspace { __typename } }"
PLAN = {
    "selector": {
        "repositoryLocationName": "ops",
        "repositoryName": "__repository__",
        "jobName": "plan",
    },
    "runConfigData": {},
}
OLD = dagster.name()
NEW = f"{OLD.partition(':')[0]}:as-if-newer"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("prices", "Prices")
    return made


@pytest.fixture(scope="module")
def newer(cluster: Cluster) -> Iterator[None]:
    """An image that is the old one under another name."""
    cluster.node("node1").ctr("images", "tag", "--force", OLD, NEW)
    yield
    cluster.node("node1").ctr("images", "rm", NEW)


@pytest.fixture(scope="module")
def stack(
    access: Access, code: Pipeline, newer: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterStack]:
    """Its Secrets come first, where there is no namespace yet; and two people make the stack at once.

    Both repositories are private: one is fetched over HTTP by a password, one over SSH by a key.
    """
    folder, root = tmp_path_factory.mktemp("stack"), code.folder.parent
    with (
        a_cluster_stack(access, folder) as made,
        gitservers.by_password(root) as http,
        gitservers.by_ssh(root, tmp_path_factory.mktemp("keys")) as ssh,
    ):
        urls = {"a": http, "c": ssh.url}
        repos = {
            name: {"url": f"{url}/{code.folder.name}", "ref": "main", "secret": f"git-{name}"}
            for name, url in urls.items()
        }
        made.configure(
            code_locations=[
                {"name": "a", "repo": repos["a"], "module": "pipeline"},
                {"name": "b"},
                {
                    **{"name": "c", "repo": repos["c"], "module": "pipeline", "automation": "off"},
                    "isolation": True,
                },
            ],
            webserver={"pod": POD, "read_only": True},
        )
        access.delete_namespace(made.namespace, wait=True)
        for name, flags in secrets_of(folder, ssh).items():
            assert f"Read by: {name}" in made.ok("secret", "git", f"git-{name}", *flags)
        both = [made.start(module="playground_ops.bootstrap") for _ in range(2)]
        said = [one.communicate(timeout=stretched(280)) for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        assert gitservers.PASSWORD not in str(said)
        try:
            yield made
        finally:
            access.delete_namespace(away(made), wait=False)


def away(stack: ClusterStack) -> str:
    """The namespace of `c`."""
    return f"{stack.namespace}-c"


def secrets_of(folder: Path, ssh: gitservers.SshAccess) -> dict[str, list[str]]:
    """Of each location: what `secret git` is given."""
    for name, content in (("key", ssh.key), ("hosts", ssh.known_hosts), ("token", gitservers.PASSWORD)):
        (folder / name).write_text(content)
    return {
        "a": ["--username", gitservers.USER, "--token-file", str(folder / "token")],
        "c": ["--ssh-key", str(folder / "key"), "--known-hosts", str(folder / "hosts")],
    }


def document(stack: ClusterStack) -> dict[str, Any]:
    """The configuration, to be changed and written."""
    found: dict[str, Any] = json.loads(stack.config.read_text())
    return found


def write(stack: ClusterStack, changed: dict[str, Any]) -> None:
    stack.config.write_text(json.dumps(changed))


def test_two_people_at_once_make_one_stack_and_a_second_bootstrap_has_nothing_to_do(
    stack: ClusterStack, code: Pipeline
) -> None:
    found = stack.status()
    assert {one["release"] for one in found["locations"]} == {1}
    serving = {one["name"]: (one["commit"], one["ready"]) for one in found["locations"]}
    assert serving["a"] == serving["c"] == (git(code.folder, "rev-parse", "HEAD").strip(), True)
    assert stack.assets("a") == stack.assets("c") == ["prices"]
    assert stack.assets("b") == ["b/numbers", "b/total"]
    assert "stack/webserver" in stack.assets("ops")
    assert "Nothing to do" in stack.bootstrap()
    assert stack.plan() == {}


def test_a_no_op_writes_nothing(stack: ClusterStack, cluster: Cluster) -> None:
    with recorded(cluster, agent=AGENT) as calls:
        stack.ok("deploy")
    assert calls.all
    assert calls.writes == []


class Eyes(Asking):
    """Whoever has only the address of the second webserver."""

    def __init__(self, stack: ClusterStack) -> None:
        self._address = stack.get("service", READ_ONLY)["spec"]["clusterIP"]

    @property
    def ui(self) -> str:
        return f"http://{self._address}:3000"


def outcome(asked: Asking, query: str, **variables: Any) -> str:
    (answer,) = asked.graphql(query, **variables).values()
    return str(answer["__typename"])


def test_in_the_second_webserver_all_is_seen_and_nothing_can_be_launched(stack: ClusterStack) -> None:
    eyes = Eyes(stack)
    assert {one["name"]: one["ready"] for one in stack.status()["components"]}["webserver-read-only"]
    eventually("the assets of a to be seen", lambda: eyes.assets("a"), 60)
    assert outcome(eyes, LAUNCH, params=PLAN) == "UnauthorizedError"
    assert outcome(eyes, RELOAD) == "UnauthorizedError"
    assert outcome(stack, RELOAD) == "Workspace", "who has the other one may"


def test_changed_values_are_planned_exactly_and_deployed_from_the_ui_and_the_foundation_is_left_alone(
    stack: ClusterStack,
) -> None:
    changed = document(stack)
    changed["webserver"]["pod"] = {**POD, "environment": {"LEVEL": "info"}}
    changed["daemon"]["pod"] = {"resources": {"requests": {"cpu": "10m", "memory": "400Mi"}}}
    changed["postgres"]["pod"] = {**POD, "labels": {"team": "data"}}
    write(stack, changed)
    stack.ok("deploy", "--components", "configuration")  # into force, and nothing else yet
    stack.kubectl("label", "networkpolicy", "dagster-postgres", "app-", "--overwrite")
    stack.kubectl("delete", "networkpolicy", "dagster-locations")
    foundation = {"networkpolicy/dagster-locations", "networkpolicy/dagster-postgres"}
    planned = stack.plan()
    assert foundation <= planned.keys()
    assert {name: len(fields) for name, fields in planned.items() if name not in foundation} == {
        "deployment/dagster-webserver": 2,
        f"deployment/{READ_ONLY}": 2,
        "deployment/dagster-daemon": 1,
        "statefulset/dagster-postgres": 1,
    }
    shown = stack.launch("ops", "plan")
    stack.wait_for_success(shown)
    told = stack.messages(shown)
    assert "4 to update" in told
    assert "networkpolicy/dagster-locations: needs bootstrap to create" in told
    assert "networkpolicy/dagster-postgres: needs bootstrap to update" in told
    stack.wait_for_success(stack.launch("ops", "deploy"), timeout_seconds=200)
    assert stack.plan().keys() == foundation
    stack.ok("deploy")
    assert stack.plan() == {}


def image_of(stack: ClusterStack, component: str) -> str:
    (pod,) = stack.pods(component)
    return str(pod["spec"]["containers"][0]["image"])


def upgraded(stack: ClusterStack, webserver: str = NEW) -> None:
    changed = document(stack)
    changed["webserver"]["pod"]["image"], changed["daemon"]["pod"]["image"] = webserver, NEW
    write(stack, changed)


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
    assert "Run `python -m playground_ops deploy` from a clone." in stack.messages(early)
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


def test_a_server_of_git_that_nobody_vouches_for_is_refused(stack: ClusterStack) -> None:
    """What serves stays by the same commit, which the cluster has kept."""
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


def test_down_leaves_the_data_and_then_nothing(stack: ClusterStack, access: Access) -> None:
    run = stack.launch("a", "waiting", {"ops": {"wait": {"config": {"seconds": 600}}}})
    stack.wait_for_run(run, "STARTED")
    stack.ok("down", "--now")
    assert stack.get("pods")["items"] == access.get("pods", "", away(stack))["items"] == []
    assert {one["metadata"]["name"] for one in access.get("pvc", "", away(stack))["items"]} == {
        "dagster-artifacts"
    }
    claims = {found["metadata"]["name"] for found in stack.get("pvc")["items"]}
    assert claims == {"dagster-artifacts", "data-dagster-postgres-0"}
    stack.bootstrap()
    runs = stack.graphql(PAGES)["runsOrError"]["results"]
    assert [found for found in runs if found["status"] == "SUCCESS"], "the runs of before"
    stack.ok("down", "--now", "--delete-data")
    ours = ("-l", "app.kubernetes.io/managed-by=playground-ops", "-o", "name")
    eventually("all to be gone", lambda: stack.kubectl("get", EVERY_KIND, *ours).split() == [])
    policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    mine = ("-l", f"{OF_NAMESPACE}={stack.namespace}", "-o", "name")
    eventually(
        "its other namespace too",
        lambda: access.kubectl("get", f"namespaces,{policies}", *mine).split() == [],
    )
