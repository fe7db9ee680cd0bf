"""A plan asks the API server, reports exactly what would change, and writes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playground_ops.config import Configuration, read
from playground_ops.core.errors import BadInput, PlaygroundError
from playground_ops.core.plan import Plan
from playground_ops.render.names import MANAGER
from playground_ops.targets.kubernetes.api.connection import AGENT, Connection, chosen_context
from playground_ops.targets.kubernetes.objects.planning import plan_objects
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.conftest import CONTEXT

Say = Callable[[str], Configuration]


@pytest.fixture
def configured(namespace: str) -> Say:
    def make(text: str = "") -> Configuration:
        return read(f"{text}\nkubernetes: {{namespace: {namespace}, artifacts: 64Mi}}\n", Path("x.yaml"))

    return make


def by_object(plan: Plan) -> dict[str | None, list[tuple[str, str | None, str | None, str | None]]]:
    return {
        change.object: [(one.path, one.before, one.after, one.manager) for one in change.fields]
        for change in plan.changed()
        if change.object != "configmap/dagster-configuration"  # the file itself, which every change changes
    }


def make_plan(connection: Connection, found: Configuration) -> Plan:
    """Plan the objects alone: rollouts have tests of their own."""
    return Plan(changes=tuple(plan_objects(connection, found)))


def apply(access: Access, tmp_path: Path, found: Configuration) -> None:
    from playground_ops.render import files
    from playground_ops.render.stack import render

    for name, text in files.files(render(found), "a test").items():
        (tmp_path / name).write_text(text)
    access.kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "-f", str(tmp_path))


def test_before_anything_is_there_all_is_to_create_and_afterwards_nothing(
    connection: Connection, access: Access, configured: Say, tmp_path: Path
) -> None:
    found = configured()
    plan = make_plan(connection, found)
    assert {
        change.action for change in plan.changes if change.object != f"namespace/{found.kubernetes.namespace}"
    } == {"create"}
    apply(access, tmp_path, found)
    plan = make_plan(connection, found)
    assert by_object(plan) == {}
    assert plan.is_empty


def test_a_namespace_that_is_not_there_yet_is_part_of_the_plan(connection: Connection) -> None:
    found = read("kubernetes: {namespace: not-there-yet}", Path("x.yaml"))
    plan = make_plan(connection, found)
    assert {change.action for change in plan.changes} == {"create"}
    assert connection.get("/api/v1/namespaces/not-there-yet") is None


def test_changed_values_are_told_exactly_and_nothing_is_written(
    cluster: Cluster, connection: Connection, access: Access, configured: Say, tmp_path: Path
) -> None:
    apply(access, tmp_path, configured())
    changed = configured(
        "webserver: {pod: {resources: {limits: {memory: 2Gi}}}}\n"
        "daemon: {pod: {environment: {LEVEL: debug}}}\n"
        "postgres: {pod: {node_selector: {disk: fast}}}\n"
    )
    with recorded(cluster, agent=AGENT) as calls:
        plan = make_plan(connection, changed)
    main = "spec.template.spec.containers"
    assert by_object(plan) == {
        "deployment/dagster-webserver": [(f"{main}[webserver].resources.limits.memory", "1Gi", "2Gi", None)],
        "deployment/dagster-daemon": [
            (f"{main}[daemon].env[LEVEL].name", None, "LEVEL", None),
            (f"{main}[daemon].env[LEVEL].value", None, "debug", None),
        ],
        "statefulset/dagster-postgres": [("spec.template.spec.nodeSelector.disk", None, "fast", None)],
    }
    assert {(call.verb, call.dry_run) for call in calls.all} == {
        ("get", False),
        ("list", False),
        ("patch", True),
    }
    assert calls.writes == []


def test_somebody_elses_change_is_drift_and_its_manager_is_named(
    connection: Connection, access: Access, configured: Say, tmp_path: Path
) -> None:
    found = configured()
    namespace = found.kubernetes.namespace
    apply(access, tmp_path, found)
    access.kubectl("scale", "deployment/dagster-daemon", "--replicas=0", namespace=namespace)
    access.kubectl("label", "deployment/dagster-webserver", "by=hand", namespace=namespace)
    plan = make_plan(connection, found)
    ((changed, fields),) = by_object(plan).items()
    assert changed == "deployment/dagster-daemon"
    assert fields == [("spec.replicas", "0", "1", "kubectl-scale or an autoscaler")]
    drift = {
        change.object: [(one.path, one.manager) for one in change.drift]
        for change in plan.changes
        if change.drift
    }
    assert drift == {"deployment/dagster-webserver": [("metadata.labels.by", "kubectl-label")]}

    image = "spec.template.spec.containers[daemon].image"
    access.kubectl("set", "image", "deployment/dagster-daemon", "daemon=x/y:1", namespace=namespace)
    fields = by_object(make_plan(connection, found))["deployment/dagster-daemon"]
    assert [(one[0], one[1], one[3]) for one in fields if one[0] == image] == [
        (image, "x/y:1", "kubectl-set")
    ]


def test_the_command_shows_it(access: Access, configured: Say, tmp_path: Path) -> None:
    found = configured()
    apply(access, tmp_path, found)
    file = tmp_path / "configvalues.yaml"
    settings = f"kubernetes: {{namespace: {found.kubernetes.namespace}, artifacts: 64Mi}}"
    file.write_text(f"target: kubernetes\n{settings}\ndaemon: {{pod: {{labels: {{team: data}}}}}}\n")

    def plan(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "playground_ops", "plan", "--config", str(file), *more]
        return subprocess.run(command, env=access.environ, capture_output=True, text=True, check=False)

    told = plan("--context", access.context or CONTEXT)
    assert told.returncode == 0, told.stderr
    assert "update     deployment/dagster-daemon" in told.stdout
    assert "spec.template.metadata.labels.team: None -> data" in told.stdout
    # What lies on a claim and in the database, and its format, are brought up to date by no `kubectl apply`.
    assert "update     configmap/dagster-format" in told.stdout
    assert "3 to create, 5 to update, 0 to delete" in told.stdout
    told = plan("--context", access.context or CONTEXT, "--components", "webserver", "--json")
    assert {change["object"] for change in json.loads(told.stdout)["changes"]} == {
        "service/dagster-webserver",
        "deployment/dagster-webserver",
    }
    told = plan()
    assert told.returncode == 2
    assert "No context is named" in told.stderr


def refuses(access: Access, namespace: str) -> bool:
    """Return whether the quota is in force: the API server's own watch learns of it somewhat later."""
    try:
        access.kubectl("create", "configmap", "one", "--dry-run=server", namespace=namespace)
    except KubectlFailed as refused:
        return "exceeded quota" in str(refused)
    return False


