"""What the stack made earlier and the configuration has no more: known by its labels, and by kind.

Claims, Secrets and the namespace are never among it; releases and records are the rollouts'.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.config import Configuration
from playground_ops.plan import Change
from playground_ops.render.names import LOCATION, MANAGER, RELEASE
from playground_ops.render.stack import FOUNDATION
from playground_ops.targets.kubernetes.components import KINDS
from playground_ops.targets.kubernetes.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.paths import collection, title

STACK = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
)
OF_FOUNDATION = (
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
)
OURS = f"app.kubernetes.io/managed-by={MANAGER}"
COMPONENT = "app.kubernetes.io/component"
_NOT_APPLIED = ("record", "automation", "archive", "lock")


def superfluous(
    connection: Connection, configuration: Configuration, wanted: Collection[str]
) -> list[Change]:
    """What a deploy would delete; `wanted` are the titles of what it would keep."""
    namespace = configuration.kubernetes.namespace

    def listed(kind: tuple[str, str]) -> list[Change]:
        query = {"labelSelector": f"{OURS},!{RELEASE},{COMPONENT} notin ({','.join(_NOT_APPLIED)})"}
        found = connection.request("GET", collection(*kind, namespace), query=query)["items"]
        objects = [{**one, "kind": kind[1]} for one in found]
        foundation = kind in OF_FOUNDATION
        return [_deleted(one, foundation, connection) for one in objects if title(one) not in wanted]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [change for changes in pool.map(listed, (*STACK, *OF_FOUNDATION)) for change in changes]


def _deleted(found: Mapping[str, Any], foundation: bool, connection: Connection) -> Change:
    tags = found["metadata"]["labels"]
    component = str(tags.get(LOCATION) or tags.get(COMPONENT))
    return Change(
        component=FOUNDATION[0] if foundation else component,
        kind="location" if LOCATION in tags else KINDS.get(component, "stack"),
        object=title(found),
        action="delete",
        needs_bootstrap=foundation and connection.context is None,
    )
