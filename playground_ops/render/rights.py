"""Accounts and Roles of the components that make and end the pods of runs.

They have the rights that dagster-k8s needs from the API server, and read no Secret. A policy limits the Jobs
and pods.
"""

from collections.abc import Mapping, Sequence

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.render.deployments import tags
from playground_ops.render.names import DAEMON, WEBSERVER, Object, an_object, labels

GROUP = "rbac.authorization.k8s.io"


def rule(group: str, resources: str, verbs: str, *names: str) -> Object:
    made: Object = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return {**made, "resourceNames": list(names)} if names else made


def account_with(name: str, space: str, rules: Sequence[Object], more: Mapping[str, str]) -> list[Object]:
    """Return an account with a Role. Its token is mounted only where a pod says so. `more`: labels."""
    own = {**labels(name, "rights"), **more}
    account = an_object("v1", "ServiceAccount", name, space, own)
    return [{**account, "automountServiceAccountToken": False}, *bound_role(name, space, space, own, rules)]


def bound_role(
    name: str, home: str, space: str, tags: dict[str, str], rules: Sequence[Object]
) -> list[Object]:
    """Return a Role in the namespace `space` for the account of the same name in the namespace `home`."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": home}
    reference = {"apiGroup": GROUP, "kind": "Role", "name": name}
    return [
        an_object(f"{GROUP}/v1", "Role", name, space, tags, rules=list(rules)),
        an_object(f"{GROUP}/v1", "RoleBinding", name, space, tags, roleRef=reference, subjects=[subject]),
    ]


_END = (rule("batch", "jobs", "delete"), rule("", "pods", "list delete"))
_LAUNCH = rule("batch", "jobs", "create")
RUN_RULES = {
    WEBSERVER: _END,
    DAEMON: (
        *_END,
        rule("batch", "jobs", "create list"),
        rule("batch", "jobs/status", "get"),
        # dagster-k8s reads it to report a run whose pod is lost.
        rule("", "pods/log", "get"),
        rule("", "events", "list"),
    ),
}


def run_rights(configuration: Configuration) -> list[Object]:
    if not configuration.runs_in_pods:
        return []
    space = configuration.kubernetes.namespace
    return [
        one
        for view in configuration.views
        for account, rules in _rules(view).items()
        for one in account_with(account, space, rules, tags(view.deployment))
    ]


def _rules(view: Configuration) -> dict[str, Sequence[Object]]:
    """Return the rules of a deployment by account. Where no daemon is, the webserver launches runs."""
    rules = RUN_RULES if view.has_daemon else {WEBSERVER: (*_END, _LAUNCH)}
    return {component_of(account, view.deployment): found for account, found in rules.items()}


def identified(template: Object, account: str, configuration: Configuration) -> Object:
    """Give the component's pod an account where runs are pods, and none elsewhere."""
    if configuration.runs_in_pods:
        template["spec"] |= {"automountServiceAccountToken": True, "serviceAccountName": account}
    return template
