"""The database and the volumes: not about to be full, and as this Dagster reads them."""

from __future__ import annotations

from playground_ops.errors import Finding, FindingKind
from playground_ops.storage import Database, Room

LEAST_FREE = 0.1
"""Of a volume; a node's kubelet begins to evict pods at the same part of its disk (nodefs.available)."""
ENOUGH_BYTES = 10 * 1024**3
"""On a large disk a tenth is no sign of want."""
MOST_CONNECTIONS = 0.85


def volume(room: Room) -> list[Finding]:
    is_well = room.bytes_free >= min(LEAST_FREE * room.bytes_total, ENOUGH_BYTES)
    return [] if is_well else [_filling(room)]


def connections(database: Database) -> list[Finding]:
    used, most = database.connections, database.most_connections
    if used is None or most is None or used < MOST_CONNECTIONS * most:
        return []
    return [_crowded(used, most)]


def schema(database: Database) -> list[Finding]:
    if database.revision == database.wanted_revision or None in (database.revision, database.wanted_revision):
        return []
    return [_other_schema(database)]


def _filling(room: Room) -> Finding:
    return Finding(
        kind=FindingKind.CAPACITY,
        object=room.object,
        observed=f"{_size(room.bytes_free)} of {_size(room.bytes_total)} are free.",
        cause="What is kept has grown: runs and their logs, code and environments of releases, backups, or "
        "something else on the same disk.",
        fix="Make it larger, or delete old runs in the UI. When it is full no run can be written down and no "
        "release started.",
        whose="surroundings",
    )


def _crowded(used: int, most: int) -> Finding:
    return Finding(
        kind=FindingKind.CAPACITY,
        object="database/dagster",
        observed=f"{used} of {most} connections are in use.",
        cause="Each run in flight and each server holds some; so does whoever else uses this database.",
        fix="Let fewer runs be under way at once (`run_queue`), raise `max_connections`, or put a pooler "
        "before it.",
        whose="surroundings",
    )


def _other_schema(database: Database) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object="database/dagster",
        observed=f"Its schema is at revision {database.revision}; this Dagster's is "
        f"{database.wanted_revision}.",
        cause="Dagster was upgraded, or set back, without `dagster instance migrate`.",
        fix="`deploy` migrates it before anything of the new version starts. A schema newer than Dagster "
        "can't be set back: `restore` a backup.",
        whose="surroundings",
    )


def _size(count: int) -> str:
    """As a person reads it, in binary units."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
