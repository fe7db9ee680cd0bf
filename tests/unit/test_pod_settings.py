"""A person's settings of pods: where they are rendered, what is refused, and whom they let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import Configuration, kubernetes_rules, read
from playground_ops.core.errors import BadInput
from playground_ops.core.model import Location, Release, Revision
from playground_ops.render import jobs, one_shot_pods, release
from playground_ops.render.stack import render
from tests.unit.test_render import FULL, configuration, objects, the

GIT = "{name: a, repo: {url: 'https://git.test/x', secret: git}}"


def release_of(location: Location, found: Configuration) -> list[dict[str, Any]]:
    revision = Revision(repository=location.repository, commit="0" * 40)
    made = Release(location=location, number=1, revision=revision, configuration="c", created_at="t")
    return release.render(made, found, "archive")


def pods(found: Configuration) -> Iterator[dict[str, Any]]:
    """Yield the specification of every pod that the stack can make."""
    for one in objects(found):
        if "template" in one.get("spec", {}):
            yield one["spec"]["template"]["spec"]
    for location in found.all_locations:
        yield release_of(location, found)[0]["spec"]["template"]["spec"]
        yield one_shot_pods.resolver_pod([location], ["HEAD"], found, "x", 30)["spec"]
    yield jobs.remote_job(found, "x", "archive", jobs.Command([], "somebody"))["spec"]["template"]["spec"]
    yield jobs.migration_job(found, "x")["spec"]["template"]["spec"]


def test_the_names_and_folders_of_the_stack_are_all_refused() -> None:
    sections = "{packages: {secret: index}, artifacts_store: {gcs: {bucket: team}, secret: store}}"
    found = configuration(f"code_locations: [{GIT}]\nkubernetes: {sections}")
    names = {one["name"] for pod in pods(found) for one in pod["volumes"]} | {"data"}
    assert names == set(kubernetes_rules.OWN_VOLUMES)
    containers = [one for pod in pods(found) for one in (*pod["containers"], *pod.get("initContainers", ()))]
    folders = {mount["mountPath"] for one in containers for mount in one.get("volumeMounts", ())}
    for folder in (*folders, *(f"{folder}/in-it" for folder in folders)):
        with pytest.raises(ValueError, match="stack's own"):
            kubernetes_rules.mount_path(folder)


def test_what_is_set_of_a_pod_is_in_it() -> None:
    spec = the(configuration(FULL), "Deployment", "dagster-webserver")["spec"]["template"]["spec"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    assert volumes["certificates"]["secret"] == {"secretName": "tls", "defaultMode": 0o440}
    assert volumes["files"]["configMap"] == {"name": "settings"}
    assert volumes["lake"]["persistentVolumeClaim"] == {"claimName": "lake"}
    assert volumes["scratch"]["emptyDir"] == {"sizeLimit": "1Gi"}
    mounts = {one["name"]: one for one in spec["containers"][0]["volumeMounts"]}
    assert mounts["certificates"] == {
        "name": "certificates",
        "mountPath": "/etc/certificates",
        "readOnly": True,
    }
    assert [name for name in ("files", "lake", "scratch") if mounts[name].get("readOnly")] == [
        "files",
        "lake",
    ]
    assert all("volumeMounts" not in one for one in spec["initContainers"])
    (preferred,) = spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["weight"] == 1
    assert preferred["preference"]["matchExpressions"][0]["values"] == ["1.10", "007"]
    assert spec["topologySpreadConstraints"][0]["maxSkew"] == 1
    assert (spec["priorityClassName"], spec["schedulerName"]) == ("important", "another")
    service = the(configuration(FULL), "Service", "dagster-webserver")
    assert service["metadata"]["annotations"] == {"example.com/load-balancer": "internal"}


def test_a_location_has_its_volumes_and_what_fetches_has_them_not() -> None:
    pod = "pod: {volumes: [{name: keys, path: /etc/keys, secret: keys}], service_annotations: {x: y}}"
    found = configuration(f"code_locations: [{GIT[:-1]}, {pod}}}]")
    spec = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]
    (main,), (fetches, installs) = spec["containers"], spec["initContainers"]
    assert "/etc/keys" in [mount["mountPath"] for mount in main["volumeMounts"]]
    for before in (fetches, installs):
        assert "/etc/keys" not in [mount["mountPath"] for mount in before["volumeMounts"]]
    assert the(found, "Service", "dagster-grpc-a")["metadata"]["annotations"] == {"x": "y"}
    assert the(found, "Service", "dagster-grpc-ops")["metadata"].get("annotations") is None


def test_a_migration_finds_the_certificates_of_the_database() -> None:
    spec = jobs.migration_job(configuration(FULL), "x")["spec"]["template"]["spec"]
    assert "/etc/certificates" in [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]
    assert "envFrom" not in spec["containers"][0]


def test_the_server_may_start_for_as_long_as_its_location_may() -> None:
    found = configuration("code_locations: [{name: a, startup_timeout_seconds: 400}]")
    (main,) = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]["containers"]
    probe = main["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 430


def budgets(text: str) -> dict[str, Any]:
    found = [one for one in objects(configuration(text)) if one["kind"] == "PodDisruptionBudget"]
    return {one["metadata"]["name"]: one["spec"] for one in found}


def test_nobody_is_kept_from_draining_a_node_unless_somebody_asked_for_it() -> None:
    assert budgets("") == {}


def test_a_budget_is_of_the_pods_of_its_component_and_no_other() -> None:
    asked = "pod: {disruption_budget: true}"
    text = f"code_locations: [{{name: a, {asked}}}, {{name: a-1}}]\npostgres: {{{asked}}}"
    found, made = budgets(text), configuration(text)
    assert set(found) == {"dagster-grpc-a", "dagster-postgres"}
    every = [one["spec"]["template"] for one in objects(made) if "template" in one.get("spec", {})]
    every += [release_of(one, made)[0]["spec"]["template"] for one in made.all_locations]
    for name, spec in found.items():
        wanted = spec["selector"]["matchLabels"].items()
        tags = [one["metadata"]["labels"] for one in every]
        assert [one["app"] for one in tags if wanted <= one.items()] == [name]
    assert "dagster-postgres" not in budgets(f"postgres: {{{asked}, external: {{host: db}}}}")


def allowed(text: str) -> str:
    """Return the policy's expression: whose pods may mount which Secrets."""
    policy = next(
        one
        for one in render(configuration(text))["foundation"]
        if one["kind"] == "ValidatingAdmissionPolicy" and "-pods-" in one["metadata"]["name"]
    )
    return next(str(one["expression"]) for one in policy["spec"]["variables"] if one["name"] == "volumesOf")


