"""Limits the Jobs that the daemon may make to pods of runs as the releases have them: a policy.

A run's pod is described by the release that launched it, and by the run's tags (`dagster-k8s/config`). So a
ValidatingAdmissionPolicy limits images, Secrets, accounts and commands, location by location, to those of the
configuration, and of releases that were made before it changed. The location is in a label of the run's Job
that no tag can change.
"""

from collections.abc import Iterator

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.render import admission_containers, deployments, fetch_script, packages, release
from playground_ops.render.admission import LAUNCHING, VARIABLES, pod_validations
from playground_ops.render.admission_containers import literal, mounts
from playground_ops.render.admission_policy import Limited, policy, rule, validations
from playground_ops.render.mount_places import PLACE
from playground_ops.render.names import (
    APP_FOLDER,
    ENVIRONMENTS_FOLDER,
    OPS_ACCOUNT,
    PROJECT_FOLDER,
    REPOSITORY_FOLDER,
    Object,
)
from playground_ops.render.namespaces import scopes
from playground_ops.render.pod import DAGSTER_USER
from playground_ops.render.run_limits import CONFIG, EACH, limits
from playground_ops.render.runs import OF_LOCATION, RUN_ID

NAME = "dagster-runs"
_C = "variables.spec.containers[0]"
_OWN = "(variables.location == 'ops')"
_VERBS = ["execute_run", "resume_run"]
_WORDS = (
    f"size({_C}.args) == 4 && {_C}.args[0] == 'dagster' && {_C}.args[1] == 'api' && "
    f"{_C}.args[2] in {_VERBS} || "
    f"size({_C}.args) == 6 && {_C}.args[0].startsWith('{ENVIRONMENTS_FOLDER}/') && "
    f"{_C}.args[0].endsWith('/bin/python') && !{_C}.args[0].contains('..') && {_C}.args[1] == '-m' && "
    f"{_C}.args[2] == 'dagster' && {_C}.args[3] == 'api' && {_C}.args[4] in {_VERBS}"
)
"""Arguments of a run: Dagster's own, or the same by the Python of an environment made for a release."""
_PROGRAM = ["env", f"PYTHONPATH={PROJECT_FOLDER}", "python", "-m", release.SERVE]
_RUNS = (
    (
        f"size(variables.spec.containers) == 1 && has({_C}.command) && has({_C}.args) && ({_WORDS}) && "
        f"size({_C}.command) >= 4 && {_C}.command[0] == 'sh' && {_C}.command[1] == '-ec' && "
        f"{_C}.command[2] in variables.scripts && "
        f"({_C}.command[3] == '{release.SERVER}' || {_C}.command[3].startsWith('{APP_FOLDER}/')) && "
        f"(size({_C}.command) == 4 || (size({_C}.command) > 11 && "
        f"[4, 5, 6, 7, 8].all(i, {_C}.command[i] == variables.program[i - 4]) && "
        f"{_C}.command.filter(word, word == '--').size() == 1 && "
        f"{_C}.command[size({_C}.command) - 2] == '--run' && "
        f"{_C}.command[size({_C}.command) - 1] == '--'))",
        "'another command than that of a run, or more than one container'",
    ),
    (
        "variables.containers.all(c, !has(c.lifecycle)) && (!has(variables.spec.initContainers) || "
        "variables.spec.initContainers.all(c, c.image == variables.gitImage || "
        "(has(c.command) && c.command == variables.install)))",
        "'a hook, or something else before a run than what fetches its code and installs its packages'",
    ),
    (
        f"{_OWN} ? variables.account == '{OPS_ACCOUNT}' : (variables.account in variables.accounts && "
        "has(variables.spec.automountServiceAccountToken) && !variables.spec.automountServiceAccountToken)",
        "'the service account ' + variables.account + ' or its token, which is not for these runs'",
    ),
    (
        # Cached code of other locations is on the same claim: it belongs to git-sync's user.
        f"variables.fetching.all(c, (has(c.env) ? c.env : []).all(e, e.name != '{fetch_script.LIVE}')) && "
        "has(variables.spec.securityContext) && "
        f"variables.spec.securityContext.runAsUser == {DAGSTER_USER} && "
        f"(!has({_C}.securityContext) || !has({_C}.securityContext.runAsUser))",
        "'code that is kept of another location, or another user'",
    ),
    (
        # A pod with the account of `ops` runs only its code in its environment: no tag brings in other code.
        f"!{_OWN} || (!has({_C}.envFrom) || {_C}.envFrom.all(e, has(e.configMapRef) ? "
        "'configMap/' + e.configMapRef.name in variables.environment : true)) && "
        f"(has({_C}.env) ? {_C}.env : []).all(e, e.name in {list(EACH)} || "
        f"(e.name == '{CONFIG}' && e.value.startsWith('{REPOSITORY_FOLDER}/') && !e.value.contains('..')) || "
        "(has(e.valueFrom) ? "
        "e.name in variables.environment : "
        "e.name + '=' + (has(e.value) ? e.value : '') in variables.environment))",
        "'a variable that `ops` does not have'",
    ),
    (
        f"!{_OWN} || {mounts(_C)}.all(m, !has(m.subPathExpr) && variables.volumes.exists(v, v.name == m.name "
        f"&& {PLACE} in variables.places))",
        "'a volume that `ops` does not have'",
    ),
)


