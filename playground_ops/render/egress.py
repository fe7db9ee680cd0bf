"""What the code of a location may reach, where a person limits it. A NetworkPolicy holds no names."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.config.hosts import Reached, reached
from playground_ops.model import Location
from playground_ops.render.database import reach
from playground_ops.render.foundation import network_policy
from playground_ops.render.names import LOCATION, NAMESPACE_NAME, POSTGRES, POSTGRES_PORT, Object, present
from playground_ops.render.places import place

DNS = {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}


def policies(configuration: Configuration) -> list[Object]:
    """One for each location that says what it reaches; what has none reaches everything."""
    return [
        _policy(configuration, location)
        for location in configuration.locations
        if location.egress is not None
    ]


def _policy(configuration: Configuration, location: Location) -> Object:
    """Of its servers, with their runs and their git-sync, and of its smoke jobs."""
    name = f"dagster-egress-{location.name}"
    given = [
        {"to": [{"ipBlock": {"cidr": one.cidr}}], **present(ports=_ports(*one.ports))}
        for one in location.egress or ()
    ]
    where = place(configuration, location.name)
    pods = {"matchLabels": {LOCATION: location.name}, "matchExpressions": [_component("In")]}
    rules = [DNS, _database(configuration, where.namespace), *_git(location), *given]
    return network_policy(where, name, pods, egress=rules)


def others() -> Object:
    """The pods of an isolated location's namespace that its limit is not for."""
    return {"matchExpressions": [_component("NotIn")]}


def _component(operator: str) -> Object:
    return {"key": "app.kubernetes.io/component", "operator": operator, "values": ["location", "smoke"]}


def _database(configuration: Configuration, namespace: str) -> Object:
    """One that is known by a name alone may be anywhere: then its port is open."""
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
    """Nothing where it is known by a name alone: its port is the whole internet's too."""
    found = reached(location.repository or "")
    return [_rule(found)] if found and found.is_known else []


def _rule(found: Reached) -> Object:
    """The pods behind a Service have ports of their own."""
    if found.namespace is not None:
        space = {"matchLabels": {NAMESPACE_NAME: found.namespace}}
        return {"to": [{"namespaceSelector": space}]}
    return {"to": [{"ipBlock": {"cidr": found.cidr}}], "ports": _ports(found.port)}


def _ports(*ports: int) -> list[Object]:
    return [{"port": port, "protocol": "TCP"} for port in ports]
