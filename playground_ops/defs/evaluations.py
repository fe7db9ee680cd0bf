"""A topic's findings as the evaluation of an asset check. Pure."""

from collections.abc import Mapping, Sequence

import dagster as dg

from playground_ops.checks.topic import Topic
from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.errors import Finding


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


def _told(findings: Sequence[Finding]) -> str:
    """Markdown, as the page of a check shows it."""
    if len(findings) > 1:
        return "\n".join(f"- {metadata.sentence([finding])}" for finding in findings)
    return metadata.sentence(findings) if findings else "well"
