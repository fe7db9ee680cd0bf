"""What is applied with a person's own rights: the namespace, and who may reach whom in it."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render.names import (
    DAEMON,
    GRPC_PORT,
    MANAGER,
    POSTGRES,
    POSTGRES_PORT,
    PREFIX,
    WEBSERVER,
    WEBSERVER_PORT,
    Object,
    an_object,
    labels,
    present,
)

LEVEL = "restricted"
"""Pod Security Standard."""


def namespace(configuration: Configuration) -> Object:
    name = configuration.kubernetes.namespace
    levels = {f"pod-security.kubernetes.io/{mode}": LEVEL for mode in ("enforce", "warn", "audit")}
    tags = {"app.kubernetes.io/name": "dagster", "app.kubernetes.io/managed-by": MANAGER, **levels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": tags}}


def network_policies(configuration: Configuration) -> list[Object]:
    """Nothing is reached but by those who need it; the UI by everybody, since that is its purpose."""
    if not configuration.kubernetes.network_policies:
        return []
    stack = {"podSelector": {"matchLabels": {"app.kubernetes.io/managed-by": MANAGER}}}
    asks = [{"podSelector": {"matchLabels": {"app": app}}} for app in (WEBSERVER, DAEMON)]
    locations = {"matchLabels": {"app.kubernetes.io/component": "location"}}
    ops = {"podSelector": {"matchLabels": {f"{PREFIX}location": "ops"}}}
    found = [
        _policy(configuration, "dagster-closed", {}, []),
        _policy(configuration, WEBSERVER, {"matchLabels": {"app": WEBSERVER}}, [_rule(WEBSERVER_PORT)]),
        _policy(configuration, "dagster-locations", locations, [_rule(GRPC_PORT, *asks, ops)]),
    ]
    if configuration.postgres.external is None:
        own = {"matchLabels": {"app": POSTGRES}}
        found.append(_policy(configuration, POSTGRES, own, [_rule(POSTGRES_PORT, stack)]))
    return found


def _policy(configuration: Configuration, name: str, pods: Object, rules: list[Object]) -> Object:
    return an_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        configuration.kubernetes.namespace,
        labels(name, "network"),
        spec={**present(ingress=rules), "podSelector": pods, "policyTypes": ["Ingress"]},
    )


def _rule(port: int, *sources: Object) -> Object:
    ports = [{"port": port, "protocol": "TCP"}]
    return {"from": list(sources), "ports": ports} if sources else {"ports": ports}
