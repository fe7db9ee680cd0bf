"""What is applied with a person's own rights: the namespace, and who may reach whom in it."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render.names import (
    DAEMON,
    GRPC_PORT,
    MANAGER,
    OPS_ACCOUNT,
    POSTGRES,
    POSTGRES_PORT,
    PREFIX,
    READ_ONLY,
    WEBSERVER,
    WEBSERVER_PORT,
    Object,
    an_object,
    labels,
    present,
)

LEVEL = "restricted"
"""Pod Security Standard."""


def _rule(group: str, resources: str, verbs: str, *names: str) -> Object:
    rule: Object = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return {**rule, "resourceNames": list(names)} if names else rule


READ, WRITE = "get list watch", "create patch update delete"
_RULES = (
    # Releases, their addresses and records have names that are not known beforehand.
    _rule("apps", "deployments", f"{READ} {WRITE}"),
    _rule("apps", "replicasets", f"{READ} delete"),
    _rule("", "services configmaps", f"{READ} {WRITE}"),
    _rule("coordination.k8s.io", "leases", f"{READ} {WRITE}"),
    _rule("", "pods", f"{READ} create delete"),
    _rule("", "pods/log", "get"),
    _rule("", "events", READ),
    _rule("apps", "statefulsets", f"{READ} create"),
    _rule("apps", "statefulsets", "patch", POSTGRES),
    _rule("networking.k8s.io", "ingresses", f"{READ} create"),
    _rule("networking.k8s.io", "ingresses", "patch delete", WEBSERVER, READ_ONLY),
    _rule("", "persistentvolumeclaims", READ),
    _rule("", "persistentvolumeclaims", "create patch"),
    # To say what of the foundation is not as the configuration has it; never to change it.
    _rule("", "serviceaccounts", READ),
    _rule("networking.k8s.io", "networkpolicies", READ),
    _rule("policy", "poddisruptionbudgets", READ),
    _rule("rbac.authorization.k8s.io", "roles rolebindings", READ),
)
"""`create` can't be limited to names (Kubernetes documentation, "Using RBAC Authorization")."""


def namespace(configuration: Configuration) -> Object:
    name = configuration.kubernetes.namespace
    levels = {f"pod-security.kubernetes.io/{mode}": LEVEL for mode in ("enforce", "warn", "audit")}
    tags = {"app.kubernetes.io/name": "dagster", "app.kubernetes.io/managed-by": MANAGER, **levels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": tags}}


def rights(configuration: Configuration) -> list[Object]:
    """Who `ops` is, and what it may do: what its jobs do, in this namespace, and no Secret is read."""
    space, tags = configuration.kubernetes.namespace, labels(OPS_ACCOUNT, "rights")
    api = "rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", "name": OPS_ACCOUNT, "namespace": space}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": OPS_ACCOUNT}
    account = an_object("v1", "ServiceAccount", OPS_ACCOUNT, space, tags)
    return [
        {**account, "automountServiceAccountToken": False},
        an_object(api, "Role", OPS_ACCOUNT, space, tags, rules=list(_RULES)),
        an_object(api, "RoleBinding", OPS_ACCOUNT, space, tags, roleRef=role, subjects=[subject]),
    ]


def network_policies(configuration: Configuration) -> list[Object]:
    """Nothing is reached but by those who need it; the UI by everybody, since that is its purpose."""
    if not configuration.kubernetes.network_policies:
        return []
    stack = {"podSelector": {"matchLabels": {"app.kubernetes.io/managed-by": MANAGER}}}
    asks = [{"podSelector": {"matchLabels": {"app": app}}} for app in (WEBSERVER, READ_ONLY, DAEMON)]
    webserver = {"matchExpressions": [{"key": "app", "operator": "In", "values": [WEBSERVER, READ_ONLY]}]}
    locations = {"matchLabels": {"app.kubernetes.io/component": "location"}}
    ops = {"podSelector": {"matchLabels": {f"{PREFIX}location": "ops"}}}
    found = [
        _policy(configuration, "dagster-closed", {}, []),
        _policy(configuration, WEBSERVER, webserver, [_ingress_rule(WEBSERVER_PORT)]),
        _policy(configuration, "dagster-locations", locations, [_ingress_rule(GRPC_PORT, *asks, ops)]),
    ]
    if configuration.postgres.external is None:
        own = {"matchLabels": {"app": POSTGRES}}
        found.append(_policy(configuration, POSTGRES, own, [_ingress_rule(POSTGRES_PORT, stack)]))
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


def _ingress_rule(port: int, *sources: Object) -> Object:
    ports = [{"port": port, "protocol": "TCP"}]
    return {"from": list(sources), "ports": ports} if sources else {"ports": ports}
