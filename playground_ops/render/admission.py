"""What `ops` may make pods of, beyond what its Role can say: a ValidatingAdmissionPolicy.

The right to make a pod is the right to mount every Secret of the namespace, to run any image, and to be any
account. This limits all three, for every object that pods come of, to what the configuration has, which is
written into the policy: `ops` can't write that.

Rules: Kubernetes documentation, "Validating Admission Policy"; CEL in Kubernetes.
"""

from __future__ import annotations

import json

from playground_ops.config import Configuration
from playground_ops.render import fetchers
from playground_ops.render.database import password_secret
from playground_ops.render.names import (
    CONFIGURATION,
    OPS_ACCOUNT,
    PREFIX,
    Object,
    app_of,
    labels,
)
from playground_ops.render.versions import VERSIONS

API = "admissionregistration.k8s.io/v1"
OF_NAMESPACE = f"{PREFIX}namespace"
"""Label: cluster-wide objects say to which stack they belong."""

_TEMPLATE = "object.kind == 'Pod' ? object : object.spec.template"
_CHANGES_PODS = (
    "request.operation != 'UPDATE' || !has(object.spec.template) || "
    "object.spec.template != oldObject.spec.template"
)
"""A release that was let through when it was made is marked, scaled and served again as it is, whatever the
configuration has by now: a rollback brings back what ran."""
_CONTAINERS = (
    "variables.spec.containers + (has(variables.spec.initContainers) ? variables.spec.initContainers : [])"
)
_VOLUMES = "has(variables.spec.volumes) ? variables.spec.volumes : []"
_ACCOUNT = "has(variables.spec.serviceAccountName) ? variables.spec.serviceAccountName : 'default'"
_ENV = "(has(c.env) ? c.env : []).filter(e, has(e.valueFrom) && has(e.valueFrom.secretKeyRef))"
_ENV_FROM = "(has(c.envFrom) ? c.envFrom : []).filter(e, has(e.secretRef))"
_PULL = "(has(variables.spec.imagePullSecrets) ? variables.spec.imagePullSecrets : [])"
_KINDS = "v, has(v.emptyDir) || has(v.configMap) || has(v.secret) || has(v.persistentVolumeClaim)"

_VALIDATIONS = (
    (
        "variables.containers.all(c, c.image in variables.images)",
        "'an image that the configuration does not name: ' + "
        "variables.containers.filter(c, !(c.image in variables.images))[0].image",
    ),
    (
        f"variables.account in ['default', ''] || (variables.account == '{OPS_ACCOUNT}' && "
        f"'{PREFIX}location' in variables.labels && variables.labels['{PREFIX}location'] == 'ops')",
        "'the service account ' + variables.account + ', which is not for these pods'",
    ),
    (
        f"variables.volumes.all({_KINDS})",
        "'a kind of volume that the stack has none of'",
    ),
    (
        "variables.volumes.all(v, !has(v.secret) || v.secret.secretName in variables.gitSecrets || "
        "v.secret.secretName in variables.mountedSecrets)",
        "'a volume of a Secret that the configuration does not name for it'",
    ),
    (
        f"variables.containers.all(c, {_ENV}.all(e, e.valueFrom.secretKeyRef.name in "
        "(c.image == variables.gitImage ? variables.gitSecrets : variables.secrets)))",
        "'a variable from a Secret that the configuration does not name for it'",
    ),
    (
        f"variables.containers.all(c, {_ENV_FROM}.all(e, c.image != variables.gitImage && "
        "e.secretRef.name in variables.secrets))",
        "'variables from a Secret that the configuration does not name for it'",
    ),
    (
        f"{_PULL}.all(s, s.name in variables.pullSecrets)",
        "'a pull secret that the configuration does not name'",
    ),
    (
        "!(has(variables.spec.hostNetwork) && variables.spec.hostNetwork) && "
        "!(has(variables.spec.hostPID) && variables.spec.hostPID) && "
        "!(has(variables.spec.hostIPC) && variables.spec.hostIPC)",
        "'a namespace of the node'",
    ),
)


