"""Checks of database, volumes and memory: not almost full, this Dagster's schema, no right too many."""

from collections.abc import Sequence

from playground_ops.checks import causes
from playground_ops.checks.causes import DEPLOY, seen
from playground_ops.checks.topic import FOUNDATION
from playground_ops.core.component import ComponentStatus, Database, Room, Storage, Usage
from playground_ops.core.errors import Finding, capacity, certain
from playground_ops.core.model import MAIN

LEAST_FREE = 0.1
"""Part of a volume; a kubelet evicts pods at the same free part of its disk (nodefs.available)."""
MIB = 1024**2
ENOUGH_BYTES = 10 * 1024**3
ENOUGH_INODES = 100_000
"""On a large disk a tenth of the inodes is still plenty."""
MOST_CONNECTIONS = 0.85
ROLES_SETTLED = "playground.dagster/database-roles-settled"
"""The annotation by which a deploy knows that it has been done."""
MOST_MEMORY = 0.9


def volume(room: Room) -> list[Finding]:
    is_well = room.bytes_free >= min(LEAST_FREE * room.bytes_total, ENOUGH_BYTES)
    found = [] if is_well else [_filling(room)]
    if room.inodes_free < min(LEAST_FREE * room.inodes_total, ENOUGH_INODES):
        found.append(_many_files(room))
    return found


def connections(database: Database) -> list[Finding]:
    used, most = database.connections, database.most_connections
    if used is None or most is None or used < MOST_CONNECTIONS * most:
        return []
    return [_crowded(database.name, used, most)]


def schema(database: Database) -> list[Finding]:
    if database.revision == database.wanted_revision or None in (database.revision, database.wanted_revision):
        return []
    return [seen(_other_schema(database), follows=[DEPLOY])]


def rights(database: Database) -> list[Finding]:
    """Check the rights of its role in the stack's own Postgres: every location's code there has it."""
    if not database.too_many_rights:
        return []
    role = causes.role(database.name)
    return [seen(_mighty(role, database.too_many_rights), explains=[role], follows=[DEPLOY])]


def memory(component: ComponentStatus | None) -> list[Finding]:
    """Check memory only. Postgres is left out: its working set includes cache that it can do without.

    Processor use isn't checked: a run may use all it is given, and only takes longer where that is little.
    """
    if component is None or component.usage is None or component.kind == "postgres":
        return []
    return [_swelling(component.name, component.usage)] if component.usage.filled >= MOST_MEMORY else []


def of_component(usage: Usage) -> dict[str, int]:
    """Return the numbers by their labels."""
    return {"memory, MiB": usage.memory_bytes // MIB, "processor, millicores": usage.millicores}


def of_storage(storage: Storage, keeper: str, deployment: str = MAIN) -> dict[str, dict[str, int]]:
    """Return the numbers by component and label. `keeper` is the component that keeps the database."""
    what = "database" if deployment == MAIN else f"database of {deployment}"
    found: dict[str, dict[str, int]] = {keeper: {}, FOUNDATION: {}}
    if database := storage.database:
        found[keeper][f"{what}, MiB"] = database.bytes_used // MIB
        found[keeper] |= {"connections": database.connections} if database.connections is not None else {}
    if room := storage.of_database:
        found[keeper]["written of the claim, MiB"] = (room.bytes_total - room.bytes_free) // MIB
    if room := storage.of_files:
        found[FOUNDATION]["free for files, MiB"] = room.bytes_free // MIB
    return found


def _swelling(name: str, usage: Usage) -> Finding:
    limit = usage.memory_limit_bytes or 0
    return capacity(
        object=f"component/{name}",
        observed=f"Its container {usage.container} uses {size(usage.memory_bytes)} of the {size(limit)} of "
        "memory that it may.",
        cause="Its limit is near what its code and the runs that are under way in it need, or they keep more "
        "and more.",
        fix="Raise its `pod: resources: limits: memory` and deploy, or let fewer runs be under way at once. "
        "At the limit the kernel ends it, and every run in it.",
    )


def _filling(room: Room) -> Finding:
    return capacity(
        object=room.object,
        observed=f"{size(room.bytes_free)} of {size(room.bytes_total)} are free.",
        cause="What is kept has grown: runs and their logs, code and environments of releases, backups, or "
        "something else on the same disk.",
        fix="Make it larger, or delete old runs in the UI. When it is full no run can be written down and no "
        "release started.",
        whose="surroundings",
    )


def _many_files(room: Room) -> Finding:
    return capacity(
        object=room.object,
        observed=f"{room.inodes_free} of {room.inodes_total} inodes are free.",
        cause="There are very many files on it; with no inode left none can be made, whatever room there is.",
        fix="Delete old runs in the UI, whose logs and values are files, or find what else makes files.",
        whose="surroundings",
    )


def _crowded(name: str, used: int, most: int) -> Finding:
    return capacity(
        object=f"database/{name}",
        observed=f"{used} of {most} connections are in use.",
        cause="Each run in flight and each server holds some; so does whoever else uses this database.",
        fix="Let fewer runs be under way at once (`run_queue`), raise `max_connections`, or put a pooler "
        "before it.",
        whose="surroundings",
    )


def _other_schema(database: Database) -> Finding:
    return certain(
        object=f"database/{database.name}",
        observed=f"Its schema is at revision {database.revision}; this Dagster's is "
        f"{database.wanted_revision}.",
        cause="Dagster was upgraded, or set back, without `dagster instance migrate`.",
        fix="`deploy` migrates it before anything of the new version starts. A schema newer than Dagster "
        "can't be set back: `restore FILE` brings back a backup.",
        whose="surroundings",
    )


def _mighty(role: str, had: Sequence[str]) -> Finding:
    return certain(
        object=role,
        observed=f"In the stack's Postgres it has what it should not have: {', '.join(had)}.",
        cause="The image of Postgres makes its first role a superuser, and no `deploy` by a person has "
        "taken that away, or somebody gave it back. With it the code of any location reads every database "
        "and runs commands in the pod of Postgres.",
        fix="`deploy` from the stack's folder takes it away, after a backup. Where that has nothing to do, "
        f"run `kubectl annotate statefulset dagster-postgres {ROLES_SETTLED}-` in its namespace before it.",
        whose="surroundings",
    )


def size(count: int) -> str:
    """Format a number of bytes for people, in binary units."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
