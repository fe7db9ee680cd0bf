"""The use of the database and the claims, measured from inside the cluster without a command in a pod."""

from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.component import Room, Storage
from playground_ops.core.model import MAIN
from playground_ops.core.pod_settings import amount
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, POSTGRES
from playground_ops.targets.common.database_state import Measured, measure
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of


def storage(connection: Connection, view: Configuration, home: Path) -> Storage:
    """Return the storage of the deployment of this view; what all share is told with the main one's.

    Compares the size of the stack's own Postgres with its claim: only the node can measure the volume. Raises
    PlaygroundError when the database does not answer.
    """
    is_main, is_own = view.deployment == MAIN, view.postgres.external is None
    asked = (Measured.SERVER if is_main else Measured.OWN) if is_own else Measured.THEIRS
    database, on_disk = measure(home, asked)
    if not is_main:
        return Storage(database=database)
    claim = _claim(connection, view, f"data-{POSTGRES}-0") if is_own else None
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