def test_every_refusal_is_told_at_once_with_what_to_do(
    connection: Connection, access: Access, configured: Say
) -> None:
    found = configured()
    namespace = found.kubernetes.namespace
    access.kubectl("create", "quota", "none", "--hard=configmaps=0", namespace=namespace)
    eventually("the API server to know the quota", lambda: refuses(access, namespace))
    with pytest.raises(PlaygroundError) as told:
        make_plan(connection, found)
    refused = [finding.object for finding in told.value.findings]
    maps = ("configuration", "instance", "modules", "workspace")
    assert refused == [f"configmap/dagster-{name}" for name in maps]
    assert "exceeded quota" in told.value.finding.observed
    assert "403" in told.value.finding.observed


def test_no_context_is_ever_guessed(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", access.kubeconfig)
    with pytest.raises(BadInput) as told:
        chosen_context(None, None)
    assert CONTEXT in told.value.finding.cause
    assert chosen_context("one", "other") == "one"
    assert chosen_context(None, "other") == "other"
    with pytest.raises(BadInput) as told:
        Connection("nosuch").get("/version")
    assert "nosuch" in str(told.value)
    assert CONTEXT in told.value.finding.cause


def test_a_login_by_a_plugin_works_too(by_plugin: Connection, configured: Say) -> None:
    assert make_plan(by_plugin, configured()).changes
