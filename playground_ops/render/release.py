"""One release of a code location: a Deployment that is never edited, and an address of its own.

A rollout makes it, not an apply; it holds all that the release ran with, and comes back by itself.
"""

import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from playground_ops.config import OPS, Configuration
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.pod_settings import Resources
from playground_ops.core.yaml_text import dumped
from playground_ops.render import (
    code_mounts,
    deployments,
    gitsync,
    instance,
    packages,
    reads,
    runs,
    where_it_runs,
)
from playground_ops.render.database import passwords_of_others
from playground_ops.render.first_process import first
from playground_ops.render.gitsync import EVERYTHING, InUse
from playground_ops.render.mounted_versions import with_versions
from playground_ops.render.names import (
    CONFIGURATION_KEY,
    GRPC_PORT,
    LIVE_NUMBERS,
    LOCATION,
    OPS_ACCOUNT,
    PREFIX,
    PREPARED_FOLDER,
    PROJECT_FOLDER,
    RELEASE,
    REPOSITORY_FOLDER,
    SOURCE_FILE,
    SOURCE_FOLDER,
    Object,
    an_object,
    labels,
    location_service,
    release_deployment,
    release_service,
)
from playground_ops.render.namespaces import as_account, place
from playground_ops.render.pod import Container, Pod, container, variable

RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})
SERVER = "dagster-grpc"
RECORD = f"{PREFIX}record"
"""The annotation with the release as a value, in JSON."""
START = """\
printf %s "$PLAYGROUND_INSTANCE" > "$DAGSTER_HOME/dagster.yaml"
exec "$@"
"""
"""The instance's settings come with the release: a later change of them is a new release."""
UNPACK = f"""\
printf %s "$PLAYGROUND_INSTANCE" > "$DAGSTER_HOME/dagster.yaml"
mkdir -p "$0"
python -I -m tarfile -e {SOURCE_FOLDER}/{SOURCE_FILE} "$0"
exec "$@"
"""
SERVE = "playground_ops.targets.kubernetes.inside.serving"
"""The module that finds what a repository's project wants loaded, and becomes its server."""


@dataclass(frozen=True)
class Purpose:
    """The purpose of a pod with a release's code: to serve, to do a run, or a smoke test."""

    tags: dict[str, str]
    arguments: Sequence[str] = ()
    """The arguments of its command; a pod of runs gets them from its run launcher."""
    probes: Object = field(default_factory=dict)
    fetching: Sequence[str] = gitsync.AGAIN
    """More flags of what fetches its code."""


def render(
    release: Release, configuration: Configuration, archive: str, in_use: InUse = EVERYTHING
) -> list[Object]:
    """Return the objects. `archive`: the ConfigMap with this project's code, which the server needs."""
    name, number = release.location.name, release.number
    where = place(configuration, name)
    own = {LOCATION: name, RELEASE: str(number)}
    more = {**deployments.tags(release.location.deployment), **where.tags}
    tags = {**labels(location_service(name), "location"), **own, **more}
    namespace = where.namespace
    purpose = Purpose(tags, _command(release), _probes(release), fetching=())
    serving = template(release, configuration, archive, purpose, in_use)
    serving["spec"]["containers"][0]["env"] += [
        variable(runs.CONTEXT, context_of_runs(release, configuration, archive)),
        *_live(release, in_use),
    ]
    deployment = an_object(
        *("apps/v1", "Deployment", release_deployment(name, number), namespace, tags),
        spec={
            "progressDeadlineSeconds": release.location.startup_timeout_seconds + 60,
            "replicas": 1,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": own},
            # Two processes of one release are never behind its address either.
            "strategy": {"type": "Recreate"},
            "template": with_versions(serving, configuration, namespace),
        },
    )
    deployment["metadata"]["annotations"] = {RECORD: release.model_dump_json(exclude_defaults=True)}
    service = an_object(
        *("v1", "Service", release_service(name, number), namespace, tags),
        spec={
            "clusterIP": "None",
            "ports": [{"name": "grpc", "port": GRPC_PORT, "protocol": "TCP", "targetPort": "grpc"}],
            # Runs on a draining server can still be asked to end.
            "publishNotReadyAddresses": True,
            "selector": own,
        },
    )
    return [deployment, service]


