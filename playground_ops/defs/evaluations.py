"""Findings as evaluations of the asset checks, from a look at the stack and at the end of a rollout."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from playground_ops.checks.causes import DEPLOY
from playground_ops.checks.folding import Because, Folded
from playground_ops.checks.rollouts import last_rollout
from playground_ops.checks.topic import Topic, is_urgent
from playground_ops.core.errors import Finding
from playground_ops.core.model import Outcome, RolloutRecord
from playground_ops.defs import metadata
from playground_ops.defs.assets import key

LOOKED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
"""Statuses of finished evaluations; others may be under way."""
BECAUSE = "because of"
"""The metadata with the component, or the deploy, that a check is not passed because of."""
AS_OF = "looked at"
"""The metadata with the time of an evaluation that is repeated after a release."""


def of(
    folded: Folded, component: str, topic: Topic, numbers: Mapping[str, int] | None = None
) -> dg.AssetCheckEvaluation | None:
    """Return the evaluation of a check; None where nothing is known of it.

    What follows from something else is yellow and says from what: red is where there is something to mend.
    """
    if because := folded.because.get((component, topic)):
        return _because(component, topic, because)
    topics = folded.report.get(component)
    if topics is not None and topic not in topics:
        return None
    return evaluation(component, topic, (topics or {}).get(topic, []), numbers)


def evaluation(
    component: str, topic: Topic, findings: Sequence[Finding], numbers: Mapping[str, int] | None = None
) -> dg.AssetCheckEvaluation:
    urgent = topic.is_urgent or any(is_urgent(topic, one) for one in findings)
    return dg.AssetCheckEvaluation(
        asset_key=key(component),
        check_name=topic.value,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if urgent else dg.AssetCheckSeverity.WARN,
        description=_description(findings),
        metadata={**(numbers or {}), **(metadata.of_finding(findings[0]) if findings else {})},
    )


def _because(component: str, topic: Topic, because: Because) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key(component),
        check_name=topic.value,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{metadata.prose(because.sentence)}\n\nSeen here:\n\n{_description(because.findings)}",
        metadata={BECAUSE: because.cause[0] if because.cause else DEPLOY},
    )


def _description(findings: Sequence[Finding]) -> str:
    """Return Markdown, as the page of a check shows it."""
    if len(findings) > 1:
        return "\n".join(f"- {metadata.prose(finding.sentence())}" for finding in findings)
    return metadata.prose(metadata.sentence(findings)) if findings else "well"


def after_rollout(instance: dg.DagsterInstance, record: RolloutRecord) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield what a rollout that ended says of its location's checks, without asking anything.

    Dagster counts no evaluation that is older than the last release. So after each the checks that the
    rollout has settled are written, and those it says nothing of are repeated, with the time of the look.
    """
    if record.outcome in (None, Outcome.CANCELLED):
        return
    name = record.location
    serves = record.outcome in (Outcome.DONE, Outcome.UNCHANGED) or record.previous is not None
    heals = record.action == "heal" and serves
    if not heals:
        yield _of_last(record, last_rollout(name, [record], serves))
    if record.outcome is not Outcome.DONE:
        return
    settled = {Topic.HEALTHY: "Its server answers, and the webserver shows it.", Topic.TIDY: "well"}
    if answered := _source(record):
        settled[Topic.SOURCE] = answered
    for topic, said in settled.items():
        yield dg.AssetCheckEvaluation(key(name), topic.value, passed=True, metadata={}, description=said)
    told = {*settled, *([] if heals else [Topic.LAST_ROLLOUT])}
    yield from repeated(instance, name, [one for one in Topic if one not in told])


def _of_last(record: RolloutRecord, findings: Sequence[Finding]) -> dg.AssetCheckEvaluation:
    made = evaluation(record.location, Topic.LAST_ROLLOUT, findings)
    told = {**made.metadata, "rollout": dg.MetadataValue.text(metadata.headline(record))}
    told["requested by"] = dg.MetadataValue.text(f"{record.by} ({record.action})")
    if record.run_id:
        told["run"] = dg.MetadataValue.dagster_run(record.run_id)
    return _with_metadata(made, told)


def _with_metadata(
    one: dg.AssetCheckEvaluation, told: Mapping[str, dg.MetadataValue]
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=one.asset_key,
        check_name=one.check_name,
        passed=one.passed,
        severity=one.severity,
        description=one.description,
        metadata=told,
    )


def _source(record: RolloutRecord) -> str | None:
    """Return the sentence for a repository that this rollout has asked for the ref that is configured."""
    release = record.release
    if release is None or release.revision.repository is None:
        return None
    asked = record.action in ("redeploy", "follow") and release.revision.ref == release.location.ref
    if not asked and record.previous is not None:
        return None
    return f"{release.location.ref or 'HEAD'} led to {release.revision.short}, which serves."


def repeated(
    instance: dg.DagsterInstance, component: str, topics: Sequence[Topic]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the last evaluation of each check that has one, as it was."""
    for topic in topics:
        newest = _newest(instance, dg.AssetCheckKey(key(component), topic.value))
        if newest is not None and newest.evaluation is not None:
            at = dg.MetadataValue.timestamp(newest.create_timestamp)
            yield _with_metadata(newest.evaluation, {AS_OF: at, **newest.evaluation.metadata})


def excused(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]) -> list[dg.AssetCheckKey]:
    """Return the checks whose last evaluation says that a deploy is under way."""

    def is_excused(asked: dg.AssetCheckKey) -> bool:
        newest = _newest(instance, asked)
        last = newest.evaluation if newest else None
        reason = last.metadata.get(BECAUSE) if last else None
        return reason is not None and reason.value == DEPLOY

    return [asked for asked in checks if is_excused(asked)]


def is_lasting(instance: dg.DagsterInstance, component: str) -> bool:
    """Return whether the component was not well at the previous check either."""
    newest = _newest(instance, dg.AssetCheckKey(key(component), Topic.HEALTHY.value))
    return newest is not None and newest.status is AssetCheckExecutionRecordStatus.FAILED


def _newest(instance: dg.DagsterInstance, asked: dg.AssetCheckKey) -> AssetCheckExecutionRecord | None:
    """Return the record of the check's last evaluation; None where it has none."""
    history = instance.event_log_storage.get_asset_check_execution_history
    return next(iter(history(asked, limit=1, status=LOOKED)), None)
