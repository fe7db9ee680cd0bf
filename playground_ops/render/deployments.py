"""Deployments as their objects show them: names with a suffix, and a label. The main one's have neither."""

from typing import NamedTuple

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.render.names import (
    DAEMON,
    PREFIX,
    READ_ONLY,
    STANDING,
    WEBSERVER,
    labels,
    location_service,
)

DEPLOYMENT = f"{PREFIX}deployment"
"""The label of all that is of a deployment beside the main one, its locations' releases and runs too."""
FOLDERS, FOLDER = "deployments", "/opt/dagster/deployments"
"""The folder of the claim with one for each deployment beside the main one, and where `ops` sees it."""
OF_EACH = {"webserver": WEBSERVER, "webserver-read-only": READ_ONLY, "daemon": DAEMON}
"""The components that every deployment may have, with the main one's `app` labels."""


class Own(NamedTuple):
    """The `app` label of a component's pods, and the deployment that it is of."""

    app: str
    deployment: str


def tags(deployment: str) -> dict[str, str]:
    return {} if deployment == MAIN else {DEPLOYMENT: deployment}


def own_labels(app: str, component: str, deployment: str) -> dict[str, str]:
    """Return the labels of a deployment's object; `app` and `component` are those of the main one's."""
    own = labels(component_of(app, deployment), component_of(component, deployment))
    return {**own, **tags(deployment)}


def standing(configuration: Configuration) -> dict[str, Own]:
    """Return the components that may be there, without locations: each is the name of its objects too."""
    return {
        **{name: Own(app, MAIN) for name, app in STANDING.items()},
        **{
            component_of(name, deployment): Own(component_of(app, deployment), deployment)
            for deployment in configuration.deployment_names[1:]
            for name, app in OF_EACH.items()
        },
    }


def own_of(configuration: Configuration, component: str) -> Own:
    """Return what a component has; one that is not `standing` is a location."""
    location = Own(location_service(component), configuration.deployment_of(component))
    return standing(configuration).get(component, location)


def logs_of(deployment: str, main: str) -> str:
    """Return the folder of the claim for what a deployment's runs print; `main` is the main one's."""
    return main if deployment == MAIN else f"{FOLDERS}/{deployment}/{main}"