def context_of_runs(release: Release, configuration: Configuration, archive: str) -> str:
    """Return the pod of its runs, as part of the server. It removes nothing from the cached code."""
    made = template(release, configuration, archive, Purpose(runs.tags(release)))
    found = with_versions(made, configuration)
    command = list(found["spec"]["containers"][0]["command"])
    if release.revision.repository is not None:
        command += [*reading(release), "--run", "--"]
    return runs.context(found, command)


def directory(release: Release) -> str:
    """Return the folder from which the server of this release must have loaded its code."""
    commit, image = release.revision.commit, release.location.in_image
    if image:
        return image.working_directory
    if release.revision.repository is None:
        return f"{REPOSITORY_FOLDER}/{commit}"
    return gitsync.worktree(commit)


def directories(release: Release) -> list[str]:
    """Return that folder, and the copy of it that is prepared in the pod where something has to be."""
    if release.revision.repository is None:
        return [directory(release)]
    return [directory(release), prepared(release)]


def prepared(release: Release) -> str:
    """Return the folder of what a commit's server is loaded from, where that is not its checkout.

    For `ops` whose repository pins a version of this program it leads to the code of that version.
    """
    return f"{PREPARED_FOLDER}/{release.revision.commit}"


def project(release: Release) -> str:
    """Return the folder of this project in the commit that `ops` is loaded from."""
    return posixpath.normpath(f"{directory(release)}/{release.location.subdirectory}")


def configuration_file(release: Release) -> str:
    """Return the path of the configuration in that commit."""
    return f"{project(release)}/{CONFIGURATION_KEY}"


def template(
    release: Release, configuration: Configuration, archive: str, purpose: Purpose, in_use: InUse = EVERYTHING
) -> Object:
    """Return a pod with the release's code and settings."""
    settings, is_ops = configuration.pod_of(release.location), release.location.name == OPS.name
    in_image = release.location.in_image is not None
    volumes = code_mounts.mounts(release, configuration, archive)
    store = configuration.kubernetes.artifacts_store
    unpacked = directory(release) if release.revision.repository is None else PROJECT_FOLDER
    script = instance.with_packages_checked(START if in_image else UNPACK, store)
    script = f"{reads.WRITE if release.location.reads else ''}{script}"
    main = Container(
        name=SERVER,
        image=instance.image(configuration, settings),
        resources=RESOURCES,
        command=["sh", "-ec", first(script), SERVER if in_image else unpacked],
        arguments=purpose.arguments,
        variables=_variables(release, configuration),
        volumes=volumes,
        more=purpose.probes,
    )
    init = []
    if release.revision.repository:
        init.append(gitsync.fetching(release, configuration, in_use, purpose.fetching))
    if packages.has_own(release):
        init.append(packages.installing(release, configuration, archive, directory(release), in_use.releases))
    found = Pod(
        [container(main, settings)],
        settings,
        purpose.tags,
        [*volumes, *(volume for one in init for volume in one.volumes)],
        init=[one.container for one in init],
        grace_seconds=release.location.longest_run_seconds,
    ).render()
    found["spec"] |= as_account(place(configuration, release.location.name))
    if is_ops:
        found["spec"] |= {"automountServiceAccountToken": True, "serviceAccountName": OPS_ACCOUNT}
    return found


def any_release(location: Location) -> Release:
    """Return a release as any other of the location, for what does not depend on number and commit."""
    revision = Revision(repository=location.repository, commit="0" * 40)
    return Release(location=location, number=1, revision=revision, configuration="", created_at="")


