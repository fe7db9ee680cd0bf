"""What the code of a location may reach: what is opened, what can't be known, what is refused.

The tests' cluster does not enforce network policies: these tests check what is written.
"""

from __future__ import annotations

from typing import Any

import pytest

from playground_ops.config.digest import digest
from playground_ops.render import one_shot_pods
from tests.unit.test_config import faults_of
from tests.unit.test_pod_settings import release_of
from tests.unit.test_render import configuration, objects, the

DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
DATABASE = {
    "to": [{"podSelector": {"matchLabels": {"app": "dagster-postgres"}}}],
    "ports": [{"port": 5432, "protocol": "TCP"}],
}


def opened(text: str) -> list[dict[str, Any]]:
    """Return what location `a` may reach besides name servers."""
    spec = the(configuration(text), "NetworkPolicy", "dagster-egress-a")["spec"]
    assert spec["policyTypes"] == ["Egress"]
    first, *others = spec["egress"]
    assert first == DNS
    return list(others)


def test_nothing_is_limited_unless_a_location_says_so() -> None:
    found = objects(configuration("code_locations: [{name: a}, {name: b, egress: closed}]"))
    limits = [one for one in found if "Egress" in one.get("spec", {}).get("policyTypes", ())]
    assert [one["metadata"]["name"] for one in limits] == ["dagster-egress-b"]


def test_closed_leaves_name_servers_and_the_database() -> None:
    assert opened("code_locations: [{name: a, egress: closed}]") == [DATABASE]


def test_what_is_listed_is_opened() -> None:
    listed = "[{cidr: 10.20.0.7, ports: [443, 5432]}, {cidr: '2001:db8::/32'}]"
    assert opened(f"code_locations: [{{name: a, egress: {listed}}}]") == [
        DATABASE,
        {
            "to": [{"ipBlock": {"cidr": "10.20.0.7/32"}}],
            "ports": [{"port": 443, "protocol": "TCP"}, {"port": 5432, "protocol": "TCP"}],
        },
        {"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}]},
    ]


def of_address(cidr: str, port: int) -> dict[str, Any]:
    return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": port, "protocol": "TCP"}]}


SERVICE = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tools"}}}],
}


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://192.0.2.7/x.git", of_address("192.0.2.7/32", 443)),
        ("http://192.0.2.7:3000/x.git", of_address("192.0.2.7/32", 3000)),
        ("git://192.0.2.7/x", of_address("192.0.2.7/32", 9418)),
        ("git@192.0.2.7:x.git", of_address("192.0.2.7/32", 22)),
        ("ssh://git@[2001:db8::7]/x", of_address("2001:db8::7/128", 22)),
        ("https://git.tools.svc.cluster.local/x", SERVICE),
        ("git@git.tools.svc:x", SERVICE),
    ],
)
def test_the_server_of_the_repository_is_reached_where_its_address_is_known(
    url: str, rule: dict[str, Any]
) -> None:
    assert opened(f"code_locations: [{{name: a, egress: closed, repo: '{url}'}}]") == [DATABASE, rule]


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("192.0.2.8", of_address("192.0.2.8/32", 6432)),
        ("db.tools.svc", SERVICE),
        ("db.internal", {"ports": [{"port": 6432, "protocol": "TCP"}]}),
    ],
)
def test_an_external_database_is_reached(host: str, rule: dict[str, Any]) -> None:
    external = f"postgres: {{external: {{host: {host}, port: 6432}}, password_secret: mine}}"
    assert opened(f"{external}\ncode_locations: [{{name: a, egress: closed}}]") == [rule]


def test_it_holds_for_servers_and_smoke_jobs_and_not_for_what_resolves_refs() -> None:
    found = configuration("code_locations: [{name: a, repo: 'https://192.0.2.7/x', egress: closed}]")
    selector = the(found, "NetworkPolicy", "dagster-egress-a")["spec"]["podSelector"]
    (one,) = selector["matchExpressions"]
    assert (one["operator"], one["values"]) == ("In", ["location", "smoke"])

    def is_limited(pod: dict[str, Any]) -> bool:
        tags = pod["metadata"]["labels"]
        return selector["matchLabels"].items() <= tags.items() and tags[one["key"]] in one["values"]

    (location,) = found.locations
    assert is_limited(release_of(location, found)[0]["spec"]["template"])
    assert not is_limited(one_shot_pods.resolver_pod([location], ["HEAD"], found, "x", 30))
    assert not is_limited(release_of(found.ops, found)[0]["spec"]["template"])


def test_another_limit_needs_no_other_release() -> None:
    both = configuration("code_locations: [{name: a}, {name: b, automation: on, egress: closed}]").locations
    assert len({digest(one.model_copy(update={"name": "a"})) for one in both}) == 1


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("egress: open", "egress", "`closed`, or a list"),
        ("egress: [{ports: [1]}]", "egress[0].cidr", "cidr"),
        ("egress: [{cidr: 10.0.0.1/8}]", "egress[0].cidr", "without bits of a host"),
        ("egress: [{cidr: db.internal}]", "egress[0].cidr", "addresses such as"),
        ("egress: [{cidr: 10.0.0.0/8, ports: [0]}]", "egress[0].ports[0]", "at least 1"),
        ("egress: closed, repo: 'https://git.internal/x'", "egress", "a network policy holds no names"),
    ],
)
def test_what_can_t_be_is_named(text: str, key: str, said: str) -> None:
    fault = faults_of(f"code_locations: [{{name: a, {text}}}]")[f"code_locations[0].{key}"]
    assert said in f"{fault.observed} {fault.cause} {fault.fix}"


def test_a_limit_that_nobody_sets_is_refused() -> None:
    text = "kubernetes: {network_policies: false}\ncode_locations: [{name: a, egress: closed}]"
    assert "network policies" in faults_of(text)["code_locations[0].egress"].observed


def test_an_isolated_location_s_limit_is_in_its_namespace_and_nothing_else_opens_it() -> None:
    found = configuration("code_locations: [{name: a, isolation: true, egress: closed}]")
    policies = {
        one["metadata"]["name"]: one
        for one in objects(found)
        if one["kind"] == "NetworkPolicy" and one["metadata"]["namespace"] == "dagster-a"
    }
    limit = policies["dagster-egress-a"]["spec"]["egress"]
    home = {"matchLabels": {"kubernetes.io/metadata.name": "dagster"}}
    (database,) = limit[1]["to"]
    assert (limit[0], database["namespaceSelector"]) == (DNS, home)
    (others,) = policies["dagster-leaving"]["spec"]["podSelector"]["matchExpressions"]
    assert (others["operator"], others["values"]) == ("NotIn", ["location", "smoke"])
