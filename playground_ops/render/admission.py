"""Limits the pods that `ops` may make, beyond what its Role can say: a ValidatingAdmissionPolicy.

The right to make a pod is the right to mount every Secret of the namespace, to run any image, and to use any
account. This limits all three, for every object that makes pods, to what the configuration has, which is
written into the policy: `ops` can't write that.

Rules: Kubernetes documentation, "Validating Admission Policy"; CEL in Kubernetes.
"""

from collections.abc import Collection, Sequence

from playground_ops.config import Configuration
from playground_ops.render import admission_containers, allowed, jobs, packages
from playground_ops.render.admission_addresses import (
    INGRESS_VALIDATIONS,
    INGRESSES,
    SERVICE_VALIDATIONS,
    SERVICE_VARIABLES,
    SERVICES,
    ingress_values,
    service_values,
)
from playground_ops.render.admission_containers import literal, mounts
from playground_ops.render.admission_pods import pod_limits
from playground_ops.render.mount_places import OF_ITS_OWN, PLACE
from playground_ops.render.mounted_versions import VERSIONS
from playground_ops.render.names import (
    CONFIGURATION,
    DAEMON,
    LOCATION,
    NAMESPACE_NAME,
    OF_NAMESPACE,
    OPS_ACCOUNT,
    PREFIX,
    STANDING,
    WEBSERVER,
    Object,
    app_of,
    labels,
)
from playground_ops.render.namespaces import Scope, scopes

API = "admissionregistration.k8s.io/v1"

NAMED = (
    "accounts",
    "audiences",
    "images",
    "secrets",
    "gitSecrets",
    "pullSecrets",
    "packagesSecrets",
    "packagesVariables",
)
_TEMPLATE = "object.kind == 'Pod' ? object : object.spec.template"
_CHANGES_PODS = (
    "request.operation != 'UPDATE' || !has(object.spec.template) || "
    "object.spec.template != oldObject.spec.template"
)
"""A release that was admitted when it was made is marked, scaled and served again as it is, whatever the
configuration has by now: a rollback brings back what ran."""
_CONTAINERS = (
    "variables.spec.containers + (has(variables.spec.initContainers) ? variables.spec.initContainers : [])"
)
_VOLUMES = "has(variables.spec.volumes) ? variables.spec.volumes : []"
_ACCOUNT = "has(variables.spec.serviceAccountName) ? variables.spec.serviceAccountName : 'default'"
_ENV = "(has(c.env) ? c.env : []).filter(e, has(e.valueFrom) && has(e.valueFrom.secretKeyRef))"
_ENV_FROM = "(has(c.envFrom) ? c.envFrom : []).filter(e, has(e.secretRef))"
_PULL = "(has(variables.spec.imagePullSecrets) ? variables.spec.imagePullSecrets : [])"
_CLAIMS = (
    "variables.containers.all(c, c.image == variables.gitImage || "
    "(has(c.command) && c.command == variables.install) || "
    f"{mounts('c')}.all(m, variables.volumes.all(v, v.name != m.name || !has(v.persistentVolumeClaim) || "
    f"(!has(m.subPathExpr) && ({PLACE} in variables.claimPlaces || "
    f"{PLACE}.{OF_ITS_OWN} in variables.claimPlaces)))))"
)
_ELSEWHERE = ("hostAliases", "dnsConfig", "runtimeClassName")
_KINDS = (
    "v, has(v.emptyDir) || has(v.configMap) || has(v.secret) || has(v.persistentVolumeClaim) || "
    "(has(v.projected) && has(v.projected.sources) && v.projected.sources.all(s, "
    "has(s.serviceAccountToken) && has(s.serviceAccountToken.audience) && "
    "s.serviceAccountToken.audience in variables.audiences))"
)
"""The last kind is tokens that a cloud's webhook gives to a pod; the API server does not accept them."""

