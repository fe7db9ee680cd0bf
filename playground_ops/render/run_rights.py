"""Who makes and ends the pods of runs: the daemon launches and watches, the webserver terminates.

What dagster-k8s asks of the API server for that, and no Secret. A policy limits which Jobs, and which pods.
"""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render.names import DAEMON, WEBSERVER, Object
from playground_ops.render.rights import account_with, rule

_END = (rule("batch", "jobs", "delete"), rule("", "pods", "list delete"))
RULES = {
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


def render(configuration: Configuration) -> list[Object]:
    if not configuration.runs_in_pods:
        return []
    space = configuration.kubernetes.namespace
    return [one for account, rules in RULES.items() for one in account_with(account, space, rules)]


def identified(template: Object, account: str, configuration: Configuration) -> Object:
    """The pod of a component that has an account where runs are pods, and none elsewhere."""
    if configuration.runs_in_pods:
        template["spec"] |= {"automountServiceAccountToken": True, "serviceAccountName": account}
    return template