def _command(release: Release) -> list[str]:
    served = ["-h", "0.0.0.0", "-p", str(GRPC_PORT), "--location-name", release.location.name]
    if release.revision.repository is not None:
        return [*reading(release), *_preparing(release.location), "--", *served]
    return ["dagster", "api", "grpc", *loading(release), *served]


def _preparing(location: Location) -> list[str]:
    """Return the options of the server that prepares; pods of runs take what it made."""
    if location.prepare is None:
        return []
    seconds = ["--prepare-seconds", str(location.prepare_timeout_seconds)] if location.prepare else []
    return ["--prepare", json.dumps(location.prepare), *seconds]


def reading(release: Release) -> list[str]:
    """Return the command that finds the project of a release from git and then runs what follows it."""
    location = release.location
    # The path of the stack's own code takes the place of the location's, until it becomes the server.
    path = {**location.pod.environment, **location.environment}.get("PYTHONPATH")
    if location.reads:
        path = f"{path}:{reads.FOLDER}" if path else reads.FOLDER
    options = {"--module": location.module, "--attribute": location.attribute, "--path": path}
    given = [word for option, value in options.items() if value for word in (option, value)]
    where = [directory(release), "--subdirectory", location.subdirectory]
    where += ["--own-code"] if location.name == OPS.name else []
    return ["env", f"PYTHONPATH={PROJECT_FOLDER}", "python", "-m", SERVE, *where, *given]


def loading(release: Release) -> list[str]:
    """Return the options by which `dagster api grpc` is told what to load, for code that is in no git."""
    location, image = release.location, release.location.in_image
    named = ["--attribute", location.attribute] if location.attribute else []
    module = ["-m", location.module or "playground.definitions"]
    code = ["--python-file", image.python_file] if image and image.python_file else module
    return [*code, *named, "-d", directory(release)]


def _variables(release: Release, configuration: Configuration) -> list[Object]:
    view = configuration.of(release.location.deployment)
    own = [
        *instance.variables(view, release.location.name),
        variable("PLAYGROUND_LOCATION", release.location.name),
        variable("PLAYGROUND_RELEASE", str(release.number)),
        variable(runs.COMMIT, release.revision.commit),
        variable("PLAYGROUND_INSTANCE", dumped(instance.served(view))),
    ]
    own += reads.variables(release.location)
    if release.location.name == OPS.name:
        own.append(variable("PLAYGROUND_NAMESPACE", configuration.kubernetes.namespace))
        own += passwords_of_others(configuration)
        if release.revision.repository is not None:
            own.append(variable("PLAYGROUND_CONFIG", configuration_file(release)))
    names = {one["name"] for one in own}
    given = [variable(key, value) for key, value in release.location.environment.items() if key not in names]
    return [*own, *given, *where_it_runs.variables(release)]


def _live(release: Release, in_use: InUse) -> list[Object]:
    """Return the variable with the location's releases, where it is known and something may be prepared."""
    if release.revision.repository is None or release.location.name == OPS.name:
        return []
    numbers = sorted(one.number for one in in_use.releases if one.location.name == release.location.name)
    return [variable(LIVE_NUMBERS, " ".join(map(str, numbers)))] if numbers else []


def _probes(release: Release) -> Object:
    """Return native gRPC probes: with eager loading a server that answers has its code loaded."""
    asked = {"grpc": {"port": GRPC_PORT, "service": "DagsterApi"}}
    location = release.location
    seconds = location.startup_timeout_seconds + (location.prepare_timeout_seconds if location.prepare else 0)
    return {
        "ports": [{"containerPort": GRPC_PORT, "name": "grpc", "protocol": "TCP"}],
        # The rollout's own deadline comes first; after that this probe restarts what hangs.
        "startupProbe": {**asked, "periodSeconds": 1, "failureThreshold": seconds + 30, "timeoutSeconds": 2},
        "readinessProbe": {**asked, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5},
        "livenessProbe": {**asked, "periodSeconds": 30, "failureThreshold": 6, "timeoutSeconds": 10},
    }