def render(configuration: Configuration) -> list[Object]:
    """The policy for pods, and another one that keeps `ops` from what it is told to be."""
    if not configuration.kubernetes.admission_policy:
        return []
    space = configuration.kubernetes.namespace
    pods: Object = {
        "matchConditions": [{"name": "changes-pods", "expression": _CHANGES_PODS}],
        "matchConstraints": {"resourceRules": _workloads()},
        "variables": [
            {"name": name, "expression": text} for name, text in (*_values(configuration), *_variables())
        ],
        "validations": [
            {
                "expression": test,
                "messageExpression": f"'{OPS_ACCOUNT} may not use ' + {told}",
                "reason": "Forbidden",
            }
            for test, told in (*_VALIDATIONS, *fetchers.VALIDATIONS)
        ],
    }
    orders: Object = {
        "matchConstraints": {"resourceRules": [_rule("", ["configmaps"], ["CREATE", "UPDATE"])]},
        "validations": [
            {
                "expression": f"!(object.metadata.name in ['{CONFIGURATION}', '{VERSIONS}'])",
                "message": f"{OPS_ACCOUNT} may not change what it is told to do: run deploy from a clone",
                "reason": "Forbidden",
            }
        ],
    }
    found = {"pods": pods, "orders": orders}
    return [one for name, spec in found.items() for one in _policy(space, name, spec)]


def _policy(space: str, what: str, spec: Object) -> list[Object]:
    """For this namespace alone: a policy is cluster-wide, and may outlive it."""
    name = f"{OPS_ACCOUNT}-{what}-{space}"
    user = f"system:serviceaccount:{space}:{OPS_ACCOUNT}"
    condition = {"name": "is-ops", "expression": f"request.userInfo.username == '{user}'"}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}}}
    tags = {**labels(f"{OPS_ACCOUNT}-{what}", "policy"), OF_NAMESPACE: space}
    metadata = {"name": name, "labels": tags}
    constraints = {**here, **spec["matchConstraints"]}
    conditions = [condition, *spec.get("matchConditions", ())]
    whole = {**spec, "failurePolicy": "Fail", "matchConditions": conditions, "matchConstraints": constraints}
    binding = {"matchResources": here, "policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicy"
    return [
        {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": whole},
        {"apiVersion": API, "kind": f"{kind}Binding", "metadata": metadata, "spec": binding},
    ]


def _variables() -> list[tuple[str, str]]:
    return [
        ("template", _TEMPLATE),
        ("spec", "variables.template.spec"),
        ("labels", "has(variables.template.metadata.labels) ? variables.template.metadata.labels : {}"),
        ("containers", _CONTAINERS),
        ("volumes", _VOLUMES),
        ("account", _ACCOUNT),
        (
            "mountedSecrets",
            "'app' in variables.labels && variables.labels['app'] in variables.volumesOf ? "
            "variables.volumesOf[variables.labels['app']] : []",
        ),
        *fetchers.VARIABLES,
    ]


def _workloads() -> list[Object]:
    every = ["CREATE", "UPDATE"]
    return [
        _rule("", ["pods"], every),
        _rule("apps", ["deployments", "statefulsets"], every),
        _rule("batch", ["jobs"], every),
    ]


def _rule(group: str, resources: list[str], operations: list[str]) -> Object:
    return {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    }


def _values(configuration: Configuration) -> list[tuple[str, str]]:
    """What the configuration has, as CEL: its strings are written as in JSON."""
    pods = configuration.all_pods.values()
    mounted = {app_of(name): sorted(pod.mounted_secrets) for name, pod in configuration.all_pods.items()}
    images = {configuration.images.dagster, configuration.images.postgres, configuration.images.git_sync}
    named = {secret for one in pods for secret in one.environment_from_secrets}
    lists = {
        "images": images | {one.image for one in pods if one.image},
        "secrets": {password_secret(configuration), *named},
        "gitSecrets": {one.git_secret for one in configuration.locations if one.git_secret},
        "pullSecrets": {secret for one in pods for secret in one.image_pull_secrets},
    }
    return [
        ("gitImage", json.dumps(configuration.images.git_sync)),
        *fetchers.values(configuration),
        ("volumesOf", json.dumps({app: secrets for app, secrets in mounted.items() if secrets})),
        *((name, json.dumps(sorted(values))) for name, values in lists.items()),
    ]
