"""A short pod that writes the database to the claim that outlives pods; the oldest backups go.

The password reaches it from its Secret, so that whoever asks for a backup never holds it.
"""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.pods import PodSettings, Resources
from playground_ops.render.database import parameters, variables
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, Object, an_object, labels
from playground_ops.render.pod import Container, claim, container, pod, variable, writable

COMPONENT, NAME = "backup", "backup"
APP = "dagster-backup"
"""Label of its pods: by it an admission policy knows what may be mounted."""
FOLDER = f"{ARTIFACTS_FOLDER}/backups"
SUFFIX = ".backup"
SCRIPT = """\
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
  echo "removed $old"
done
echo "bytes $(stat -c %s "$1")"
"""
"""Of the folder, the file and how many are kept: names sort by time. It is there when it was read back."""
_ENVIRONMENT = {
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}
"""Of libpq's parameters (PostgreSQL documentation, "Environment Variables")."""
RESOURCES = Resources(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"})


def render(configuration: Configuration, name: str, file: str, seconds: int) -> Object:
    """The pod ends by itself: well, badly, or after `seconds`."""
    settings = configuration.postgres.pod
    volumes = [claim(ARTIFACTS, ARTIFACTS_FOLDER, "artifacts"), writable("tmp", "/tmp")]
    given = parameters(configuration)
    reach = [variable(name, str(given[key])) for key, name in _ENVIRONMENT.items() if key in given]
    found = Container(
        name=NAME,
        image=settings.image or configuration.images.postgres,
        resources=RESOURCES,
        command=["sh", "-ec", SCRIPT, FOLDER],
        arguments=[file, str(configuration.postgres.backups.kept)],
        variables=[*variables(configuration), *reach],
        volumes=volumes,
    )
    tags = labels(APP, COMPONENT)
    # The database's certificates may be in a volume.
    mounted = PodSettings(volumes=settings.volumes)
    plain = settings.placement().model_copy(update={"volumes": settings.volumes})
    template = pod([container(found, mounted)], plain, tags, volumes, grace_seconds=1)
    made = an_object("v1", "Pod", name, configuration.kubernetes.namespace, tags)
    return {
        **made,
        "spec": {**template["spec"], "restartPolicy": "Never", "activeDeadlineSeconds": seconds},
    }
