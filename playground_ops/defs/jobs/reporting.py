"""What ops report to Dagster about rollouts: asset events, and the run's failure in a sentence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import Outcome, RolloutRecord
from playground_ops.core.progress import RolloutCancelled
from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.defs.evaluations import after_rollout

Event = dg.AssetMaterialization | dg.AssetObservation
Reported = Event | dg.AssetCheckEvaluation


def event(record: RolloutRecord) -> Event:
    """Return a materialization for a release that began to serve, else an observation with the reason."""
    details = metadata.of_rollout(record)
    if record.outcome is Outcome.DONE:
        return dg.AssetMaterialization(
            key(record.location),
            description=metadata.headline(record),
            metadata=details,
            tags={"playground/release": str(record.release.number)} if record.release else None,
        )
    return dg.AssetObservation(key(record.location), description=metadata.headline(record), metadata=details)


def events(instance: dg.DagsterInstance, records: Sequence[RolloutRecord]) -> Iterator[Reported]:
    """Yield one event per rollout that did something, and then the checks that it has settled."""
    for record in records:
        if record.outcome not in (None, Outcome.UNCHANGED):
            yield event(record)
        yield from after_rollout(instance, record)


def records_of(failures: Sequence[BaseException]) -> list[RolloutRecord]:
    """Return the records of rollouts that failed or were cancelled."""
    found = [error.record for error in failures if isinstance(error, (PlaygroundError, RolloutCancelled))]
    return [record for record in found if isinstance(record, RolloutRecord)]


def failure(findings: Sequence[Finding], log_tail: str = "") -> dg.Failure:
    """Return the failure with its cause first: the run's page shows that of the failed step."""
    details: metadata.Metadata = {}
    for number, finding in enumerate(findings, start=1):
        for name, value in metadata.of_finding(finding, log_tail if number == 1 else "").items():
            details[name if number == 1 else f"{name} ({number})"] = value
    return dg.Failure(description=metadata.sentence(findings), metadata=details, allow_retries=False)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error within the block into the failure of the op, with its findings."""
    try:
        yield
    except PlaygroundError as error:
        raise failure(error.findings) from None


def raise_failures(failures: Sequence[BaseException], records: Sequence[RolloutRecord]) -> None:
    """Raise one dg.Failure about all of them, with the last lines of the first one's log."""
    unexplained = [error for error in failures if not isinstance(error, PlaygroundError)]
    if unexplained:
        raise unexplained[0]
    findings = [
        finding for error in failures if isinstance(error, PlaygroundError) for finding in error.findings
    ]
    if findings:
        tail = next((record.log_tail for record in records if record.finding == findings[0]), "")
        raise failure(findings, tail) from None  # the run page shows the chain, which says it all again
