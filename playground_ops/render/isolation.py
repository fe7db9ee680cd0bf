"""The namespace of an isolated location: rights, quota, and network policies.

A NetworkPolicy holds no host names: a rule is made of what a repository's address shows.
"""

from collections.abc import Iterator

from playground_ops.config import Configuration
from playground_ops.config.address import Reached, reached
from playground_ops.core.model import Location
from playground_ops.render import foundation, instance
from playground_ops.render.database import reach
from playground_ops.render.foundation import READ, WRITE, network_policy, reached_on
from playground_ops.render.names import (
    GRPC_PORT,
    LOCATION,
    NAMESPACE_NAME,
    POSTGRES,
    POSTGRES_PORT,
    WEBSERVER_PORT,
    Object,
    an_object,
    labels,
    location_service,
    present,
)
from playground_ops.render.namespaces import place
from playground_ops.render.rights import rule

DNS = {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}


def egress_policies(configuration: Configuration) -> list[Object]:
    """Return a policy for each location with limited egress; a location without one reaches everything."""
    return [
        _policy(configuration, location)
        for location in configuration.locations
        if location.egress is not None
    ]


def _policy(configuration: Configuration, location: Location) -> Object:
    """Return the policy for a location's servers, with their runs and git-sync, and its smoke jobs."""
    name = f"dagster-egress-{location.name}"
    given = [
        {"to": [{"ipBlock": {"cidr": one.cidr}}], **present(ports=_ports(*one.ports))}
        for one in location.egress or ()
    ]
    where = place(configuration, location.name)
    pods = {"matchLabels": {LOCATION: location.name}, "matchExpressions": [_component("In")]}
    rules = [DNS, *_databases(configuration, location), *_git(location), *given]
    return network_policy(where, name, pods, egress=rules)


def _component(operator: str) -> Object:
    return {"key": "app.kubernetes.io/component", "operator": operator, "values": ["location", "smoke"]}


def _databases(configuration: Configuration, location: Location) -> list[Object]:
    """Allow the database of its deployment, and its own one, which is in the stack's Postgres."""
    namespace = configuration.namespace_of(location.name)
    own = location.isolation is not None and location.isolation.database
    wanted = [configuration.of(location.deployment), *([configuration] if own else [])]
    found = [_database(one, namespace) for one in wanted]
    return found[:1] if found[0] == found[-1] else found


def _database(configuration: Configuration, namespace: str) -> Object:
    """Allow the database. A host that is only a name may be anywhere: then the port is open to all."""
    if configuration.postgres.external is None:
        to: Object = {"podSelector": {"matchLabels": {"app": POSTGRES}}}
        home = configuration.kubernetes.namespace
        if namespace != home:
            to["namespaceSelector"] = {"matchLabels": {NAMESPACE_NAME: home}}
        return {"to": [to], "ports": _ports(POSTGRES_PORT)}
    host, port = reach(configuration)
    found = Reached.of(host, port)
    return _rule(found) if found.is_known else {"ports": _ports(port)}


def _git(location: Location) -> list[Object]:
    """Allow the git server; nothing where it is only a name: its port would open all of the internet."""
    found = reached(location.repository or "")
    return [_rule(found)] if found and found.is_known else []


def _rule(found: Reached) -> Object:
    """Return a rule without ports for a Service: the pods behind it have ports of their own."""
    if found.namespace is not None:
        space = {"matchLabels": {NAMESPACE_NAME: found.namespace}}
        return {"to": [{"namespaceSelector": space}]}
    return {"to": [{"ipBlock": {"cidr": found.cidr}}], "ports": _ports(found.port)}


def _ports(*ports: int) -> list[Object]:
    return [{"port": port, "protocol": "TCP"} for port in ports]


QUOTA = "dagster-quota"
_RULES = (
    rule("apps", "deployments", f"{READ} {WRITE}"),
    rule("apps", "replicasets", f"{READ} delete"),
    rule("", "services configmaps", f"{READ} {WRITE}"),
    rule("", "pods", f"{READ} create delete"),
    rule("", "pods/log", "get"),
    rule("", "events", READ),
    rule("metrics.k8s.io", "pods", "get list"),
    # Read only: to report how the foundation differs from the configuration.
    rule("", "persistentvolumeclaims serviceaccounts resourcequotas", READ),
    rule("networking.k8s.io", "networkpolicies", READ),
    rule("policy", "poddisruptionbudgets", READ),
    rule("rbac.authorization.k8s.io", "roles rolebindings", READ),
)
HIGHEST_PORT = 65535


def render(configuration: Configuration) -> list[Object]:
    """Return the objects without the namespaces, which come before everything, and without Secrets."""
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
    """Let only the stack reach its pods. They reach the stack's database, and the internet.

    Policies see the ports of the pods behind a Service: on the webserver's port, whatever the address, only
    pods in other people's namespaces can be reached.
    """
    where = place(configuration, location.name)
    servers = {"matchLabels": {"app.kubernetes.io/component": "location"}}
    stack = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: configuration.kubernetes.namespace}}}
    asks = [{**stack, **one} for one in foundation.who_asks_locations(location.deployment)]
    yield network_policy(where, "dagster-closed", {}, ingress=[])
    yield network_policy(where, "dagster-locations", servers, ingress=[reached_on(GRPC_PORT, *asks)])
    others = {"key": NAMESPACE_NAME, "operator": "NotIn", "values": list(configuration.namespaces)}
    world = [
        {"endPort": WEBSERVER_PORT - 1, "port": 1, "protocol": "TCP"},
        {"endPort": HIGHEST_PORT, "port": WEBSERVER_PORT + 1, "protocol": "TCP"},
        {"endPort": HIGHEST_PORT, "port": 1, "protocol": "UDP"},
    ]
    leads: list[Object] = [{"to": [{"namespaceSelector": {"matchExpressions": [others]}}]}, {"ports": world}]
    # Limited egress has a policy of its own: policies add up.
    leaving = {} if location.egress is None else {"matchExpressions": [_component("NotIn")]}
    yield network_policy(where, "dagster-leaving", leaving, egress=leads)
