"""What a deploy of named components changes beside them, since they can't do without it."""

from collections.abc import Sequence

from playground_ops.core.component import component_of
from playground_ops.core.plan import Change, Plan
from playground_ops.render.stack import FOUNDATION
from playground_ops.targets.kubernetes.objects.components import standing

SETTINGS = ("instance", "workspace")
"""The components of a deployment with the ConfigMaps that its processes mount."""


def with_needed(whole: Plan, changed: Sequence[Change]) -> Sequence[Change]:
    """Add the changes of what makes rollouts, where any follow, and settings that are not there yet, of
    webservers and daemons that are changed."""
    wanted = {FOUNDATION[1]} if any(map(_is_rollout, changed)) else set[str]()
    found = [standing(change.component) for change in changed]
    missing = {component_of(what, one.deployment) for one in found if one for what in SETTINGS}
    more = [one for one in whole.changed() if one.component in wanted]
    more += [one for one in whole.changed() if one.component in missing and one.action == "create"]
    return [one for one in whole.changes if one in changed or one in more]


def _is_rollout(change: Change) -> bool:
    return change.kind == "location" and change.object is None
