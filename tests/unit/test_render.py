"""From configuration to Kubernetes objects: valid, hardened, stable, without the first version's faults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from playground_ops.config import Configuration, load, read
from playground_ops.core.errors import BadInput
from playground_ops.render import files, waiting
from playground_ops.render.names import WORKSPACE_FILE
from playground_ops.render.stack import by_hand, render
from playground_ops.targets.kubernetes.api.paths import title

ROOT = Path(__file__).parents[2]
HERE = ROOT / "configvalues.yaml"
FULL = """
kubernetes:
  namespace: data-team
  storage_class: fast
  artifacts_access: ReadWriteMany
  ingress: {host: dagster.internal, class_name: nginx, path: /dagster, tls_secret: tls, annotations: {x/y: z}}
postgres: {storage: 1Gi, password_secret: mine, pod: {resources: {requests: {memory: 2Gi}}}}
webserver:
  pod:
    image: registry.internal/dagster:1
    resources: {requests: {cpu: 1, memory: 2Gi}, limits: {cpu: 2, memory: 4Gi, nvidia.com/gpu: 1}}
    environment: {LEVEL: info, DAGSTER_PG_HOST: elsewhere}
    environment_from_secrets: [more]
    environment_from_config_maps: [settings]
    volumes:
      - {name: certificates, path: /etc/certificates, secret: tls}
      - {name: files, path: /opt/dagster/files, config_map: settings}
      - {name: lake, path: /mnt/lake, claim: lake, read_only: true}
      - {name: scratch, path: /var/scratch, empty_dir: 1Gi}
    affinity:
      nodeAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            preference: {matchExpressions: [{key: generation, operator: In, values: [1.10, 007]}]}
      podAntiAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: dagster-postgres}}}
    topology_spread_constraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}
    priority_class: important
    scheduler_name: another
    node_selector: {disk: fast}
    tolerations:
      - {key: dedicated, value: dagster, effect: NoSchedule}
      - {operator: Exists, effect: NoExecute, seconds: 0}
    labels: {team: data}
    annotations: {example.com/note: "a: b"}
    image_pull_secrets: [registry]
    service_type: NodePort
    service_annotations: {example.com/load-balancer: internal}
    disruption_budget: true
