"""Postgres: a StatefulSet with a claim, or an existing server; and how the other components reach it."""

from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.core.pod_settings import Resources
from playground_ops.render.mounted_versions import with_versions
from playground_ops.render.names import (
    POSTGRES,
    POSTGRES_PORT,
    Object,
    a_service,
    an_object,
    labels,
    present,
)
from playground_ops.render.pod import Container, Mounted, Pod, container, secret_variable, variable, writable

USER = DATABASE = "dagster"
"""The main deployment's role and database in the stack's own Postgres."""
OTHERS = "deployment_"
"""The beginning of those of other deployments."""
ADMIN = "dagster_admin"
"""The superuser of the stack's own Postgres. It has no password, and no connection over a network is its."""
POSTGRES_USER_ID = 999
"""The user id of postgres in the official image."""
DATA = "/var/lib/postgresql/data"
PASSWORD_KEY = "password"
OWN_SECRET, OWN_URL, URL_KEY = "dagster-database", "PLAYGROUND_DATABASE_URL", "url"
"""The Secret for an isolated location's own database, in its namespace, and the variable with its URL."""
PARAMETERS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Parameters of libpq, in seconds, the last in milliseconds: a connection to a pod that is gone fails within
them.

Nothing answers at such an address, and Linux by default tries to connect for two minutes and to send for
fifteen. A code server that asks for a run's state meanwhile starts no other.
"""
SERVER = {"tcp_keepalives_idle": 60, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Parameters of the server, in seconds: connections of lost clients end within them, not in two hours."""
RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})


def password_secret(configuration: Configuration) -> str:
    return configuration.postgres.password_secret or component_of(POSTGRES, configuration.deployment)


def password_variable(deployment: str) -> str:
    """Return the variable by which `ops` has the password of a deployment's database."""
    own = "" if deployment == MAIN else f"_{deployment.replace('-', '_').upper()}"
    return f"DAGSTER_PG_PASSWORD{own}"


def name_of(configuration: Configuration) -> str:
    """Return the name of a deployment's database in the stack's Postgres, and of the role that owns it."""
    own = configuration.deployment
    return USER if own == MAIN else f"{OTHERS}{own.replace('-', '_')}"


def deployment_of(database: str) -> str | None:
    """Return whose database has this name in a stack's own Postgres; None for one of somebody else."""
    if database == DATABASE:
        return MAIN
    return database.removeprefix(OTHERS).replace("_", "-") if database.startswith(OTHERS) else None


def reach(configuration: Configuration, location: str | None = None) -> tuple[str, int]:
    """Return host and port, as a location's pods or the stack's own reach it."""
    external, home = configuration.postgres.external, configuration.kubernetes.namespace
    if external:
        return external.host, external.port
    isolated = location is not None and configuration.namespace_of(location) != home
    return f"{POSTGRES}.{home}.svc" if isolated else POSTGRES, POSTGRES_PORT


def variables(configuration: Configuration, location: str | None = None) -> list[Object]:
    """Return the variables by which a Dagster process finds the database. The password is from its Secret."""
    host, port = reach(configuration, location)
    external = configuration.postgres.external
    own = [one.name for one in configuration.isolated if one.isolation and one.isolation.database]
    return [
        *([secret_variable(OWN_URL, OWN_SECRET, URL_KEY)] if location in own else []),
        variable("DAGSTER_PG_HOST", host),
        variable("DAGSTER_PG_PORT", str(port)),
        variable("DAGSTER_PG_USER", external.user if external else name_of(configuration)),
        variable("DAGSTER_PG_DATABASE", external.database if external else name_of(configuration)),
        secret_variable("DAGSTER_PG_PASSWORD", password_secret(configuration), PASSWORD_KEY),
    ]


def passwords_of_others(configuration: Configuration) -> list[Object]:
    """Return the variables with the passwords of all databases but the main one, for `ops`.

    One that is missing is a fault of its deployment: `ops` comes up without it, and tells of it.
    """
    return [
        secret_variable(
            password_variable(name), password_secret(configuration.of(name)), PASSWORD_KEY, optional=True
        )
        for name in configuration.deployment_names[1:]
    ]


def own_database(location: str) -> str:
    """Return the name of a location's own database and of the role that owns it; it is unique."""
    return f"location_{location.replace('-', '_')}"


def parameters(configuration: Configuration) -> dict[str, str | int]:
    external = configuration.postgres.external
    return {**PARAMETERS, **(external.parameters if external else {})}


def render(configuration: Configuration) -> list[Object]:
    """Return Service and StatefulSet; nothing for an external database."""
    if configuration.postgres.external:
        return []
    settings, namespace = configuration.postgres.pod, configuration.kubernetes.namespace
    tags = labels(POSTGRES, "postgres")
    ports = [{"name": "postgres", "port": POSTGRES_PORT, "protocol": "TCP", "targetPort": "postgres"}]
    selector = {"app": POSTGRES}
    service = a_service(
        *(POSTGRES, namespace, tags, settings.service_annotations),
        {"ports": ports, "selector": selector, "type": settings.service_type},
    )
    rooms = [writable("run", "/var/run/postgresql"), writable("tmp", "/tmp")]
    template = Pod(
        [container(_server(configuration, rooms), settings)],
        settings,
        tags,
        rooms,
        user=POSTGRES_USER_ID,
        grace_seconds=60,
    ).render()
    stateful = an_object(
        *("apps/v1", "StatefulSet", POSTGRES, namespace, tags),
        spec={
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "serviceName": POSTGRES,
            "template": with_versions(template, configuration),
            "volumeClaimTemplates": [_claim(configuration, tags)],
        },
    )
    return [service, stateful]


def _server(configuration: Configuration, rooms: Sequence[Mounted]) -> Container:
    ready = {"exec": {"command": ["pg_isready", "--quiet", "--username", USER, "--dbname", DATABASE]}}
    return Container(
        name="postgres",
        image=configuration.postgres.pod.image or configuration.images.postgres,
        resources=RESOURCES,
        arguments=[part for key, value in SERVER.items() for part in ("-c", f"{key}={value}")],
        variables=[
            variable("POSTGRES_USER", USER),
            variable("POSTGRES_DB", DATABASE),
            secret_variable("POSTGRES_PASSWORD", password_secret(configuration), PASSWORD_KEY),
            # Not the mount itself: a fresh disk may hold a `lost+found`.
            variable("PGDATA", f"{DATA}/pgdata"),
        ],
        volumes=[Mounted("data", DATA, {}), *rooms],
        more={
            "ports": [{"containerPort": POSTGRES_PORT, "name": "postgres", "protocol": "TCP"}],
            "startupProbe": {**ready, "periodSeconds": 2, "failureThreshold": 150, "timeoutSeconds": 5},
            "readinessProbe": {**ready, "periodSeconds": 10, "timeoutSeconds": 5},
            "livenessProbe": {**ready, "periodSeconds": 30, "failureThreshold": 6, "timeoutSeconds": 10},
            # "Fast shutdown": after SIGTERM it would wait until every client has left, and be killed.
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "kill -INT 1"]}}},
        },
    )


def _claim(configuration: Configuration, tags: dict[str, str]) -> Object:
    storage_class = configuration.kubernetes.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "labels": tags},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            **present(storageClassName=storage_class),
            "resources": {"requests": {"storage": configuration.postgres.storage}},
            "volumeMode": "Filesystem",
        },
    }
