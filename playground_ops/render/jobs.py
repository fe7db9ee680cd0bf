"""Jobs and short-lived pods of the stack: a command of this project, a backup, a schema migration.

From outside, neither code servers nor the database can be reached, nor should they be.

The password comes from its Secret, so that whoever asks for a backup never holds it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.messages import LINES
from playground_ops.core.model import MAIN, Release
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.core.yaml_text import dumped
from playground_ops.render import gitsync, instance, packages
from playground_ops.render.database import parameters, passwords_of_others, variables
from playground_ops.render.deployments import tags as deployment_tags
from playground_ops.render.names import (
    BACKUP_FOLDER,
    HOME,
    OPS_ACCOUNT,
    PROJECT_FOLDER,
    SOURCE_FOLDER,
    Object,
    an_object,
    labels,
)
from playground_ops.render.pod import Container, Pod, config_map, container, variable, writable
from playground_ops.render.release import UNPACK, configuration_file, directory
from playground_ops.render.waiting import waiting

REMOTE_JOB = "playground-ops"
REMOTE_JOB_COMPONENT = "errand"
REMOTE_JOB_RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})
FAILED, WRONG = 1, 2
"""Exit codes of the command line: it said why, and another try changes nothing."""
ATTEMPTS = 4
HANDED_OVER = "dagster-code"
"""The ConfigMap with this project's code for a stack that is applied by hand; rollouts name it by content."""
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Command:
    """A command of this project, and who runs it."""

    arguments: Sequence[str]
    """The arguments of `python -m playground_ops`."""
    by: str
    """Who asks for it."""


OF_THE_PIN = "playground_ops.targets.kubernetes.inside.own_code"
OWN_CODE = f"""\
code="$0/$1"
if [ ! -d "$code/playground_ops" ]; then
  code="$(PYTHONPATH={PROJECT_FOLDER} python -m {OF_THE_PIN} "$0" "$1")" || {{
    printf '%s\\n' "$code"
    exit {WRONG}
  }}
fi
shift
export PYTHONPATH="$code" PLAYGROUND_PROJECT="$code"
exec "$@"
"""
"""Takes a checkout, a subdirectory and a command, which runs by the code that this commit has or pins."""
FIRST_RELEASES = Command(("deploy", "--progress-only"), "the Job of deploy/")


def remote_job(
    configuration: Configuration, name: str, archive: str, command: Command, release: Release | None = None
) -> Object:
    """Return a Job that runs `command`; it is repeated when its pod is lost, as every command may be.

    `release`: a release of `ops` from git, whose code and configuration are used, with its archive; else the
    code is the archive's.
    """
    settings, namespace = configuration.kubernetes.ops, configuration.kubernetes.namespace
    tags = labels(name, REMOTE_JOB_COMPONENT)
    own = [gitsync.fetched(), packages.kept_environments()] if release else []
    source = config_map(archive, SOURCE_FOLDER, "source")
    volumes = [source, *own, writable("app", PROJECT_FOLDER), writable("home", HOME), writable("tmp", "/tmp")]
    fetch = gitsync.fetching(release, configuration, gitsync.EVERYTHING) if release else None
    lines = [] if archive == HANDED_OVER else [f"{LINES}=json"]  # otherwise a person reads its log
    program = ["python", "-m", "playground_ops", *command.arguments]
    words = ["env", *lines, f"PYTHONPATH={PROJECT_FOLDER}", *program]
    if release:
        where = [directory(release), release.location.subdirectory]
        words = ["sh", "-ec", OWN_CODE, *where, "env", *lines, *program]
    found = Container(
        name=REMOTE_JOB,
        image=instance.image(configuration, settings),
        resources=REMOTE_JOB_RESOURCES,
        command=["sh", "-ec", UNPACK, PROJECT_FOLDER],
        arguments=words,
        variables=[
            *instance.variables(configuration),
            *passwords_of_others(configuration),
            variable("PLAYGROUND_NAMESPACE", namespace),
            variable("PLAYGROUND_BY", command.by),
            *([] if release else [variable("PLAYGROUND_PROJECT", PROJECT_FOLDER)]),
            *([variable("PLAYGROUND_CONFIG", configuration_file(release))] if release else []),
            variable("PLAYGROUND_INSTANCE", dumped(instance.served(configuration))),
        ],
        volumes=volumes,
    )
    wait = waiting(configuration, found.image, settings)
    template = Pod(
        [container(found, settings)],
        settings,
        tags,
        [*volumes, *(fetch.volumes if fetch else ())],
        init=[*([fetch.container] if fetch else []), wait],
    ).render()
    template["spec"] |= {
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "serviceAccountName": OPS_ACCOUNT,
    }
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [FAILED, WRONG]}}
    return an_object(
        *("batch/v1", "Job", name, namespace, tags),
        spec={
            "backoffLimit": ATTEMPTS - 1,
            "podFailurePolicy": {"rules": [rule]},
            "template": template,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
        },
    )


def first_releases(configuration: Configuration) -> Object:
    """Return a Job for a stack that is applied by hand: it makes missing releases, `ops` first.

    A Job can't be changed, so it is named by its content: applied again, it is the same one.
    """
    made = remote_job(configuration, "x", HANDED_OVER, FIRST_RELEASES)
    text = json.dumps([made["spec"], configuration.text], sort_keys=True)
    name = f"dagster-releases-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return remote_job(configuration, name, HANDED_OVER, FIRST_RELEASES)


