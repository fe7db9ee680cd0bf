"""Names, labels and paths of a stack's objects. All names are DNS-1123 by construction."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

MANAGER = "playground-ops"
"""Field manager of what is applied, and the `managed-by` label."""
ROLLOUT_MANAGER = "playground-ops-rollout"
"""Field manager of the switch: a Service's selector, and nothing else."""
PREFIX = "playground.dagster/"
OF_NAMESPACE = f"{PREFIX}namespace"
"""Label of what is outside of the stack's namespace, or in none: to which stack it belongs."""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that the API server gives every namespace."""
CONTENT = f"{PREFIX}content"
"""Annotation of a pod: short for the ConfigMaps that it reads."""

WEBSERVER, DAEMON, POSTGRES = "dagster-webserver", "dagster-daemon", "dagster-postgres"
READ_ONLY = "dagster-webserver-read-only"
STANDING = {
    "webserver": WEBSERVER,
    "webserver-read-only": READ_ONLY,
    "daemon": DAEMON,
    "postgres": POSTGRES,
}
"""The components that are no locations, with the `app` label of each and the name of its objects."""
INSTANCE, WORKSPACE, ARTIFACTS = "dagster-instance", "dagster-workspace", "dagster-artifacts"

LOCATION, RELEASE = f"{PREFIX}location", f"{PREFIX}release"
"""Labels of all that belongs to a location, and of what belongs to one release of it."""
ARCHIVE = f"{PREFIX}archive"
"""Label of the ConfigMap that holds this project's own code."""
OPS_ACCOUNT = "dagster-ops"
CONFIGURATION = "dagster-configuration"
CONFIGURATION_KEY = "configvalues.yaml"

HOME = "/opt/dagster/dagster_home"
INSTANCE_FOLDER = "/opt/dagster/instance"
WORKSPACE_FOLDER = "/opt/dagster/workspace"
WORKSPACE_FILE = f"{WORKSPACE_FOLDER}/workspace.yaml"
ARTIFACTS_FOLDER = "/opt/dagster/artifacts"
APP_FOLDER = "/opt/dagster/app"
REPOSITORY_FOLDER = f"{APP_FOLDER}/repo"
PROJECT_FOLDER = f"{APP_FOLDER}/project"
"""This project's own code, unpacked."""
SOURCE_FOLDER = "/opt/dagster/source"
SOURCE_FILE = "code.tar.bz2"
GIT_SECRET_FOLDER = "/etc/git-secret"
PACKAGES_SECRET_FOLDER = "/etc/packages-secret"
MADE_ENVIRONMENTS = f"{ARTIFACTS_FOLDER}/.environments"
"""Where environments are made, on the claim that outlives pods."""
ENVIRONMENTS_FOLDER = "/opt/dagster/environments"
"""The same folder as a server sees it: read-only, and the same one whatever the claim has by that name."""
CHOSEN_ENVIRONMENT = f"{APP_FOLDER}/environment"
"""In a pod: the key of its environment; no such file where the image's own packages are meant."""
PACKAGES_USER = 10002
"""Owns the environments: code of locations runs as another user, and can't change them."""

WEBSERVER_PORT, GRPC_PORT, POSTGRES_PORT = 3000, 4000, 5432


def location_service(location: str) -> str:
    """The Service that leads to what serves, and the `app` label of all its releases' pods."""
    return f"dagster-grpc-{location}"


def app_of(component: str) -> str:
    """The `app` label of its pods; `component` is one of STANDING, or a location."""
    return STANDING.get(component) or location_service(component)


def release_deployment(location: str, number: int) -> str:
    return f"{location_service(location)}-{number}"


def release_service(location: str, number: int) -> str:
    """The address of one release's own; not a name that a location's Service can have."""
    return f"dagster-release-{location}-{number}"


def labels(app: str, component: str) -> dict[str, str]:
    """Of an object of a component; `app` selects its pods."""
    return {
        "app": app,
        "app.kubernetes.io/name": "dagster",
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def an_object(api: str, kind: str, name: str, namespace: str, tags: dict[str, str], **body: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": tags}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def a_service(name: str, namespace: str, tags: dict[str, str], notes: dict[str, str], spec: Object) -> Object:
    """With a person's annotations, by which a cluster makes load balancers."""
    made = an_object("v1", "Service", name, namespace, tags, spec=spec)
    made["metadata"] |= present(annotations=dict(notes))
    return made


def present(**fields: Any) -> Object:
    """Those that are not empty: a key that is left out is Kubernetes's default."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