code_locations: [{name: orders}, {name: orders-2}]
"""


def configuration(text: str = "") -> Configuration:
    return read(text, HERE)


def objects(found: Configuration) -> list[dict[str, Any]]:
    return [one for component in render(found).values() for one in component]


def the(found: Configuration, kind: str, name: str) -> dict[str, Any]:
    (one,) = [one for one in objects(found) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return one


def templates(found: Configuration) -> Iterator[dict[str, Any]]:
    for one in objects(found):
        if "template" in one.get("spec", {}):
            yield one["spec"]["template"]


def containers(found: Configuration) -> Iterator[dict[str, Any]]:
    for template in templates(found):
        yield from template["spec"].get("initContainers", [])
        yield from template["spec"]["containers"]


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in ("ops", "webserver", "daemon", "postgres")
)
CPUS = st.builds("{}{}".format, st.integers(1, 999), st.sampled_from(["", "m"]))
BYTES = st.builds("{}{}".format, st.integers(1, 999), st.sampled_from(["", "Mi", "Gi", "k", "G"]))
KEY = r"([a-z0-9]{1,9}\.[a-z0-9]{1,5}/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,9}[A-Za-z0-9])?"
KEYS = st.from_regex(KEY, fullmatch=True).filter(lambda key: key != "app")
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"),
        st.sampled_from("\t\n\r"),
    )
)
TAINTED = st.fixed_dictionaries({"key": KEYS, "effect": st.just("NoExecute"), "seconds": st.integers(0, 99)})
SOURCES = st.one_of(
    st.fixed_dictionaries({"secret": NAMES}, optional={"read_only": st.just(True)}),
    st.fixed_dictionaries({"config_map": NAMES}),
    st.fixed_dictionaries({"claim": NAMES}, optional={"read_only": st.booleans()}),
    st.fixed_dictionaries({"empty_dir": BYTES}),
)
VOLUMES = st.builds(
    lambda number, source: {"name": f"v-{number}", "path": f"/mnt/{number}", **source},
    st.integers(0, 9),
    SOURCES,
)
TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
AFFINITIES = st.fixed_dictionaries(
    {},
    optional={
        kind: st.builds(
            lambda weight: {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": weight, "podAffinityTerm": TERM}
                ],
                "requiredDuringSchedulingIgnoredDuringExecution": [TERM],
            },
            st.integers(1, 100),
        )
        for kind in ("podAffinity", "podAntiAffinity")
    },
)
SPREAD = st.builds(
    lambda key, skew: {**TERM, "topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": "DoNotSchedule"},
    st.sampled_from(["zone", "rack"]),
    st.integers(1, 5),
)
RESOURCES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "requests": st.fixed_dictionaries({}, optional={"cpu": CPUS, "memory": BYTES}),
        },
    ),
    st.fixed_dictionaries({}, optional={"limits": st.fixed_dictionaries({}, optional={"cpu": CPUS})}),
    st.builds(
        lambda devices: {kind: {"example.com/gpu": devices} for kind in ("requests", "limits")},
        st.integers(1, 9).map(str),
    ),
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["a", "registry.internal:5000/team/a:1.2", "a@sha256:" + "0" * 64]),
        "resources": RESOURCES,
        "environment": st.dictionaries(
            st.from_regex(r"X[A-Z0-9_]{0,8}", fullmatch=True),
            TEXTS,
            max_size=3,
        ),
        "node_selector": st.dictionaries(KEYS, st.sampled_from(["", "a", "A_b.c-1"]), max_size=2),
        "labels": st.dictionaries(KEYS, st.sampled_from(["", "x"]), max_size=2),
        "annotations": st.dictionaries(KEYS, st.text("ab\n: {", max_size=9), max_size=2),
        "tolerations": st.lists(
            st.one_of(
                st.just({"operator": "Exists"}),
                st.fixed_dictionaries({"key": KEYS, "value": st.sampled_from(["", "v"])}),
                TAINTED,
            ),
            max_size=2,
        ),
        "environment_from_secrets": st.lists(NAMES, max_size=2, unique=True),
        "environment_from_config_maps": st.lists(NAMES, max_size=2, unique=True),
        "volumes": st.lists(VOLUMES, max_size=3, unique_by=lambda found: str(found["name"])),
        "affinity": AFFINITIES,
        "topology_spread_constraints": st.lists(
            SPREAD, max_size=2, unique_by=lambda found: str(found["topologyKey"])
        ),
        "priority_class": NAMES,
        "scheduler_name": NAMES,
        "service_annotations": st.dictionaries(KEYS, st.text("ab\n: {", max_size=9), max_size=2),
        "disruption_budget": st.booleans(),
        "image_pull_secrets": st.lists(NAMES, max_size=2, unique=True),
        "service_type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
    },
)
REPOSITORIES = st.sampled_from(["https://git.test/x.git", "git@git.test:x.git", "ssh://git@git.test/x"])
REFS = st.sampled_from(["main", "v1.2", "team/next", "0" * 40])
QUOTAS = st.sampled_from(["requests.cpu", "limits.memory", "pods", "requests.example.com/gpu"])
COUNTS = st.integers(0, 99).map(str)
DESTINATIONS = st.fixed_dictionaries(
    {"cidr": st.sampled_from(["10.0.0.0/8", "192.0.2.7", "0.0.0.0/0", "2001:db8::/32"])},
    optional={"ports": st.lists(st.integers(1, 65535), max_size=2)},
)
STORES = st.builds(
    lambda kind, more: {**kind, **more},
    st.sampled_from(
        [
            {"s3": {"bucket": "team", "region": "eu-1", "endpoint_url": "http://minio:9000"}},
            {"gcs": {"bucket": "team"}},
            {"azure": {"storage_account": "team", "container": "dagster", "access_key_variable": "KEY"}},
        ]
    ),
    st.fixed_dictionaries(
        {}, optional={"secret": NAMES, "service_account_annotations": st.just({"example.com/role": "x"})}
    ),
)
LOCATIONS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "pod": PODS,
        "repo": st.fixed_dictionaries({"url": REPOSITORIES}, optional={"ref": REFS, "secret": NAMES}),
        "environment": st.dictionaries(st.from_regex(r"X[A-Z0-9_]{0,8}", fullmatch=True), TEXTS, max_size=2),
        "startup_timeout_seconds": st.integers(1, 7 * 24 * 3600),
        "longest_run_seconds": st.integers(1, 7 * 24 * 3600),
        "isolation": st.one_of(
            st.booleans(),
            st.fixed_dictionaries(
                {}, optional={"quota": st.dictionaries(QUOTAS, COUNTS, max_size=2), "database": st.booleans()}
            ),
        ),
        "smoke_timeout_seconds": st.integers(1, 7 * 24 * 3600),
        "egress": st.lists(DESTINATIONS, min_size=1, max_size=3),
    },
)


def consistent(document: dict[str, Any]) -> dict[str, Any]:
    """Drop limits of egress without network policies, as they need these."""
    if document.get("kubernetes", {}).get("network_policies") is False:
        for location in document["code_locations"]:
            location.pop("egress", None)
    return document


def deployments(names: Sequence[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw deployments of these names; each has a database of its own, wherever the main one's is."""
    each = [
        st.fixed_dictionaries(
            {"name": st.just(name), "postgres": st.just({"external": {"host": "db", "database": name}})},
            optional={
                "daemon": st.one_of(
                    st.sampled_from(["on", "off"]), st.fixed_dictionaries({}, optional={"pod": PODS})
                ),
                "webserver": st.fixed_dictionaries(
                    {},
                    optional={
                        "pod": PODS,
                        "read_only": st.booleans(),
                        "ingress": st.fixed_dictionaries({"host": st.just(f"{name}.test")}),
                    },
                ),
                "run_queue": st.fixed_dictionaries({"max_concurrent_runs": st.integers(-1, 100)}),
                "environment": st.dictionaries(
                    st.from_regex(r"X[A-Z0-9_]{0,8}", fullmatch=True), TEXTS, max_size=2
                ),
            },
        )
        for name in names
    ]
    return st.tuples(*each).map(list)


