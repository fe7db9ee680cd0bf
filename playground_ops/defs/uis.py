"""The addresses of the deployments' UIs, for links from one to another."""

import os

from playground_ops.config import Configuration
from playground_ops.context import is_inside, local_target


def uis(configuration: Configuration) -> dict[str, str]:
    """Return the URL of each deployment's UI. In a cluster only an Ingress is reached by a browser.

    None is known where this process is no part of a stack (`dagster dev`).
    """
    views = configuration.views
    if is_inside():
        return {view.deployment: one.url for view in views if (one := view.kubernetes.ingress)}
    if "PLAYGROUND_STATE" not in os.environ:
        return {}
    stack = local_target(configuration).stack
    return {view.deployment: url for view in views if (url := stack.ui_address(view.deployment))}