VARIABLES = (
    ("template", _TEMPLATE),
    ("spec", "variables.template.spec"),
    ("labels", "has(variables.template.metadata.labels) ? variables.template.metadata.labels : {}"),
    (
        "ownName",
        f"'{LOCATION}' in variables.labels ? variables.labels['{LOCATION}'] : ''",
    ),
    ("containers", _CONTAINERS),
    ("volumes", _VOLUMES),
    ("account", _ACCOUNT),
    (
        "mountedSecrets",
        "'app' in variables.labels && variables.labels['app'] in variables.volumesOf ? "
        "variables.volumesOf[variables.labels['app']] : []",
    ),
    *admission_containers.FETCH_VARIABLES,
    *admission_containers.INSTALL_VARIABLES,
)
VALIDATIONS = (
    (
        "variables.containers.all(c, c.image in variables.images)",
        "'an image that the configuration does not name: ' + "
        "variables.containers.filter(c, !(c.image in variables.images))[0].image",
    ),
    (f"variables.volumes.all({_KINDS})", "'a kind of volume that the stack has none of'"),
    (
        "variables.volumes.all(v, !has(v.secret) || v.secret.secretName in variables.gitSecrets || "
        "v.secret.secretName in variables.packagesSecrets || "
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
    (_CLAIMS, "'a folder of a claim, or a claim, that these pods have no business with'"),
    (
        # Other addresses by the same names: credentials would go there.
        " && ".join(f"!has(variables.spec.{name})" for name in _ELSEWHERE)
        + " && (!has(variables.spec.dnsPolicy) || variables.spec.dnsPolicy == 'ClusterFirst')",
        "'addresses, a resolver or a runtime of its own'",
    ),
    (
        "!has(variables.spec.initContainers) || variables.spec.initContainers.all(c, !has(c.restartPolicy))",
        "'an init container that goes on beside the others'",
    ),
    (
        # Else a pod of its own could be behind the address of the database, and hear its password.
        f"!('app' in variables.labels) || !(variables.labels['app'] in {sorted(STANDING.values())}) || "
        "(object.kind == 'Deployment' && object.metadata.name == variables.labels['app'])",
        "'the label of a component for other pods'",
    ),
)
"""Expressions for all objects that make pods, and the messages with which they refuse."""
_ACCOUNT_OF_A_POD = (
    f"variables.account in variables.accounts || (variables.account == '{OPS_ACCOUNT}' && "
    f"'{PREFIX}location' in variables.labels && variables.labels['{PREFIX}location'] == 'ops') || "
    f"(variables.account in {[DAEMON, WEBSERVER]} && 'app' in variables.labels && "
    "variables.labels['app'] == variables.account)",
    "'the service account ' + variables.account + ', which is not for these pods'",
)


def render(configuration: Configuration) -> list[Object]:
    """Return the policy for pods of each namespace, and one that keeps `ops` from changing its orders."""
    if not configuration.kubernetes.admission_policy:
        return []
    space = configuration.kubernetes.namespace
    orders: Object = {
        "matchConstraints": {"resourceRules": [rule("", ["configmaps"], ["CREATE", "UPDATE"])]},
        "validations": [
            {
                "expression": f"!(object.metadata.name in ['{CONFIGURATION}', '{VERSIONS}'])",
                "message": f"{OPS_ACCOUNT} may not change what it is told to do: run deploy from a clone",
                "reason": "Forbidden",
            }
        ],
    }
    return [
        *(
            one
            for scope in scopes(configuration)
            for one in policy(
                f"{OPS_ACCOUNT}-pods", [OPS_ACCOUNT], space, _pods(configuration, scope), scope.namespace
            )
        ),
        *policy(f"{OPS_ACCOUNT}-orders", [OPS_ACCOUNT], space, orders, space),
        *(
            one
            for scope in scopes(configuration)
            for one in policy(
                SERVICES, [OPS_ACCOUNT], space, _services(configuration, scope), scope.namespace
            )
        ),
        *policy(INGRESSES, [OPS_ACCOUNT], space, _ingresses(configuration), space),
    ]


def _services(configuration: Configuration, scope: Scope) -> Object:
    values = (*service_values(configuration, scope), *SERVICE_VARIABLES)
    return {
        "matchConstraints": {"resourceRules": [rule("", ["services"], ["CREATE", "UPDATE"])]},
        "variables": [{"name": name, "expression": text} for name, text in values],
        "validations": validations(f"'{OPS_ACCOUNT} may not make ' + ", SERVICE_VALIDATIONS),
    }


def _ingresses(configuration: Configuration) -> Object:
    values = ingress_values(configuration)
    return {
        "matchConstraints": {
            "resourceRules": [rule("networking.k8s.io", ["ingresses"], ["CREATE", "UPDATE"])]
        },
        "variables": [{"name": name, "expression": text} for name, text in values],
        "validations": validations(f"'{OPS_ACCOUNT} may not make ' + ", INGRESS_VALIDATIONS),
    }


def _pods(configuration: Configuration, scope: Scope) -> Object:
    variables = (*_values(configuration, scope), *VARIABLES)
    return {
        "matchConditions": [{"name": "changes-pods", "expression": _CHANGES_PODS}],
        "matchConstraints": {"resourceRules": [rule(*one, ["CREATE", "UPDATE"]) for one in _MAKE_PODS]},
        "variables": [{"name": name, "expression": text} for name, text in variables],
        "validations": validations(
            f"'{OPS_ACCOUNT} may not use ' + ",
            (
                _ACCOUNT_OF_A_POD,
                *VALIDATIONS,
                *admission_containers.FETCH_VALIDATIONS,
                *admission_containers.INSTALL_VALIDATIONS,
            ),
        ),
    }


def validations(who: str, found: Sequence[tuple[str, str]]) -> list[Object]:
    """Return the validations; `who` begins each message, as CEL."""
    return [
        {"expression": test, "messageExpression": f"{who}{refusal}", "reason": "Forbidden"}
        for test, refusal in found
    ]


def policy(what: str, accounts: Sequence[str], home: str, spec: Object, space: str) -> list[Object]:
    """Return a policy for one namespace: it is cluster-wide and may outlive that. `home`: the accounts'."""
    name = f"{what}-{space}"
    users = [f"system:serviceaccount:{home}:{account}" for account in accounts]
    condition = {"name": "is-of-the-stack", "expression": f"request.userInfo.username in {users}"}
    here = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: space}}}
    metadata = {"name": name, "labels": {**labels(what, "policy"), OF_NAMESPACE: home}}
    constraints = {**here, **spec["matchConstraints"]}
    conditions = [condition, *spec.get("matchConditions", ())]
    whole = {**spec, "failurePolicy": "Fail", "matchConditions": conditions, "matchConstraints": constraints}
    binding = {"matchResources": here, "policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicy"
    return [
        {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": whole},
        {"apiVersion": API, "kind": f"{kind}Binding", "metadata": metadata, "spec": binding},
    ]


_MAKE_PODS = (("", ["pods"]), ("apps", ["deployments", "statefulsets"]), ("batch", ["jobs"]))


def rule(group: str, resources: list[str], operations: list[str]) -> Object:
    return {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    }


def _values(configuration: Configuration, scope: Scope) -> list[tuple[str, str]]:
    """Return the configuration's values as CEL: its strings are written as in JSON."""
    mounted = {app_of(name): sorted(pod.mounted_secrets) for name, pod in scope.pods.items()}
    if "postgres" in scope.pods:
        mounted[jobs.BACKUP] = sorted(scope.pods["postgres"].mounted_secrets)
    store = configuration.kubernetes.artifacts_store
    lists: dict[str, Collection[str]] = {
        **allowed.of(configuration, scope),
        "accounts": sorted(scope.accounts),
        "audiences": store.audiences if store else (),
    }
    return [
        ("gitImage", literal(configuration.images.git_sync)),
        *admission_containers.SCRIPTS,
        ("install", literal(packages.COMMAND)),
        *((name, literal(found)) for name, found in pod_limits(configuration, scope).items()),
        ("repositories", literal(lists["repositories"])),
        ("volumesOf", literal({app: secrets for app, secrets in mounted.items() if secrets})),
        *((name, literal(lists[name])) for name in NAMED),
    ]
