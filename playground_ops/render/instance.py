"""The Dagster instance that several pods share: its settings, its run queue, its logs, its files.

Dagster's reference, "dagster.yaml reference: compute log storage"; each manager's `config_type`.
"""

import hashlib

import yaml

from playground_ops.config import Configuration
from playground_ops.config.configuration import TagLimit
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render import database, modules, runs
from playground_ops.render.names import (
    ARTIFACTS,
    ARTIFACTS_FOLDER,
    BACKUP_FOLDER,
    BACKUPS,
    FILES_FOLDER,
    HOME,
    INSTANCE,
    INSTANCE_FOLDER,
    LOCATIONS,
    LOGS,
    LOGS_FOLDER,
    MODULES_FOLDER,
    Object,
    an_object,
    files_of,
    labels,
    present,
)
from playground_ops.render.pod import Container, Mounted, config_map, container, kept, variable, writable

COORDINATOR: Object = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}


def run_coordinator(configuration: Configuration) -> Object:
    """Return `run_coordinator` of dagster.yaml."""
    queue = configuration.run_queue
    config = {
        "dequeue_interval_seconds": configuration.daemon.dequeue_interval_seconds,
        "max_concurrent_runs": queue.max_concurrent_runs,
        **present(tag_concurrency_limits=[_limit(one) for one in queue.tag_concurrency_limits]),
    }
    return {**COORDINATOR, "config": config}


def run_retries(configuration: Configuration) -> Object:
    """Return `run_retries` of dagster.yaml. They are on, so that a job's or run's own tag is obeyed."""
    return {"enabled": True, **configuration.run_retries.model_dump()}


def _limit(one: TagLimit) -> Object:
    value = {"applyLimitPerUniqueValue": True} if one.per_unique_value else one.value
    return {"key": one.key, **({} if value is None else {"value": value}), "limit": one.limit}


STAGED = "/tmp/compute_logs"
"""A folder in the pod: a run's output until it is uploaded, and what a webserver has downloaded."""
UPLOAD_SECONDS = 10
"""Seconds between uploads of a run's output; Dagster's default is one upload at the end of a step."""

_PACKAGES = {"s3": "dagster_aws", "gcs": "dagster_gcp", "azure": "dagster_azure"}
_CHECK = """\
python -c 'import importlib.util, sys
name, told = sys.argv[1], "The image lacks the package of the object store: "
importlib.util.find_spec(name) or sys.exit(told + name)' {package}
"""


def with_packages_checked(script: str, store: ArtifactsStore | None) -> str:
    """Return a shell script that first fails where the image lacks the store's package.

    Dagster imports it only when a run begins: every run would fail on a server that came up well.
    """
    return script if store is None else _CHECK.format(package=_PACKAGES[store.kind]) + script


def compute_logs(store: ArtifactsStore | None) -> Object:
    """Return `compute_logs` of dagster.yaml, without credentials: those are in a process's environment."""
    if store is None:
        folder = {"base_dir": LOGS_FOLDER}
        return _by("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager", folder)
    common = {"local_dir": STAGED, "upload_interval": UPLOAD_SECONDS}
    if store.s3:
        return _by(
            "dagster_aws.s3.compute_log_manager", "S3ComputeLogManager", store.s3.model_dump() | common
        )
    if store.gcs:
        config = store.gcs.model_dump() | common
        return _by("dagster_gcp.gcs.compute_log_manager", "GCSComputeLogManager", config)
    assert store.azure is not None, "a store is one of three"
    config = store.azure.model_dump(exclude={"access_key_variable"}) | common
    if store.azure.access_key_variable:
        config["access_key_or_sas_token"] = {"env": store.azure.access_key_variable}
    return _by("dagster_azure.blob.compute_log_manager", "AzureBlobComputeLogManager", config)


def _by(module: str, name: str, config: Object) -> Object:
    """Return the manager's entry; a store's keys have the names of the manager's options."""
    return {"module": module, "class": name, "config": present(**config)}


START = f"""\
ln -sf "$0" "$DAGSTER_HOME"/dagster.yaml
export PYTHONPATH="{MODULES_FOLDER}${{PYTHONPATH:+:$PYTHONPATH}}"
cd {MODULES_FOLDER}
exec "$@"
"""
"""A ConfigMap can't be mounted over a folder that has to be writable: the file is linked into it.

`python -m` looks for modules in its working directory first, which in somebody's image may have any."""
SETTINGS, LAUNCHES_NOTHING = "dagster.yaml", "launches-nothing.yaml"
"""Files of the ConfigMap."""
WAIT = """\
import os, socket, time
where = (os.environ["DAGSTER_PG_HOST"], int(os.environ["DAGSTER_PG_PORT"]))
told = None
while True:
    try:
        socket.create_connection(where, timeout=5).close()
        break
    except OSError as error:
        if str(error) != told:
            told = str(error)
            print(f"waiting for the database at {where[0]}:{where[1]}: {told}", flush=True)
        time.sleep(1)
print(f"the database at {where[0]}:{where[1]} answers", flush=True)
"""
WAIT_RESOURCES = Resources(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "64Mi"})