def within(deployments: list[dict[str, Any]], documents: dict[str, Any]) -> dict[str, Any]:
    """Return the document with these deployments; its locations lie in them in turn, the first in main."""
    if not deployments:
        return documents
    where = ["main", *(one["name"] for one in deployments)]
    located = [
        {**one, "deployment": where[index % len(where)]}
        for index, one in enumerate(documents["code_locations"])
    ]
    if "external" not in documents.get("postgres", {}):
        deployments = [
            {key: value for key, value in deployments[0].items() if key != "postgres"},
            *deployments[1:],
        ]
    return {**documents, "code_locations": located, "deployments": deployments}


ONE_STACK = (
    st.fixed_dictionaries(
        {"code_locations": st.lists(LOCATIONS, unique_by=lambda found: found["name"], max_size=4)},
        optional={
            "ops": st.fixed_dictionaries(
                {
                    "repo": st.fixed_dictionaries(
                        {"url": st.just("https://git.internal/ops")}, optional={"secret": NAMES}
                    )
                }
            ),
            "run_launcher": st.sampled_from(["code_server", "kubernetes"]),
            "run_queue": st.fixed_dictionaries({"max_concurrent_runs": st.integers(-1, 100)}),
            "webserver": st.fixed_dictionaries({"pod": PODS}),
            "daemon": st.fixed_dictionaries({"pod": PODS}),
            "postgres": st.one_of(
                st.fixed_dictionaries({"pod": PODS, "storage": BYTES}),
                st.just({"external": {"host": "db.internal"}, "password_secret": "mine"}),
            ),
            "kubernetes": st.fixed_dictionaries(
                {"namespace": NAMES},
                optional={
                    "network_policies": st.booleans(),
                    "admission_policy": st.booleans(),
                    "artifacts": BYTES,
                    "artifacts_store": STORES,
                    "artifacts_access": st.sampled_from(["ReadWriteOnce", "ReadWriteMany"]),
                    "ops": PODS,
                    "storage_class": NAMES,
                    "ingress": st.fixed_dictionaries({"host": NAMES, "path": st.sampled_from(["/", "/a/b"])}),
                },
            ),
        },
    )
    .map(consistent)
    .filter(lambda found: not has_no_postgres_for_its_databases(found))
)
FILES = st.builds(within, st.sampled_from([(), ("next",), ("next", "b-2")]).flatmap(deployments), ONE_STACK)


def has_no_postgres_for_its_databases(document: dict[str, Any]) -> bool:
    isolations = [one.get("isolation") for one in document["code_locations"]]
    asked = any(isinstance(one, dict) and one.get("database") for one in isolations)
    return asked and "external" in document.get("postgres", {})


