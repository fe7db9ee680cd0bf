"""The namespace of an isolated location: who may act in it, how much it may take, who reaches whom.

All of it belongs to the foundation, the claim too: `ops` makes releases there, and nothing that holds them.
"""

from __future__ import annotations

from collections.abc import Iterator

from playground_ops.config import Configuration
from playground_ops.model import Location
from playground_ops.render import egress, foundation, instance
from playground_ops.render.foundation import READ, WRITE, network_policy, reached_on
from playground_ops.render.names import (
    GRPC_PORT,
    LOCATION,
    NAMESPACE_NAME,
    WEBSERVER_PORT,
    Object,
    an_object,
    labels,
    location_service,
)
from playground_ops.render.places import place
from playground_ops.render.rights import rule

QUOTA = "dagster-quota"
_RULES = (
    rule("apps", "deployments", f"{READ} {WRITE}"),
    rule("apps", "replicasets", f"{READ} delete"),
    rule("", "services configmaps", f"{READ} {WRITE}"),
    rule("", "pods", f"{READ} create delete"),
    rule("", "pods/log", "get"),
    rule("", "events", READ),
    rule("metrics.k8s.io", "pods", "get list"),
    # To say what of the foundation is not as the configuration has it; never to change it.
    rule("", "persistentvolumeclaims serviceaccounts resourcequotas", READ),
    rule("networking.k8s.io", "networkpolicies", READ),
    rule("policy", "poddisruptionbudgets", READ),
    rule("rbac.authorization.k8s.io", "roles rolebindings", READ),
)
HIGHEST_PORT = 65535


def render(configuration: Configuration) -> list[Object]:
    """Without the namespaces themselves, which come before everything, and without Secrets."""
    return [one for found in configuration.isolated for one in _of(configuration, found)]


def _of(configuration: Configuration, location: Location) -> Iterator[Object]:
    where = place(configuration, location.name)
    account = location_service(location.name)
    tags = {**labels(account, "account"), LOCATION: location.name}
    yield foundation.account(configuration, account, where, tags)
    yield from foundation.role(configuration, where, _RULES)
    if location.isolation and location.isolation.quota:
        tags = {**labels(QUOTA, "quota"), **where.tags}
        hard = dict(location.isolation.quota)
        yield an_object("v1", "ResourceQuota", QUOTA, where.namespace, tags, spec={"hard": hard})
    claim = instance.artifacts(configuration, where.namespace)
    claim["metadata"]["labels"] |= where.tags
    yield claim
    if configuration.kubernetes.network_policies:
        yield from _network(configuration, location)


def _network(configuration: Configuration, location: Location) -> Iterator[Object]:
    """Nobody reaches its pods but the stack. They reach of the stack its database, and the world.

    Policies name pods behind Services by their own ports: by the webserver's nothing is reached but what lies
    in other people's namespaces, whatever address it goes by.
    """
    where = place(configuration, location.name)
    servers = {"matchLabels": {"app.kubernetes.io/component": "location"}}
    stack = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: configuration.kubernetes.namespace}}}
    asks = [{**stack, **one} for one in foundation.who_asks_locations()]
    yield network_policy(where, "dagster-closed", {}, ingress=[])
    yield network_policy(where, "dagster-locations", servers, ingress=[reached_on(GRPC_PORT, *asks)])
    others = {"key": NAMESPACE_NAME, "operator": "NotIn", "values": list(configuration.namespaces)}
    world = [
        {"endPort": WEBSERVER_PORT - 1, "port": 1, "protocol": "TCP"},
        {"endPort": HIGHEST_PORT, "port": WEBSERVER_PORT + 1, "protocol": "TCP"},
        {"endPort": HIGHEST_PORT, "port": 1, "protocol": "UDP"},
    ]
    leads: list[Object] = [
        {"to": [{"namespaceSelector": {"matchExpressions": [others]}}]},
        {"ports": world},
    ]
    # What a person limits has a policy of its own: policies add up.
    leaving = {} if location.egress is None else egress.others()
    yield network_policy(where, "dagster-leaving", leaving, egress=leads)
