"""The Dagster instance that several pods share: its settings, its run queue, its logs, its files.

Dagster's reference, "dagster.yaml reference: compute log storage"; each manager's `config_type`.
"""

import hashlib

from playground_ops.config import Configuration
from playground_ops.config.instance_sections import TagLimit
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN, Location
from playground_ops.core.pod_settings import PodSettings
from playground_ops.core.yaml_text import dumped
from playground_ops.render import database, modules, runs
from playground_ops.render.deployments import FOLDER, FOLDERS, logs_of, own_labels
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
from playground_ops.render.pod import Mounted, config_map, kept, variable, writable

COORDINATOR: Object = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
AT_ONCE: Object = {**COORDINATOR, "class": "DefaultRunCoordinator"}
"""The coordinator of a deployment without a daemon, which alone would take runs from a queue."""


def run_coordinator(configuration: Configuration) -> Object:
    """Return `run_coordinator` of dagster.yaml; without a daemon nobody takes runs from a queue."""
    if not configuration.has_daemon:
        return dict(AT_ONCE)
    queue = configuration.run_queue
    config = {
        "dequeue_interval_seconds": configuration.daemon.dequeue_interval_seconds,
        "max_concurrent_runs": queue.max_concurrent_runs,
        **present(tag_concurrency_limits=[_limit(one) for one in queue.tag_concurrency_limits]),
    }
    return {**COORDINATOR, "config": config}


def run_retries(configuration: Configuration) -> Object:
    """Return `run_retries` of dagster.yaml: on wherever a daemon obeys them, for a job's or run's own tag."""
    return {"enabled": configuration.has_daemon, **configuration.run_retries.model_dump()}


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


def settings(configuration: Configuration) -> Object:
    """Return dagster.yaml of webserver and daemon, which queue and launch runs; a run gets the daemon's."""
    monitoring = runs.MONITORING_OF_PODS if configuration.runs_in_pods else runs.MONITORING
    return {
        **served(configuration),
        "run_coordinator": run_coordinator(configuration),
        **({"run_monitoring": dict(monitoring)} if configuration.has_daemon else {}),
        "run_retries": run_retries(configuration),
        "run_launcher": runs.launcher(configuration),
    }


def served(configuration: Configuration) -> Object:
    """Return dagster.yaml for releases, which launch nothing: so no release depends on the launcher."""
    return _instance(
        configuration,
        username={"env": "DAGSTER_PG_USER"},
        password={"env": "DAGSTER_PG_PASSWORD"},
        hostname={"env": "DAGSTER_PG_HOST"},
        db_name={"env": "DAGSTER_PG_DATABASE"},
    )


def seen_from_ops(configuration: Configuration) -> Object:
    """Return dagster.yaml for `ops`, which acts on several instances: of all it has only the passwords."""
    external = configuration.postgres.external
    name = database.name_of(configuration)
    return _instance(
        configuration,
        username=external.user if external else name,
        password={"env": database.password_variable(configuration.deployment)},
        hostname=database.reach(configuration)[0],
        db_name=external.database if external else name,
    )


def _instance(configuration: Configuration, **connection: Object | str) -> Object:
    postgres = {
        **connection,
        "port": database.reach(configuration)[1],
        # With SQLAlchemy 2.1 and later `postgresql` alone means a driver that is not installed.
        "scheme": "postgresql+psycopg2",
        "params": database.parameters(configuration),
    }
    return {
        "storage": {"postgres": {"postgres_db": postgres}},
        "run_coordinator": dict(COORDINATOR if configuration.has_daemon else AT_ONCE),
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": ARTIFACTS_FOLDER},
        },
        "compute_logs": compute_logs(_store(configuration)),
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # the UI's dialog about a newsletter, at every first visit
    }


def _store(configuration: Configuration) -> ArtifactsStore | None:
    """Return the object store. A deployment beside the main one has the logs of its runs below its name."""
    store, own = configuration.kubernetes.artifacts_store, configuration.deployment
    if store is None or own == MAIN:
        return store
    place = getattr(store, store.kind)
    apart = place.model_copy(update={"prefix": f"{place.prefix}/{FOLDERS}/{own}"})
    return store.model_copy(update={store.kind: apart})


def render(configuration: Configuration) -> list[Object]:
    """Return a deployment's settings; with the main one's what all have: modules, and the claim."""
    found, namespace = config_maps(configuration), configuration.kubernetes.namespace
    if configuration.deployment != MAIN:
        return found[:1]
    return [*found, artifacts(configuration, namespace)]


def config_maps(configuration: Configuration) -> list[Object]:
    """Return the settings of a deployment's instance, and the modules by which they are read."""
    namespace, own = configuration.kubernetes.namespace, configuration.deployment
    made = an_object(
        *("v1", "ConfigMap", name_of(configuration), namespace, own_labels(INSTANCE, "instance", own)),
        data={name: dumped(document) for name, document in _files(configuration).items()},
    )
    return [made, modules.config_map(namespace)]


def name_of(configuration: Configuration) -> str:
    """Return the name of the ConfigMap with the settings of a deployment's instance."""
    return component_of(INSTANCE, configuration.deployment)


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


def volumes(configuration: Configuration) -> list[Mounted]:
    """Return the mounts of a deployment's webserver and daemon."""
    return [
        config_map(name_of(configuration), INSTANCE_FOLDER, "instance"),
        modules.mounted(),
        logs(configuration.deployment),
        writable("home", HOME),
        writable("tmp", "/tmp"),
    ]


def files(location: Location) -> list[Mounted]:
    """Return the mounts of what its servers and runs leave. Logs of a deployment's runs lie in one folder."""
    return [kept(files_of(location.name), ARTIFACTS_FOLDER), logs(location.deployment)]


def logs(deployment: str) -> Mounted:
    return kept(logs_of(deployment, LOGS), LOGS_FOLDER)


def logs_of_others() -> Mounted:
    """Return the mount of what runs of the deployments beside the main one print, to measure and cut it."""
    return kept(FOLDERS, FOLDER)


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


def content(*objects: Object) -> str:
    """Return a hash of ConfigMaps' content: as a pod's annotation it restarts the pod when that changes."""
    text = repr([sorted(found["data"].items()) for found in objects if found["kind"] == "ConfigMap"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