def test_a_mounted_secret_is_its_components_alone() -> None:
    assert allowed("") == "{}"
    pod = "pod: {volumes: [{name: k, path: /k, secret: keys}, {name: c, path: /c, config_map: x}]}"
    text = f"code_locations: [{{name: a, {pod}}}, {{name: b}}]\nkubernetes: {{ops: {pod[5:]}}}"
    assert allowed(text) == '{"dagster-grpc-ops": ["keys"], "dagster-grpc-a": ["keys"]}'


@pytest.mark.parametrize(
    ("pod", "where", "said"),
    [
        ("volumes: [{name: A, path: /x, secret: s}]", "volumes[0].name", "DNS-1123"),
        ("volumes: [{name: tmp, path: /x, secret: s}]", "volumes[0].name", "the stack has a volume"),
        ("volumes: [{name: a, path: x, secret: s}]", "volumes[0].path", "an absolute path"),
        ("volumes: [{name: a, path: /x/../y, secret: s}]", "volumes[0].path", "an absolute path"),
        ("volumes: [{name: a, path: //x, secret: s}]", "volumes[0].path", "an absolute path"),
        ("volumes: [{name: a, path: /x/, secret: s}]", "volumes[0].path", "an absolute path"),
        ("volumes: [{name: a, path: '/x:y', secret: s}]", "volumes[0].path", "an absolute path"),
        ("volumes: [{name: a, path: /, secret: s}]", "volumes[0].path", "stack's own"),
        ("volumes: [{name: a, path: /opt/dagster, secret: s}]", "volumes[0].path", "stack's own"),
        ("volumes: [{name: a, path: /tmp/x, secret: s}]", "volumes[0].path", "stack's own /tmp"),
        ("volumes: [{name: a, path: /x}]", "volumes[0]", "exactly one of"),
        ("volumes: [{name: a, path: /x, secret: s, claim: c}]", "volumes[0]", "exactly one of"),
        ("volumes: [{name: a, path: /x, secret: s, read_only: false}]", "volumes[0]", "never written to"),
        ("volumes: [{name: a, path: /x, sub_path: y, secret: s}]", "volumes[0].sub_path", "one of"),
        ("volumes: [{name: a, path: /x, empty_dir: lots}]", "volumes[0].empty_dir", "a quantity"),
        (
            "volumes: [{name: a, path: /x, secret: s}, {name: a, path: /y, secret: s}]",
            "volumes",
            "a stands twice",
        ),
        (
            "volumes: [{name: a, path: /x, secret: s}, {name: b, path: /x, secret: s}]",
            "volumes",
            "/x stands twice",
        ),
        ("environment_from_config_maps: [A_B]", "environment_from_config_maps[0]", "DNS-1123"),
        ("affinity: {nodeAfinity: {}}", "affinity.nodeAfinity", "'nodeAffinity'"),
        ("affinity: {podAffinity: []}", "affinity.podAffinity", "a mapping"),
        ("topology_spread_constraints: [{skew: 1}]", "topology_spread_constraints[0].skew", "'maxSkew'"),
        ("priority_class: High_One", "priority_class", "DNS-1123"),
        ("service_annotations: {app: x}", "service_annotations.app", "set by the stack"),
        ("disruption_budget: 1", "disruption_budget", "`true` or `false`"),
    ],
)
def test_what_can_not_be_is_named_with_its_place(pod: str, where: str, said: str) -> None:
    with pytest.raises(BadInput) as told:
        read(f"code_locations: [{{name: x, pod: {{{pod}}}}}]", Path("x.yaml"))
    (finding,) = told.value.findings
    assert finding.object == f"x.yaml:code_locations[0].pod.{where}"
    assert said in str(told.value)


