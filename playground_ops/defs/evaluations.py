"""A topic's findings as the evaluation of an asset check. Pure."""

from collections.abc import Mapping, Sequence

import dagster as dg

from playground_ops.checks.topic import FOUNDATION, Topic
from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.errors import Finding
from playground_ops.storage import Storage

MIB = 1024**2


def evaluation(
    component: str, topic: Topic, findings: Sequence[Finding], numbers: Mapping[str, int] | None = None
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key(component),
        check_name=topic.value,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if topic.is_urgent else dg.AssetCheckSeverity.WARN,
        description=_told(findings),
        metadata={**(numbers or {}), **(metadata.of_finding(findings[0]) if findings else {})},
    )


def of_storage(storage: Storage, keeper: str) -> dict[str, dict[str, int]]:
    """By component: numbers, of which the page of a check makes plots. `keeper` keeps the database."""
    found: dict[str, dict[str, int]] = {keeper: {}, FOUNDATION: {}}
    if database := storage.database:
        found[keeper]["database, MiB"] = database.bytes_used // MIB
        found[keeper] |= {"connections": database.connections} if database.connections is not None else {}
    if room := storage.of_database:
        found[keeper]["written of the claim, MiB"] = (room.bytes_total - room.bytes_free) // MIB
    if room := storage.of_files:
        found[FOUNDATION]["free for files, MiB"] = room.bytes_free // MIB
    return found


def _told(findings: Sequence[Finding]) -> str:
    """Markdown, as the page of a check shows it."""
    if len(findings) > 1:
        return "\n".join(f"- {metadata.sentence([finding])}" for finding in findings)
    return metadata.sentence(findings) if findings else "well"