def render(configuration: Configuration) -> list[Object]:
    """Return the policies of each deployment: its daemon and webserver make pods of its locations' runs."""
    if not (configuration.kubernetes.admission_policy and configuration.runs_in_pods):
        return []
    alone = not configuration.deployments
    return [one for view in configuration.views for one in _of(view, alone=alone)]


def _of(configuration: Configuration, *, alone: bool) -> list[Object]:
    space, own = configuration.kubernetes.namespace, configuration.deployment
    limited = Limited([component_of(one, own) for one in LAUNCHING], space, space, own)
    made: Object = {
        "matchConstraints": {"resourceRules": [rule("batch", ["jobs"], ["CREATE", "UPDATE"])]},
        "variables": [{"name": name, "expression": text} for name, text in _variables(configuration)],
        "validations": validations(
            "'a run of ' + variables.location + ' may not use ' + ",
            (
                *_RUNS,
                *pod_validations(configuration),
                *admission_containers.FETCH_VALIDATIONS,
                *admission_containers.INSTALL_VALIDATIONS,
            ),
        ),
    }
    ended: Object = {
        "matchConstraints": {"resourceRules": [rule("*", ["jobs", "pods"], ["DELETE"])]},
        "validations": [
            {
                "expression": f"has(oldObject.metadata.labels) && '{RUN_ID}' in oldObject.metadata.labels"
                + ("" if alone else f" && {_is_of(own)}"),
                "message": "daemon and webserver may end runs"
                + ("" if alone else " of their own deployment")
                + ", and nothing else",
                "reason": "Forbidden",
            }
        ],
    }
    return [
        *policy(NAME, limited, made),
        *policy(f"{NAME}-ended", limited, ended),
    ]


def _is_of(deployment: str) -> str:
    """CEL: a run's Job or pod is of this deployment."""
    label = f"'{deployments.DEPLOYMENT}' in oldObject.metadata.labels"
    if deployment == MAIN:
        return f"!({label})"
    return f"{label} && oldObject.metadata.labels['{deployments.DEPLOYMENT}'] == '{deployment}'"


def _variables(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Yield the variables under the same names as where `ops` makes pods, with this location's values."""
    label = f"object.metadata.labels['{OF_LOCATION}']"
    yield (
        "location",
        f"has(object.metadata.labels) && '{OF_LOCATION}' in object.metadata.labels ? {label} : ''",
    )
    yield from (found for found in VARIABLES[:2])
    for name, limit in limits(configuration).items():
        by_location = isinstance(limit, dict)
        yield f"{name}Of" if by_location else name, literal(limit)
        if by_location:
            here = f"variables.location in variables.{name}Of"
            yield name, f"{here} ? variables.{name}Of[variables.location] : []"
    yield "program", literal(_PROGRAM)
    store, home = configuration.kubernetes.artifacts_store, scopes(configuration)[0]
    yield "accounts", literal(home.accounts)
    yield "audiences", literal(list(store.audiences) if store else [])
    fetched = dict(admission_containers.SCRIPTS)
    yield "resolve", fetched["resolve"]
    first = "variables.spec.initContainers[0]"
    yield "gitImage", _one_of("gitImages", f"{first}.image", literal(configuration.images.git_sync))
    yield "fetch", _one_of("fetches", f"{first}.command[2]", fetched["fetch"])
    there = "has(variables.spec.initContainers) && size(variables.spec.initContainers) > 1"
    there += " && has(variables.spec.initContainers[1].command)"
    second, own = "variables.spec.initContainers[1].command", literal(packages.COMMAND)
    yield "install", f"{there} && {second} in variables.installs ? {second} : {own}"
    yield from (found for found in VARIABLES[2:] if found[0] != "mountedSecrets")


def _one_of(names: str, found: str, otherwise: str) -> str:
    """Return the value of the pod's first init container where a release has it, else another."""
    there = "has(variables.spec.initContainers) && has(variables.spec.initContainers[0].command)"
    there += " && size(variables.spec.initContainers[0].command) > 2"
    return f"string({there} && {found} in variables.{names} ? {found} : {otherwise})"