BACKUP_COMPONENT = "backup"
BACKUP = "dagster-backup"
"""The label of its pods, by which an admission policy knows what may be mounted."""
BACKUP_SUFFIX = ".backup"
BACKUP_SCRIPT = """\
export PGHOST="$DAGSTER_PG_HOST" PGPORT="$DAGSTER_PG_PORT" PGUSER="$DAGSTER_PG_USER"
export PGDATABASE="$DAGSTER_PG_DATABASE" PGPASSWORD="$DAGSTER_PG_PASSWORD"
umask 077
mkdir -p "$0" && cd "$0"
rm -f .*.part
trap 'rm -f ".$1.part"' EXIT
pg_dump --no-password --format=custom --file=".$1.part"
pg_restore --file=/dev/null ".$1.part"
sync ".$1.part"
mv ".$1.part" "$1"
ls -1 | grep '\\.backup$' | sort -r | tail -n "+$(($2 + 1))" | while read -r old; do
  rm -f "$old"
  printf '{"playground": "removed", "file": "%s"}\\n' "$old"
done
printf '{"playground": "kept", "bytes": %s}\\n' "$(stat -c %s "$1")"
"""
"""Takes the folder, the file, and the number to keep: names sort by time. The file appears when checked."""
_BACKUP_ENVIRONMENT = {
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}
"""Variables for libpq's parameters (PostgreSQL documentation, "Environment Variables")."""
BACKUP_RESOURCES = Resources(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"})


def backup_folder(configuration: Configuration) -> str:
    """Return the folder of a deployment's backups, as pods see it: the main one's has those of the others."""
    own = configuration.deployment
    return BACKUP_FOLDER if own == MAIN else f"{BACKUP_FOLDER}/{own}"


def backup_pod(configuration: Configuration, name: str, file: str, seconds: int) -> Object:
    """Return a pod that backs up a deployment's database. It ends by itself, or after `seconds`."""
    settings = configuration.postgres.pod
    volumes = [instance.backups(), writable("tmp", "/tmp")]
    given = parameters(configuration)
    reach = [variable(name, str(given[key])) for key, name in _BACKUP_ENVIRONMENT.items() if key in given]
    found = Container(
        name=BACKUP_COMPONENT,
        image=settings.image or configuration.images.postgres,
        resources=BACKUP_RESOURCES,
        command=["sh", "-ec", BACKUP_SCRIPT, backup_folder(configuration)],
        arguments=[file, str(configuration.postgres.backups.kept)],
        variables=[*variables(configuration), *reach],
        volumes=volumes,
    )
    tags = {**labels(BACKUP, BACKUP_COMPONENT), **deployment_tags(configuration.deployment)}
    # The database's certificates may be in a volume.
    mounted = PodSettings(volumes=settings.volumes)
    plain = settings.placement().model_copy(update={"volumes": settings.volumes})
    template = Pod([container(found, mounted)], plain, tags, volumes, grace_seconds=1).render()
    made = an_object("v1", "Pod", name, configuration.kubernetes.namespace, tags)
    return {**made, "spec": {**template["spec"], "restartPolicy": "Never", "activeDeadlineSeconds": seconds}}


MIGRATION_COMPONENT = "migration"
MIGRATION_START = 'printf %s "$PLAYGROUND_INSTANCE" > "$DAGSTER_HOME/dagster.yaml"; exec "$0" "$@"'
MIGRATION_RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})
MIGRATION_LONGEST_SECONDS = 1800
MIGRATION_KEPT_SECONDS = 3600


def migration_job(configuration: Configuration, name: str) -> Object:
    """Return a Job: `dagster instance migrate` in the image of a deployment's webserver. Can be repeated."""
    settings = configuration.webserver.pod
    tags = {**labels(name, MIGRATION_COMPONENT), **deployment_tags(configuration.deployment)}
    volumes = [writable("home", HOME), writable("tmp", "/tmp")]
    dagster_yaml = dumped(instance.served(configuration))
    found = Container(
        name="migrate",
        image=instance.image(configuration, settings),
        resources=MIGRATION_RESOURCES,
        command=["sh", "-ec", MIGRATION_START],
        arguments=["dagster", "instance", "migrate"],
        variables=[*instance.variables(configuration), variable("PLAYGROUND_INSTANCE", dagster_yaml)],
        volumes=volumes,
    )
    wait = waiting(configuration, found.image, settings)
    # The database's certificates may be in a volume.
    plain = settings.placement().model_copy(update={"volumes": settings.volumes})
    template = Pod([container(found, plain)], plain, tags, volumes, init=[wait]).render()
    template["spec"]["restartPolicy"] = "Never"
    return an_object(
        *("batch/v1", "Job", name, configuration.kubernetes.namespace, tags),
        spec={
            "activeDeadlineSeconds": MIGRATION_LONGEST_SECONDS,
            "backoffLimit": 0,
            "template": template,
            "ttlSecondsAfterFinished": MIGRATION_KEPT_SECONDS,
        },
    )