def settings(configuration: Configuration) -> Object:
    """Return dagster.yaml of webserver and daemon, which queue and launch runs; a run gets the daemon's."""
    monitoring = runs.MONITORING_OF_PODS if configuration.runs_in_pods else runs.MONITORING
    return {
        **served(configuration),
        "run_coordinator": run_coordinator(configuration),
        "run_monitoring": dict(monitoring),
        "run_retries": run_retries(configuration),
        "run_launcher": runs.launcher(configuration),
    }


def served(configuration: Configuration) -> Object:
    """Return dagster.yaml for releases, which launch nothing: so no release depends on the launcher."""
    postgres = {
        "username": {"env": "DAGSTER_PG_USER"},
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": {"env": "DAGSTER_PG_HOST"},
        "db_name": {"env": "DAGSTER_PG_DATABASE"},
        "port": database.reach(configuration)[1],
        # With SQLAlchemy 2.1 and later `postgresql` alone means a driver that is not installed.
        "scheme": "postgresql+psycopg2",
        "params": database.parameters(configuration),
    }
    return {
        "storage": {"postgres": {"postgres_db": postgres}},
        "run_coordinator": dict(COORDINATOR),
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": ARTIFACTS_FOLDER},
        },
        "compute_logs": compute_logs(configuration.kubernetes.artifacts_store),
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # the UI's dialog about a newsletter, at every first visit
    }


def render(configuration: Configuration) -> list[Object]:
    """Return the settings, the modules by which they are read, and the claim for what outlives every pod."""
    namespace, tags = configuration.kubernetes.namespace, labels(INSTANCE, "instance")
    return [
        an_object(
            *("v1", "ConfigMap", INSTANCE, namespace, tags),
            data={
                name: yaml.safe_dump(document, sort_keys=False)
                for name, document in _files(configuration).items()
            },
        ),
        modules.config_map(namespace),
        artifacts(configuration, namespace),
    ]


def artifacts(configuration: Configuration, namespace: str) -> Object:
    """Return the claim for one namespace: it can't be used from another one."""
    return an_object(
        *("v1", "PersistentVolumeClaim", ARTIFACTS, namespace, labels(ARTIFACTS, "instance")),
        spec={
            "accessModes": [configuration.kubernetes.artifacts_access],
            **present(storageClassName=configuration.kubernetes.storage_class),
            "resources": {"requests": {"storage": configuration.kubernetes.artifacts}},
            "volumeMode": "Filesystem",
        },
    )


def _files(configuration: Configuration) -> dict[str, Object]:
    """Return the files. A read-only webserver has no account, without which the launcher can't be loaded."""
    whole = settings(configuration)
    if not (configuration.webserver.read_only and configuration.runs_in_pods):
        return {SETTINGS: whole}
    return {SETTINGS: whole, LAUNCHES_NOTHING: {key: whole[key] for key in whole if key != "run_launcher"}}


def volumes() -> list[Mounted]:
    return [
        config_map(INSTANCE, INSTANCE_FOLDER, "instance"),
        modules.mounted(),
        logs(),
        writable("home", HOME),
        writable("tmp", "/tmp"),
    ]


def files(location: str) -> list[Mounted]:
    """Return the mounts of what a location's servers and runs leave. Logs of all runs lie in one folder."""
    return [kept(files_of(location), ARTIFACTS_FOLDER), logs()]


def logs() -> Mounted:
    return kept(LOGS, LOGS_FOLDER)


def all_files() -> Mounted:
    """Return the mount of what all locations keep, to measure it."""
    return kept(LOCATIONS, FILES_FOLDER, read_only=True)


def backups() -> Mounted:
    return kept(BACKUPS, BACKUP_FOLDER)


def variables(configuration: Configuration, location: str | None = None) -> list[Object]:
    """Return the variables of the stack's pods, or of a location's."""
    own = [variable("DAGSTER_HOME", HOME), variable("HOME", "/tmp"), variable("PYTHONUNBUFFERED", "1")]
    return [*own, *database.variables(configuration, location)]


def started_with(*command: str, settings: str = SETTINGS) -> list[str]:
    """Return the command, run as process 1 after the instance's settings are where Dagster expects them."""
    return ["sh", "-ec", START, f"{INSTANCE_FOLDER}/{settings}", *command]


def image(configuration: Configuration, pod_settings: PodSettings) -> str:
    return pod_settings.image or configuration.images.dagster


def waiting(configuration: Configuration, pod_settings: PodSettings) -> Object:
    """Return an init container that waits until the database answers, and prints what it waits for."""
    found = Container(
        name="wait-for-database",
        image=image(configuration, pod_settings),
        resources=WAIT_RESOURCES,
        command=["python", "-c", WAIT],
        variables=database.variables(configuration)[:2],
    )
    return container(found, PodSettings())


def content(*objects: Object) -> str:
    """Return a hash of ConfigMaps' content: as a pod's annotation it restarts the pod when that changes."""
    text = repr([sorted(found["data"].items()) for found in objects if found["kind"] == "ConfigMap"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
