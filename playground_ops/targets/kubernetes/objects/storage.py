"""The use of the database and the claims, measured from inside the cluster without a command in a pod."""

from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.component import Room, Storage
from playground_ops.core.pod_settings import amount
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, POSTGRES
from playground_ops.targets.common.instance import measure
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of


def storage(connection: Connection, configuration: Configuration, home: Path) -> Storage:
    """Compare the size of the stack's own Postgres with its claim: only the node can measure the volume.

    Raises PlaygroundError when the database does not answer.
    """
    own = configuration.postgres.external is None
    database, on_disk = measure(home, whole=own)
    claim = _claim(connection, configuration, f"data-{POSTGRES}-0") if own else None
    return Storage(
        database=database,
        of_database=claim
        and Room(object=claim[0], bytes_total=claim[1], bytes_free=max(claim[1] - on_disk, 0)),
        # Outside of the cluster it is not mounted.
        of_files=Room.seen(f"persistentvolumeclaim/{ARTIFACTS}", ARTIFACTS_FOLDER),
    )


def _claim(connection: Connection, configuration: Configuration, name: str) -> tuple[str, int] | None:
    """Return the claim's title and its capacity in bytes."""
    found = connection.get(path_of("v1", "PersistentVolumeClaim", name, configuration.kubernetes.namespace))
    capacity = ((found or {}).get("status", {}).get("capacity") or {}).get("storage")
    return (f"persistentvolumeclaim/{name}", int(amount(capacity))) if capacity else None
