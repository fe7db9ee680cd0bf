"""Accounts and Roles, and who makes and ends the pods of runs.

What dagster-k8s asks of the API server for that, and no Secret. A policy limits which Jobs, and which pods.
"""

from __future__ import annotations

from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.render.names import DAEMON, WEBSERVER, Object, an_object, labels

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


_END = (rule("batch", "jobs", "delete"), rule("", "pods", "list delete"))
RUN_RULES = {
    WEBSERVER: _END,
    DAEMON: (
        *_END,
        rule("batch", "jobs", "create list"),
        rule("batch", "jobs/status", "get"),
        # What it tells of a run whose pod is lost.
        rule("", "pods/log", "get"),
        rule("", "events", "list"),
    ),
}


def run_rights(configuration: Configuration) -> list[Object]:
    if not configuration.runs_in_pods:
        return []
    space = configuration.kubernetes.namespace
    return [one for account, rules in RUN_RULES.items() for one in account_with(account, space, rules)]


def identified(template: Object, account: str, configuration: Configuration) -> Object:
    """The pod of a component that has an account where runs are pods, and none elsewhere."""
    if configuration.runs_in_pods:
        template["spec"] |= {"automountServiceAccountToken": True, "serviceAccountName": account}
    return template