def test_a_ref_is_resolved_where_the_location_s_pods_may_be() -> None:
    where = """
    node_selector: {disk: fast}
    tolerations: [{key: dedicated, operator: Exists}]
    affinity: {nodeAffinity: {}}
    priority_class: important
    scheduler_name: another
    image_pull_secrets: [registry]
    resources: {limits: {cpu: 4}}
    environment_from_secrets: [words]
    """
    repo = "repo: 'https://git.test/x'"
    found = configuration(f"code_locations: [{{name: a, {repo}, pod: {yaml.safe_load(where)}}}]")
    spec = one_shot_pods.resolver_pod([found.locations[0]], ["HEAD"], found, "x", 30)["spec"]
    server = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "schedulerName"):
        assert spec[key] == server[key] != {}
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert "envFrom" not in spec["containers"][0], "and it has nothing else of the location's"
    assert "cpu" not in spec["containers"][0]["resources"]["limits"]


def test_the_pod_of_a_backup_has_the_certificates_that_its_connection_wants() -> None:
    found = configuration(
        """
        postgres:
          password_secret: mine
          external: {host: db.internal, parameters: {sslmode: verify-full, sslrootcert: /etc/ca/ca.crt}}
          pod: {volumes: [{name: ca, path: /etc/ca, secret: database-ca}], affinity: {nodeAffinity: {}}}
        """
    )
    made = jobs.backup_pod(found, "x", "x.backup", 60)
    (main,) = made["spec"]["containers"]
    assert {"name": "PGSSLROOTCERT", "value": "/etc/ca/ca.crt"} in main["env"]
    assert {"name": "ca", "mountPath": "/etc/ca", "readOnly": True} in main["volumeMounts"]
    volumes = {one["name"]: one for one in made["spec"]["volumes"]}
    assert volumes["ca"]["secret"]["secretName"] == "database-ca"
    assert "affinity" in made["spec"]


def test_no_pod_fills_the_disk_of_its_node() -> None:
    for pod in pods(configuration(FULL)):
        containers = [*pod["containers"], *pod.get("initContainers", ())]
        assert all("ephemeral-storage" in one["resources"]["limits"] for one in containers)
        assert all("ephemeral-storage" in one["resources"]["requests"] for one in containers)
        rooms = [one["emptyDir"] for one in pod["volumes"] if "emptyDir" in one]
        assert all("sizeLimit" in room for room in rooms)


def test_a_component_that_needs_more_of_it_says_so() -> None:
    more = "resources: {limits: {ephemeral-storage: 50Gi}}"
    found = configuration(f"code_locations: [{{name: x, pod: {{{more}}}}}]")
    (pod,) = [
        one for one in pods(found) if one["containers"][0]["name"] == "dagster-grpc" and "50Gi" in str(one)
    ]
    assert {one["emptyDir"]["sizeLimit"] for one in pod["volumes"] if "emptyDir" in one} == {"50Gi"}


def test_a_component_that_may_have_less_has_less_in_its_own_folders() -> None:
    """What fetches its code has folders of its own, with the limit of what fetches."""
    less = "resources: {limits: {ephemeral-storage: 128Mi}}"
    found = configuration(f"code_locations: [{{name: x, repo: https://git.test/x, pod: {{{less}}}}}]")
    (pod,) = [
        one for one in pods(found) if one["containers"][0]["name"] == "dagster-grpc" and "128Mi" in str(one)
    ]
    limits = {one["name"]: one["emptyDir"]["sizeLimit"] for one in pod["volumes"] if "emptyDir" in one}
    assert (limits["tmp"], limits["home"], limits["fetch-tmp"]) == ("128Mi", "128Mi", "8Gi")
