"""Names, labels and paths of a stack's objects. All names are DNS-1123 by construction."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

MANAGER = "playground-ops"
"""Field manager of what is applied, and the `managed-by` label."""
ROLLOUT_MANAGER = "playground-ops-rollout"
"""Field manager of the switch: a Service's selector, and nothing else."""
PREFIX = "playground.dagster/"
CONTENT = f"{PREFIX}content"
"""Annotation of a pod: short for the ConfigMaps that it reads."""

WEBSERVER, DAEMON, POSTGRES = "dagster-webserver", "dagster-daemon", "dagster-postgres"
INSTANCE, WORKSPACE, ARTIFACTS = "dagster-instance", "dagster-workspace", "dagster-artifacts"

HOME = "/opt/dagster/dagster_home"
INSTANCE_FOLDER = "/opt/dagster/instance"
WORKSPACE_FOLDER = "/opt/dagster/workspace"
WORKSPACE_FILE = f"{WORKSPACE_FOLDER}/workspace.yaml"
ARTIFACTS_FOLDER = "/opt/dagster/artifacts"

WEBSERVER_PORT, GRPC_PORT, POSTGRES_PORT = 3000, 4000, 5432


def location_service(location: str) -> str:
    """The Service that leads to what serves, and the `app` label of all its releases' pods."""
    return f"dagster-grpc-{location}"


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


def present(**fields: Any) -> Object:
    """Those that are not empty: a key that is left out is Kubernetes's default."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