@settings(max_examples=60)
@given(FILES)
def test_whatever_is_configured_has_names_of_its_own_and_comes_back_from_its_file(
    document: dict[str, Any],
) -> None:
    found = configuration(yaml.safe_dump(document))
    rendered = render(found)
    rendered_objects = [one for component in rendered.values() for one in component]
    names = [title(one) for one in rendered_objects]
    assert len(names) == len(set(names)), "a plan tells them apart"
    for one in rendered_objects:
        longest = 61 if "namespace" in one["metadata"] or one["kind"] == "Namespace" else 251
        more = "." if one["kind"].startswith("ValidatingAdmissionPolicy") else ""
        assert re.fullmatch(rf"[a-z0-9]([-a-z0-9{more}]*[a-z0-9])?", one["metadata"]["name"])
        assert len(one["metadata"]["name"]) <= longest + 2
    for text, component in zip(files.files(rendered, "x").values(), rendered.values(), strict=True):
        assert list(yaml.load_all(text, Loader=yaml.CSafeLoader)) == component


@pytest.mark.parametrize("text", ["", FULL], ids=["default", "full"])
def test_every_container_is_restricted_and_has_its_share(text: str) -> None:
    for one in containers(configuration(text)):
        assert one["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["securityContext"]["allowPrivilegeEscalation"] is False
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]
    for template in templates(configuration(text)):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in spec["containers"]:
            assert one.keys() >= {"startupProbe", "livenessProbe"}


def test_what_a_person_sets_is_there_and_what_the_stack_needs_stays() -> None:
    pod = the(configuration(FULL), "Deployment", "dagster-webserver")["spec"]["template"]
    (main,) = pod["spec"]["containers"]
    assert main["image"] == "registry.internal/dagster:1"
    limits = {"memory": "4Gi", "cpu": "2", "nvidia.com/gpu": "1", "ephemeral-storage": "8Gi"}
    assert main["resources"]["limits"] == limits
    variables = {one["name"]: one.get("value") for one in main["env"]}
    assert (variables["LEVEL"], variables["DAGSTER_PG_HOST"]) == ("info", "dagster-postgres")
    assert main["envFrom"] == [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "more"}}]
    assert pod["spec"]["nodeSelector"] == {"disk": "fast"}
    assert pod["spec"]["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "dagster", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0},
    ]
    assert pod["metadata"]["labels"]["team"] == "data"
    assert pod["metadata"]["annotations"]["example.com/note"] == "a: b"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert main["readinessProbe"]["httpGet"]["path"] == "/dagster/server_info"
    assert the(configuration(FULL), "Service", "dagster-webserver")["spec"]["type"] == "NodePort"


def test_a_limit_is_never_below_what_is_requested() -> None:
    pod = the(configuration(FULL), "StatefulSet", "dagster-postgres")["spec"]["template"]["spec"]
    (main,) = pod["containers"]
    assert main["resources"]["requests"]["memory"] == main["resources"]["limits"]["memory"] == "2Gi"


