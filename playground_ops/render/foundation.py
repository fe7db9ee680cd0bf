"""Objects applied with a person's own rights: namespaces, rights, and network policies of the stack."""

from collections.abc import Sequence

from playground_ops.config import Configuration, store
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.render.deployments import DEPLOYMENT, standing, tags
from playground_ops.render.jobs import REMOTE_JOB_COMPONENT
from playground_ops.render.names import (
    DAEMON,
    GRPC_PORT,
    MANAGER,
    NAMESPACE_NAME,
    OF_NAMESPACE,
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
from playground_ops.render.namespaces import Place
from playground_ops.render.rights import bound_role, rule

LEVEL = "restricted"
"""A level of the Pod Security Standards."""


READ, WRITE = "get list watch", "create patch update delete"
_RULES = (
    # Releases, their addresses and records have names that are not known beforehand.
    rule("apps", "deployments", f"{READ} {WRITE}"),
    rule("apps", "replicasets", f"{READ} delete"),
    rule("", "services configmaps", f"{READ} {WRITE}"),
    rule("coordination.k8s.io", "leases", f"{READ} {WRITE}"),
    rule("", "pods", f"{READ} create delete"),
    rule("", "pods/log", "get"),
    rule("", "events", READ),
    rule("metrics.k8s.io", "pods", "get list"),
    rule("apps", "statefulsets", READ),
    rule("networking.k8s.io", "ingresses", f"{READ} create"),
)
_MORE_RULES = (
    rule("", "persistentvolumeclaims", READ),
    # Read only: to report how the foundation differs from the configuration.
    rule("", "serviceaccounts", READ),
    rule("networking.k8s.io", "networkpolicies", READ),
    rule("policy", "poddisruptionbudgets", READ),
    rule("rbac.authorization.k8s.io", "roles rolebindings", READ),
)
"""`create` can't be limited to names (Kubernetes documentation, "Using RBAC Authorization")."""


def _rules(configuration: Configuration) -> list[Object]:
    names = [app for app, _ in standing(configuration).values() if app.startswith(WEBSERVER)]
    return [*_RULES, rule("networking.k8s.io", "ingresses", "patch delete", *names), *_MORE_RULES]


def namespaces(configuration: Configuration) -> list[Object]:
    """Return the stack's namespace, then those of isolated locations."""
    own, *others = configuration.namespaces
    return [_namespace(own, {}), *(_namespace(name, {OF_NAMESPACE: own}) for name in others)]


def _namespace(name: str, more: dict[str, str]) -> Object:
    levels = {f"pod-security.kubernetes.io/{mode}": LEVEL for mode in ("enforce", "warn", "audit")}
    tags = {"app.kubernetes.io/name": "dagster", "app.kubernetes.io/managed-by": MANAGER, **levels, **more}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": tags}}


def rights(configuration: Configuration) -> list[Object]:
    """Return the account of `ops` and its rights: what its jobs do, in this namespace, without any Secret."""
    here = Place(configuration.kubernetes.namespace)
    return [
        account(configuration, OPS_ACCOUNT, here, labels(OPS_ACCOUNT, "rights")),
        *(
            [account(configuration, store.ACCOUNT, here, labels(store.ACCOUNT, "account"))]
            if _annotations(configuration)
            else []
        ),
        *role(configuration, here, _rules(configuration)),
    ]


def role(configuration: Configuration, place: Place, rules: Sequence[Object]) -> list[Object]:
    """Return the rights of `ops` in a namespace."""
    home, tags = configuration.kubernetes.namespace, {**labels(OPS_ACCOUNT, "rights"), **place.tags}
    return bound_role(OPS_ACCOUNT, home, place.namespace, tags, rules)


def account(configuration: Configuration, name: str, place: Place, tags: dict[str, str]) -> Object:
    """Return a ServiceAccount with the annotations by which a cloud knows it."""
    made = an_object("v1", "ServiceAccount", name, place.namespace, {**tags, **place.tags})
    made["metadata"] |= present(annotations=_annotations(configuration))
    return {**made, "automountServiceAccountToken": False}


def _annotations(configuration: Configuration) -> dict[str, str]:
    found = configuration.kubernetes.artifacts_store
    return dict(found.service_account_annotations) if found else {}


def network_policies(configuration: Configuration) -> list[Object]:
    """Return policies that let only those who need it reach a pod; the UI is open to everybody."""
    if not configuration.kubernetes.network_policies:
        return []
    here = Place(configuration.kubernetes.namespace)
    stack = {"podSelector": {"matchLabels": {"app.kubernetes.io/managed-by": MANAGER}}}
    found = [network_policy(here, "dagster-closed", {}, ingress=[])]
    for name in configuration.deployment_names:
        found += _of_deployment(here, name, alone=not configuration.deployments)
    if configuration.postgres.external is None:
        own = {"matchLabels": {"app": POSTGRES}}
        isolated = [
            {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: name}}, **stack}
            for name in configuration.namespaces[1:]
        ]
        reached = reached_on(POSTGRES_PORT, stack, *isolated)
        found.append(network_policy(here, POSTGRES, own, ingress=[reached]))
    return found


def _of_deployment(here: Place, name: str, *, alone: bool) -> list[Object]:
    """Return the policies for its webservers, and for the servers of its locations in this namespace."""
    values = [component_of(app, name) for app in (WEBSERVER, READ_ONLY)]
    webserver = {"matchExpressions": [{"key": "app", "operator": "In", "values": values}]}
    locations: Object = {"matchLabels": {"app.kubernetes.io/component": "location", **tags(name)}}
    if name == MAIN and not alone:
        locations["matchExpressions"] = [{"key": DEPLOYMENT, "operator": "DoesNotExist"}]
    asked = reached_on(GRPC_PORT, *who_asks_locations(name))
    own = Place(here.namespace, tags=tags(name))
    return [
        network_policy(own, component_of(WEBSERVER, name), webserver, ingress=[reached_on(WEBSERVER_PORT)]),
        network_policy(own, component_of("dagster-locations", name), locations, ingress=[asked]),
    ]


def who_asks_locations(deployment: str) -> list[Object]:
    """Return the pods of the stack's namespace that call a deployment's locations.

    They are its webservers and daemon, `ops`, and remote jobs.
    """
    apps = [{"app": component_of(app, deployment)} for app in (WEBSERVER, READ_ONLY, DAEMON)]
    found = [*apps, {f"{PREFIX}location": "ops"}, {"app.kubernetes.io/component": REMOTE_JOB_COMPONENT}]
    return [{"podSelector": {"matchLabels": one}} for one in found]


def network_policy(place: Place, name: str, pods: Object, **rules: Sequence[Object]) -> Object:
    """Return a policy; `ingress` or `egress`: who may reach these pods, or what they may reach."""
    spec: Object = {way: list(listed) for way, listed in rules.items() if listed}
    spec |= {"podSelector": pods, "policyTypes": [way.capitalize() for way in rules]}
    tags = {**labels(name, "network"), **place.tags}
    return an_object("networking.k8s.io/v1", "NetworkPolicy", name, place.namespace, tags, spec=spec)


def reached_on(port: int, *sources: Object) -> Object:
    ports = [{"port": port, "protocol": "TCP"}]
    return {"from": list(sources), "ports": ports} if sources else {"ports": ports}
