"""ValidatingAdmissionPolicies as objects: each is for some accounts of a stack, in one namespace."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.core.model import MAIN
from playground_ops.render import deployments
from playground_ops.render.names import NAMESPACE_NAME, OF_NAMESPACE, Object, labels

API = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class Limited:
    """Whom a policy limits, and where."""

    accounts: Sequence[str]
    home: str
    """The namespace of the accounts, which is the stack's."""
    space: str
    """The namespace of what they make."""
    deployment: str = MAIN
    """The deployment whose accounts these are."""


def policy(what: str, limited: Limited, spec: Object) -> list[Object]:
    """Return a policy for one namespace: it is cluster-wide and may outlive that.

    A deployment's name follows a dot, which no namespace has: so no other stack's policy has this name.
    """
    home, space, own = limited.home, limited.space, deployments.tags(limited.deployment)
    name = ".".join((f"{what}-{space}", *own.values()))
    users = [f"system:serviceaccount:{home}:{account}" for account in limited.accounts]
    condition = {"name": "is-of-the-stack", "expression": f"request.userInfo.username in {users}"}
    here = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: space}}}
    metadata = {"name": name, "labels": {**labels(what, "policy"), OF_NAMESPACE: home, **own}}
    constraints = {**here, **spec["matchConstraints"]}
    conditions = [condition, *spec.get("matchConditions", ())]
    whole = {**spec, "failurePolicy": "Fail", "matchConditions": conditions, "matchConstraints": constraints}
    binding = {"matchResources": here, "policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicy"
    return [
        {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": whole},
        {"apiVersion": API, "kind": f"{kind}Binding", "metadata": metadata, "spec": binding},
    ]


def rule(group: str, resources: list[str], operations: list[str]) -> Object:
    return {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    }


def validations(who: str, found: Sequence[tuple[str, str]]) -> list[Object]:
    """Return the validations; `who` begins each message, as CEL."""
    return [
        {"expression": test, "messageExpression": f"{who}{refusal}", "reason": "Forbidden"}
        for test, refusal in found
    ]
