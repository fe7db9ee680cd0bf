"""A location in a namespace of its own: what lies where, what it shares with nobody, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import Configuration, digest, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.config.unsupported import ignored
from playground_ops.core.errors import BadInput
from playground_ops.core.model import Release, Revision
from playground_ops.render import allowed, one_shot_pods, release
from playground_ops.render.mounted_versions import SECRET_VERSION
from playground_ops.render.names import OF_NAMESPACE
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.api.paths import title
from playground_ops.targets.kubernetes.logs.reading import namespace_of, selector_of
from playground_ops.targets.kubernetes.objects.secret_versions import secrets_read
from playground_ops.targets.kubernetes.releases.one_shot import alike

HERE = Path("x.yaml")
ORDERS = """
kubernetes: {namespace: team}
code_locations:
  - {name: a, repo: {url: https://git.test/a, secret: git}, pod: {image_pull_secrets: [registry]}}
  - name: orders
    repo: {url: https://git.test/orders, secret: git}
    isolation: ISOLATION
    pod: {environment_from_secrets: [shop]}
"""
Object = dict[str, Any]


def configured(isolation: str = "{quota: {pods: 9}, database: true}", **versions: str) -> Configuration:
    found = read(ORDERS.replace("ISOLATION", isolation), HERE)
    return with_fingerprints(in_cluster(found, ClusterFacts(secret_versions=versions)))


def objects(found: Configuration) -> dict[str, Object]:
    return {title(one): one for component in render(found).values() for one in component}


def released(found: Configuration, name: str = "orders") -> Release:
    location = next(one for one in found.all_locations if one.name == name)
    revision = Revision(repository=location.repository, commit="0" * 40)
    return Release(location=location, number=1, revision=revision, configuration="c", created_at="t")


def everything_of(found: Configuration, name: str) -> list[Object]:
    """Return what rollouts make, and the location's own Service."""
    one = released(found, name)
    return [
        *release.render(one, found, "code"),
        one_shot_pods.smoke_pod(
            one, found, "code", "smoke-x", one_shot_pods.Script("", ("job", "x", one.name))
        ),
        one_shot_pods.resolver_pod([one.location], ["HEAD"], found, "resolve-x", 9),
        *(made for made in render(found)[f"location-{name}"]),
    ]


def test_without_it_nothing_is_as_it_was_not() -> None:
    plain = configured("false")
    assert plain.locations == configured("").locations
    assert {one["metadata"].get("namespace", "team") for one in objects(plain).values()} == {"team"}
    assert OF_NAMESPACE not in json.dumps(everything_of(plain, "orders"))
    assert (plain.isolated, plain.namespaces) == ((), ("team",))


def test_the_short_form_names_the_namespace_by_the_stack_and_the_location() -> None:
    assert configured("true").namespaces == ("team", "team-orders")
    assert configured("{namespace: shop}").namespaces == ("team", "shop")


def test_all_of_it_lies_in_its_namespace_and_says_whose_it_is() -> None:
    found = configured()
    for one in everything_of(found, "orders"):
        assert one["metadata"]["namespace"] == "team-orders"
        assert one["metadata"]["labels"][OF_NAMESPACE] == "team"
    for one in everything_of(found, "a"):
        assert one["metadata"]["namespace"] == "team"
    (workspace,) = render(found)["workspace"]
    servers = yaml.safe_load(workspace["data"]["workspace.yaml"])["load_from"]
    hosts = [one["grpc_server"]["host"] for one in servers]
    assert hosts == ["dagster-grpc-ops", "dagster-grpc-a", "dagster-grpc-orders.team-orders.svc"]


def test_its_pods_have_an_account_of_their_own_without_a_token_and_both_databases() -> None:
    (deployment, _, tried, _, _) = everything_of(configured(), "orders")
    for spec in (deployment["spec"]["template"]["spec"], tried["spec"]):
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (
            "dagster-grpc-orders",
            False,
        )
        variables = {one["name"]: one for one in spec["containers"][0]["env"]}
        assert variables["DAGSTER_PG_HOST"]["value"] == "dagster-postgres.team.svc"
        reference = {"secretKeyRef": {"name": "dagster-database", "key": "url"}}
        assert variables["PLAYGROUND_DATABASE_URL"]["valueFrom"] == reference
    assert "PLAYGROUND_DATABASE_URL" not in json.dumps(everything_of(configured(), "a"))
    assert "PLAYGROUND_DATABASE_URL" not in json.dumps(everything_of(configured("true"), "orders"))


def test_ops_may_do_less_there_and_use_nothing_of_others() -> None:
    found = objects(configured())
    rules = found["role/team-orders/dagster-ops"]["rules"]
    (subject,) = found["rolebinding/team-orders/dagster-ops"]["subjects"]
    assert (subject["name"], subject["namespace"]) == ("dagster-ops", "team")
    allowed = {(verb, what) for one in rules for verb in one["verbs"] for what in one["resources"]}
    assert {what for _, what in allowed} & {"secrets", "leases", "jobs", "statefulsets"} == set()
    written = {what for verb, what in allowed if verb not in ("get", "list", "watch")}
    assert written == {"deployments", "replicasets", "services", "configmaps", "pods"}
    policy = found["validatingadmissionpolicy/dagster-ops-pods-team-orders"]["spec"]
    known = {one["name"]: one["expression"] for one in policy["variables"]}
    assert json.loads(known["secrets"]) == ["dagster-database", "dagster-postgres", "shop"]
    assert (json.loads(known["gitSecrets"]), json.loads(known["pullSecrets"])) == (["git"], [])
    assert json.loads(known["repositories"]) == ["https://git.test/orders"]
    home = found["validatingadmissionpolicy/dagster-ops-pods-team"]["spec"]
    known = {one["name"]: one["expression"] for one in home["variables"]}
    assert json.loads(known["secrets"]) == ["dagster-postgres"]
    assert json.loads(known["repositories"]) == ["https://git.test/a"]


def test_only_the_quota_that_is_asked_for_is_there() -> None:
    assert objects(configured())["resourcequota/team-orders/dagster-quota"]["spec"] == {"hard": {"pods": "9"}}
    assert not any(name.startswith("resourcequota") for name in objects(configured("true")))


def test_it_reaches_the_database_and_not_the_webserver() -> None:
    found = objects(configured())
    (rule,) = found["networkpolicy/dagster-postgres"]["spec"]["ingress"]
    theirs = {"matchLabels": {"kubernetes.io/metadata.name": "team-orders"}}
    assert [one.get("namespaceSelector") for one in rule["from"]] == [None, theirs]
    (others, world) = found["networkpolicy/team-orders/dagster-leaving"]["spec"]["egress"]
    tcp = [(one["port"], one["endPort"]) for one in world["ports"] if one["protocol"] == "TCP"]
    reached = {port for first, last in tcp for port in range(first, last + 1)}
    assert set(range(1, 65536)) - reached == {3000}
    (expression,) = others["to"][0]["namespaceSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("NotIn", ["team", "team-orders"])
    (asked,) = found["networkpolicy/team-orders/dagster-locations"]["spec"]["ingress"]
    assert all("namespaceSelector" in one for one in asked["from"])


def test_its_secrets_have_versions_of_their_own_and_the_password_that_of_the_original() -> None:
    assert secrets_read(configured()) == {
        *(("team", "git"), ("team-orders", "git"), ("team-orders", "shop")),
        *(("team-orders", "dagster-database"), ("team", "dagster-postgres")),
    }
    versions = {"dagster-postgres": "1", "git": "2", "team-orders_git": "3", "team-orders_shop": "4"}
    (deployment, *_) = everything_of(configured(**versions), "orders")
    told = deployment["spec"]["template"]["metadata"]["annotations"][SECRET_VERSION]
    assert told == "dagster-postgres=1,team-orders_git=3,team-orders_shop=4"


def test_a_quota_is_no_new_release_and_a_database_is() -> None:
    (plain, quota, database) = (
        digest(configured(text).locations[1]) for text in ("true", "{quota: {pods: 9}}", "{database: true}")
    )
    assert plain == quota
    assert plain != database


def test_its_logs_are_looked_for_where_it_is() -> None:
    found = configured()
    for name in ("orders", "orders-3"):
        assert namespace_of(found, selector_of(found, name)) == "team-orders"
    assert namespace_of(found, "x=y,app=dagster-grpc-orders") == "team-orders"
    assert namespace_of(found, "app=dagster-grpc-orders-2") == "team"
    assert namespace_of(found, selector_of(found, "a")) == "team"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{name: x, isolation: {namespace: dagster}}", "that of the stack"),
        ("{name: x, isolation: {namespace: y}}, {name: z, isolation: {namespace: y}}", "`code_locations[0]`"),
        ("{name: y, isolation: true}, {name: z, isolation: {namespace: dagster-y}}", "`code_locations[0]`"),
        (f"{{name: x, isolation: {{namespace: {'n' * 64}}}}}", "at most 63"),
    ],
)
def test_a_namespace_is_nobody_else_s(text: str, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(f"code_locations: [{text}]", HERE)
    assert told in str(refused.value)


def test_no_pod_of_another_namespace_asks_for_its_ref() -> None:
    text = "{repo: {url: https://git.test/x, secret: s}, name: NAME}"
    both = f"{text.replace('NAME', 'a')}, {text.replace('NAME', 'b, isolation: true')}"
    one, other = read(f"code_locations: [{both}]", HERE).locations
    assert alike(one) != alike(other)
    assert alike(one) == alike(other.model_copy(update={"isolation": None}))


def test_ops_from_git_can_not_name_another_namespace() -> None:
    applied = allowed.lists(configured())
    assert allowed.beyond(configured(), applied) == []
    (finding,) = allowed.beyond(configured("{namespace: other, database: true}"), applied)
    assert finding.object == "namespace/other"


def test_what_can_not_be_is_named() -> None:
    text = f"kubernetes: {{namespace: {'k' * 40}}}\ncode_locations: [{{name: {'n' * 40}, isolation: true}}]"
    with pytest.raises(BadInput, match="at most 63"):
        read(text, HERE)
    external = "postgres: {external: {host: db}}\ncode_locations: [{name: x, isolation: {database: true}}]"
    with pytest.raises(BadInput, match="a Postgres that the stack runs"):
        read(external, HERE)
    assert any("orders is isolated" in one for one in ignored(configured(), "local"))
