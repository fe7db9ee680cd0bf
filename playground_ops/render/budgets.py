"""PodDisruptionBudgets: whose pods nobody may evict while they are well.

None unless a person asks for one: every component is one pod, so a budget either forbids or does nothing.
"""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render.names import Object, an_object, app_of, labels
from playground_ops.render.places import Place, place

COMPONENT = "budget"


def render(configuration: Configuration) -> list[Object]:
    """One for each component that asks for it; a location's is over all its releases."""
    pods = configuration.all_pods.items()
    return [_budget(place(configuration, name), app_of(name)) for name, pod in pods if pod.disruption_budget]


def _budget(where: Place, app: str) -> Object:
    """Of a pod that is not ready, nothing is lost by its eviction (KEP-3017)."""
    return an_object(
        *("policy/v1", "PodDisruptionBudget", app, where.namespace),
        {**labels(app, COMPONENT), **where.tags},
        spec={
            "maxUnavailable": 0,
            "selector": {"matchLabels": {"app": app}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )
