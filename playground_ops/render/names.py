"""Names, labels and paths of a stack's objects. All names are DNS-1123 by construction."""

from typing import Any

Object = dict[str, Any]

MANAGER = "playground-ops"
"""The field manager of what is applied, and the `managed-by` label."""
ROLLOUT_MANAGER = "playground-ops-rollout"
"""The field manager of the switch: it sets a Service's selector and nothing else."""
PREFIX = "playground.dagster/"
OF_NAMESPACE = f"{PREFIX}namespace"
"""The label of objects outside of the stack's namespace, or in none: the stack they belong to."""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace."""
CONTENT = f"{PREFIX}content"
"""The annotation of a pod with a hash of the ConfigMaps that it reads."""

WEBSERVER, DAEMON, POSTGRES = "dagster-webserver", "dagster-daemon", "dagster-postgres"
READ_ONLY = "dagster-webserver-read-only"
STANDING = {"webserver": WEBSERVER, "webserver-read-only": READ_ONLY, "daemon": DAEMON, "postgres": POSTGRES}
"""The components that are no locations, with the `app` label of each and the name of its objects."""
INSTANCE, WORKSPACE, ARTIFACTS = "dagster-instance", "dagster-workspace", "dagster-artifacts"
MODULES = "dagster-modules"
"""The ConfigMap with the modules of this project that webserver and daemon load."""

LOCATION, RELEASE = f"{PREFIX}location", f"{PREFIX}release"
"""Labels of all objects of a location, and of the objects of one release."""
RUN_OF = f"{PREFIX}run-of"
"""The label of a run's pod with its release's number; a release's own address selects by another one."""
ARCHIVE = f"{PREFIX}archive"
"""The label of the ConfigMap that holds this project's own code."""
OPS_ACCOUNT = "dagster-ops"
CONFIGURATION = "dagster-configuration"
CONFIGURATION_KEY = "configvalues.yaml"

HOME = "/opt/dagster/dagster_home"
INSTANCE_FOLDER = "/opt/dagster/instance"
MODULES_FOLDER = "/opt/dagster/modules"
WORKSPACE_FOLDER = "/opt/dagster/workspace"
WORKSPACE_FILE = f"{WORKSPACE_FOLDER}/workspace.yaml"
ARTIFACTS_FOLDER = "/opt/dagster/artifacts"
APP_FOLDER = "/opt/dagster/app"
REPOSITORY_FOLDER = f"{APP_FOLDER}/repo"
PROJECT_FOLDER = f"{APP_FOLDER}/project"
"""The folder with this project's own code, unpacked."""
PREPARED_FOLDER = f"{APP_FOLDER}/prepared"
"""The folder with a copy of a commit's files, where a build generated more or commands prepared them."""
METADATA_FOLDER = f"{PREPARED_FOLDER}/metadata"
"""The folder with the metadata that a project's files declare."""
SOURCE_FOLDER = "/opt/dagster/source"
SOURCE_FILE = "code.tar.bz2"
GIT_SECRET_FOLDER = "/etc/git-secret"
PACKAGES_SECRET_FOLDER = "/etc/packages-secret"
LOGS_FOLDER, BACKUP_FOLDER = "/opt/dagster/compute_logs", "/opt/dagster/backups"
LOGS, BACKUPS, KEPT_ENVIRONMENTS = "compute_logs", "backups", ".environments"
"""Folders of the claim that outlives pods. No pod mounts its root: each has the folders that it needs."""
LOCATIONS, FILES_FOLDER = "locations", "/opt/dagster/locations"
"""The folder of the claim with those of all locations, and where `ops` sees it: read-only, to measure it."""
KEPT_FOLDER = "/opt/dagster/kept"
"""The folder with what was fetched from git for one location, as what fetches sees it."""
MADE_ENVIRONMENTS = f"{ARTIFACTS_FOLDER}/{KEPT_ENVIRONMENTS}"
"""The folder with environments, as what installs packages sees it."""
ENVIRONMENTS_FOLDER = "/opt/dagster/environments"
"""The same folder as a server sees it: read-only."""
CHOSEN_FOLDER = "/opt/dagster/chosen"
"""A folder in the pod, in which what installs packages tells the server of them."""
CHOSEN_ENVIRONMENT = f"{CHOSEN_FOLDER}/environment"
"""A file with the key of the pod's environment; it is missing where the image's packages are used."""
LIVE_NUMBERS = "PLAYGROUND_LIVE"
"""The variable with the numbers of the location's existing releases: what was prepared for others goes."""
OWN_BUILDS = ".own"
"""The folder beside the environments with what builds of projects themselves made, one a release."""
CHOSEN_BUILD = f"{CHOSEN_FOLDER}/own"
"""A file with the name of its release's build; it is missing where none was needed."""
PACKAGES_USER = 10002
"""The user that owns the environments: code of locations runs as another user, and can't change them."""

WEBSERVER_PORT, GRPC_PORT, POSTGRES_PORT = 3000, 4000, 5432


def location_service(location: str) -> str:
    """Return the Service of what serves, and the `app` label of all pods of the location's releases."""
    return f"dagster-grpc-{location}"


def files_of(location: str) -> str:
    """Return the folder of the claim with what a location's runs and servers leave, their logs apart."""
    return f"{LOCATIONS}/{location}"


def code_of(location: str) -> str:
    """Return the folder of the claim with what was fetched from git for the location."""
    return f".code/{location}.git"


def release_deployment(location: str, number: int) -> str:
    return f"{location_service(location)}-{number}"


def release_service(location: str, number: int) -> str:
    """Return the Service of one release; it differs from every name of a location's Service."""
    return f"dagster-release-{location}-{number}"


def labels(app: str, component: str) -> dict[str, str]:
    """Return the labels of a component's object; `app` selects its pods."""
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
    """Return a Service with a person's annotations, which configure load balancers in a cluster."""
    made = an_object("v1", "Service", name, namespace, tags, spec=spec)
    made["metadata"] |= present(annotations=dict(notes))
    return made


def present(**fields: Any) -> Object:
    """Return the fields that are not empty: a key that is left out has Kubernetes's default."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
