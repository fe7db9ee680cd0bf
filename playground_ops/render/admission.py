"""Limits the pods that `ops` may make, beyond what its Role can say: a ValidatingAdmissionPolicy.

The right to make a pod is the right to mount every Secret of the namespace, to run any image, and to use any
account. This limits all three, for every object that makes pods, to what the configuration has, which is
written into the policy: `ops` can't write that.

Rules: Kubernetes documentation, "Validating Admission Policy"; CEL in Kubernetes.
"""

from collections.abc import Collection
from dataclasses import replace

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.render import admission_containers, admission_databases, allowed, jobs, packages
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
from playground_ops.render.admission_policy import Limited, policy, rule, validations
from playground_ops.render.deployments import own_of, standing
from playground_ops.render.mount_places import OF_ITS_OWN, PLACE
from playground_ops.render.mounted_versions import VERSIONS
from playground_ops.render.names import (
    CONFIGURATION,
    DAEMON,
    LOCATION,
    OPS_ACCOUNT,
    PREFIX,
    WEBSERVER,
    Object,
)
from playground_ops.render.namespaces import Scope, scopes

FORMAT = "dagster-format"
"""The ConfigMap with the format of what the stack stores, which `down` leaves."""
LAUNCHING = (DAEMON, WEBSERVER)
"""The accounts of a deployment that make and end runs in pods."""

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
_VALIDATIONS = (
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
)


def pod_validations(configuration: Configuration) -> list[tuple[str, str]]:
    """Return expressions for all objects that make pods, and the messages with which they refuse."""
    apps = sorted(app for app, _ in standing(configuration).values())
    own = (
        # Else a pod of its own could be behind the address of the database, and hear its password.
        f"!('app' in variables.labels) || !(variables.labels['app'] in {apps}) || "
        "(object.kind == 'Deployment' && object.metadata.name == variables.labels['app'])",
        "'the label of a component for other pods'",
    )
    return [*_VALIDATIONS, own]


def _account_of_a_pod(configuration: Configuration) -> tuple[str, str]:
    accounts = [component_of(one, name) for name in configuration.deployment_names for one in LAUNCHING]
    return (
        f"variables.account in variables.accounts || (variables.account == '{OPS_ACCOUNT}' && "
        f"'{PREFIX}location' in variables.labels && variables.labels['{PREFIX}location'] == 'ops') || "
        f"(variables.account in {accounts} && 'app' in variables.labels && "
        "variables.labels['app'] == variables.account)",
        "'the service account ' + variables.account + ', which is not for these pods'",
    )


def render(configuration: Configuration) -> list[Object]:
    """Return the policy for pods of each namespace, and one that keeps `ops` from changing its orders."""
    if not configuration.kubernetes.admission_policy:
        return []
    space = configuration.kubernetes.namespace
    here = Limited([OPS_ACCOUNT], space, space)
    orders: Object = {
        "matchConstraints": {"resourceRules": [rule("", ["configmaps"], ["CREATE", "UPDATE"])]},
        "validations": [
            {
                "expression": f"!(object.metadata.name in ['{CONFIGURATION}', '{FORMAT}', '{VERSIONS}'])",
                "message": f"{OPS_ACCOUNT} may not change what it is told to do: run deploy from a clone",
                "reason": "Forbidden",
            }
        ],
    }
    limited = [(scope, replace(here, space=scope.namespace)) for scope in scopes(configuration)]
    return [
        *(
            one
            for scope, where in limited
            for one in policy(f"{OPS_ACCOUNT}-pods", where, _pods(configuration, scope))
        ),
        *policy(f"{OPS_ACCOUNT}-orders", here, orders),
        *(
            one
            for scope, where in limited
            for one in policy(SERVICES, where, _services(configuration, scope))
        ),
        *policy(INGRESSES, here, _ingresses(configuration)),
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
    databases = admission_databases.values(configuration, scope)
    variables = (*_values(configuration, scope), *databases, *VARIABLES)
    return {
        "matchConditions": [{"name": "changes-pods", "expression": _CHANGES_PODS}],
        "matchConstraints": {"resourceRules": [rule(*one, ["CREATE", "UPDATE"]) for one in _MAKE_PODS]},
        "variables": [{"name": name, "expression": text} for name, text in variables],
        "validations": validations(
            f"'{OPS_ACCOUNT} may not use ' + ",
            (
                _account_of_a_pod(configuration),
                *pod_validations(configuration),
                *admission_databases.validations(scope),
                *admission_containers.FETCH_VALIDATIONS,
                *admission_containers.INSTALL_VALIDATIONS,
            ),
        ),
    }


_MAKE_PODS = (("", ["pods"]), ("apps", ["deployments", "statefulsets"]), ("batch", ["jobs"]))


def _values(configuration: Configuration, scope: Scope) -> list[tuple[str, str]]:
    """Return the configuration's values as CEL: its strings are written as in JSON."""
    pods = scope.pods.items()
    mounted = {own_of(configuration, name).app: sorted(pod.mounted_secrets) for name, pod in pods}
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
