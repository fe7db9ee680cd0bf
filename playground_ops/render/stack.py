"""All objects of a stack, by component and in the order in which they are applied.

A disruption budget is rendered only where a person asks for one: every component is one pod, so a budget
either forbids evictions or does nothing.
"""

from collections.abc import Callable

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.render import (
    admission,
    allowed,
    daemon,
    database,
    deployments,
    foundation,
    instance,
    isolation,
    jobs,
    locations,
    mounted_versions,
    rights,
    run_admission,
    webserver,
)
from playground_ops.render.deployments import Own, own_of
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, Object, an_object, labels
from playground_ops.render.namespaces import Place, place

COMPONENT = "budget"


def disruption_budgets(configuration: Configuration) -> list[Object]:
    """Return one for each component that asks for it; a location's is over all its releases."""
    asked = [name for name, pod in configuration.all_pods.items() if pod.disruption_budget]
    return [_budget(place(configuration, name), own_of(configuration, name)) for name in asked]


def _budget(where: Place, own: Own) -> Object:
    """Return a budget that allows evicting a pod that is not ready: nothing is lost by it (KEP-3017)."""
    return an_object(
        *("policy/v1", "PodDisruptionBudget", own.app, where.namespace),
        {**labels(own.app, COMPONENT), **where.tags, **deployments.tags(own.deployment)},
        spec={
            "maxUnavailable": 0,
            "selector": {"matchLabels": {"app": own.app}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )


FOUNDATION = ("foundation", "configuration")
"""The components that are applied with a person's own rights."""
OF_A_PERSON = ("StatefulSet", "PersistentVolumeClaim")
"""Kinds of objects that are too: who may change Postgres's pod has all that is in it. `ops` may change the
rest."""
Rendered = dict[str, list[Object]]
"""Objects by component."""


def render(configuration: Configuration) -> Rendered:
    """Return all objects but Secrets, and releases, which rollouts make."""
    found: Rendered = {
        "foundation": [
            *foundation.namespaces(configuration),
            *foundation.rights(configuration),
            *rights.run_rights(configuration),
            *admission.render(configuration),
            *run_admission.render(configuration),
            *foundation.network_policies(configuration),
            *isolation.render(configuration),
            *isolation.egress_policies(configuration),
            *disruption_budgets(configuration),
        ],
        "configuration": [_configuration(configuration), *mounted_versions.in_force(configuration)],
        "postgres": database.render(configuration),
        **_of_each(configuration, "instance", instance.render),
        **_of_each(configuration, "workspace", lambda view: [locations.workspace(view)]),
        **{
            f"location-{one.name}": [locations.service(configuration, one)]
            for one in configuration.all_locations
        },
        **_of_each(configuration, "webserver", webserver.render),
        **_of_each(configuration, "webserver-read-only", webserver.read_only),
        **_of_each(configuration, "daemon", daemon.render),
    }
    return {component: objects for component, objects in found.items() if objects}


def _of_each(
    configuration: Configuration, kind: str, made: Callable[[Configuration], list[Object]]
) -> Rendered:
    """Return what each deployment has of a kind, by component."""
    return {component_of(kind, view.deployment): made(view) for view in configuration.views}


def by_hand(configuration: Configuration) -> Rendered:
    """Return all of it for `kubectl apply`: with the Job that makes the first releases."""
    return {**render(configuration), "releases": [jobs.first_releases(configuration)]}


def _configuration(found: Configuration) -> Object:
    """Return the configuration for `ops`, unless that comes from git with its own; and the allowed names."""
    tags, namespace = labels(CONFIGURATION, "configuration"), found.kubernetes.namespace
    data = {CONFIGURATION_KEY: found.text}
    if found.ops.repository and found.kubernetes.admission_policy:
        data[allowed.KEY] = allowed.text(found)
    return an_object("v1", "ConfigMap", CONFIGURATION, namespace, tags, data=data)
