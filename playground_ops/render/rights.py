"""An account, and a Role with what it may do in the stack's namespace."""

from __future__ import annotations

from collections.abc import Sequence

from playground_ops.render.names import Object, an_object, labels

GROUP = "rbac.authorization.k8s.io"


def rule(group: str, resources: str, verbs: str, *names: str) -> Object:
    made: Object = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return {**made, "resourceNames": list(names)} if names else made


def account_with(name: str, space: str, rules: Sequence[Object]) -> list[Object]:
    """No pod gets its token unless it says so."""
    tags = labels(name, "rights")
    subject = {"kind": "ServiceAccount", "name": name, "namespace": space}
    role = {"apiGroup": GROUP, "kind": "Role", "name": name}
    account = an_object("v1", "ServiceAccount", name, space, tags)
    return [
        {**account, "automountServiceAccountToken": False},
        an_object(f"{GROUP}/v1", "Role", name, space, tags, rules=list(rules)),
        an_object(f"{GROUP}/v1", "RoleBinding", name, space, tags, roleRef=role, subjects=[subject]),
    ]