def test_an_external_database_is_reached_and_not_run() -> None:
    parameters = "{sslmode: verify-full, connect_timeout: 20}"
    external = f"{{host: db.internal, port: 6432, user: ada, parameters: {parameters}}}"
    found = configuration(f"postgres: {{external: {external}, password_secret: mine}}")
    assert [one for one in objects(found) if one["metadata"]["name"] == "dagster-postgres"] == []
    (main,) = the(found, "Deployment", "dagster-daemon")["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one for one in main["env"]}
    assert variables["DAGSTER_PG_HOST"]["value"] == "db.internal"
    assert variables["DAGSTER_PG_PORT"]["value"] == "6432"
    secret = variables["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert secret == {"name": "mine", "key": "password"}
    told = the(found, "ConfigMap", "dagster-instance")["data"]["dagster.yaml"]
    given = yaml.safe_load(told)["storage"]["postgres"]["postgres_db"]["params"]
    assert (given["sslmode"], given["connect_timeout"]) == ("verify-full", "20")


def test_nothing_that_is_rendered_holds_a_secret() -> None:
    assert [one for one in objects(configuration(FULL)) if one["kind"] == "Secret"] == []


def test_a_location_of_any_name_keeps_to_its_own_objects() -> None:
    """`orders` at release 2 and the location `orders-2` share a prefix."""
    found = configuration(FULL)
    services = [one["metadata"]["name"] for one in objects(found) if one["kind"] == "Service"]
    assert {"dagster-grpc-orders", "dagster-grpc-orders-2", "dagster-grpc-ops"} <= set(services)
    assert all("selector" not in one["spec"] for one in objects(found) if "grpc" in one["metadata"]["name"])


def test_a_changed_setting_restarts_those_that_read_it_and_no_others() -> None:
    before, after = configuration(), configuration("daemon: {dequeue_interval_seconds: 7}")
    changed = {
        one["metadata"]["name"]
        for one, other in zip(objects(before), objects(after), strict=True)
        if one != other and "template" in one.get("spec", {})
    }
    assert changed == {"dagster-webserver", "dagster-daemon"}


# Failures of the first version.


def test_no_file_is_mounted_alone_and_no_claim_as_a_whole() -> None:
    mounts = [mount for one in containers(configuration(FULL)) for mount in one.get("volumeMounts", [])]
    assert {mount["name"] for mount in mounts if "subPath" in mount} == {"artifacts"}, "a volume of folders"
    assert all("subPath" in mount for mount in mounts if mount["name"] == "artifacts")


def test_daemon_and_webserver_have_workspace_database_and_driver() -> None:
    for name in ("dagster-webserver", "dagster-daemon"):
        pod = the(configuration(), "Deployment", name)["spec"]["template"]["spec"]
        (main,) = pod["containers"]
        assert main["args"][main["args"].index("-w") + 1] == WORKSPACE_FILE
        assert "/opt/dagster/workspace" in [mount["mountPath"] for mount in main["volumeMounts"]]
        assert [one["name"] for one in pod["initContainers"]][:1] == ["wait-for-database"]
        assert {"DAGSTER_PG_HOST", "DAGSTER_PG_PASSWORD"} <= {one["name"] for one in main["env"]}
    told = the(configuration(), "ConfigMap", "dagster-instance")["data"]["dagster.yaml"]
    postgres = yaml.safe_load(told)["storage"]["postgres"]["postgres_db"]
    assert postgres["scheme"] == "postgresql+psycopg2"
    waits = postgres["params"]
    assert waits["connect_timeout"] < 10, "a code server's lock is held while it connects"
    assert waits["keepalives_idle"] + waits["keepalives_interval"] * waits["keepalives_count"] <= 60
    assert waits["tcp_user_timeout"] <= 60_000


def test_commands_are_of_the_image_and_are_python() -> None:
    commands = [one["command"] for one in containers(configuration()) if "command" in one]
    assert [command[0] for command in commands if command[0] not in ("sh", "python")] == []
    assert not any("debugpy" in word for command in commands for word in command)
    ast.parse(waiting.WAIT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code_locations: [{name: Orders}]", "DNS-1123"),
        ("kubernetes: {namespace: Dagster}", "DNS-1123"),
        ("environment: {repo_url_a: 'https://<your repo>'}", "placeholder"),
        (
            "webserver: {pod: {resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}}",
            "not above",
        ),
        ("webserver: {pod: {resources: {requests: {memory: lots}}}}", "a quantity such as"),
        ("webserver: {pod: {resources: {requests: {memory: 1500m}}}}", "a whole number of `memory`"),
        ("webserver: {pod: {resources: {requests: {x/gpu: 1}}}}", "a limit of `x/gpu` too"),
        ("webserver: {pod: {resources: {requests: {x/gpu: 1}, limits: {x/gpu: 2}}}}", "that is its limit, 2"),
        ("webserver: {pod: {resources: {limits: {x/gpu: 500m}}}}", "a whole number of `x/gpu`"),
        ("webserver: {pod: {resources: {requests: {gpu: 1}}}}", "a name with a domain"),
        ("kubernetes: {artifacts: 1500m}", "a whole number of bytes"),
        ("webserver: {pod: {labels: {app: mine}}}", "set by the stack"),
        ("webserver: {pod: {tolerations: [{value: x}]}}", "operator: Exists"),
        ("webserver: {pod: {memory: 1Gi}}", "memory"),
        ("kubernetes: {context: --all}", "get-contexts"),
        (
            "webserver: {pod: {topology_spread_constraints: [{topologyKey: zone, whenUnsatisfiable: x}, "
            "{topologyKey: zone, whenUnsatisfiable: x, maxSkew: 2}]}}",
            "one constraint for `zone` with `x`",
        ),
        ("webserver: {pod: {image_pull_secrets: [a, b, a]}}", "`a` is there 2 times"),
    ],
)
def test_bad_input_is_named_before_anything_is_rendered(text: str, said: str) -> None:
    with pytest.raises(BadInput) as told:
        configuration(text)
    assert said in str(told.value)


def test_the_committed_folder_is_the_default_configuration() -> None:
    wanted = files.files(by_hand(load(HERE)), HERE.name)
    there = {path.name: path.read_text() for path in (ROOT / "deploy").glob("*.yaml")}
    assert there == wanted, "run `python -m playground_ops generate`"
