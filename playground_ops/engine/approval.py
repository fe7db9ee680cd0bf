"""Manual approval of a candidate, as the last gate before the switch.

The decision is stored with the candidate in the target, so whoever may change the stack can give it from
anywhere, and it goes away with a rollout that dies.
"""

from dataclasses import dataclass

from playground_ops.core.changes import Changes
from playground_ops.core.errors import BadInput, Finding, FindingKind, RolloutFailed, certain, transient
from playground_ops.core.model import Phase, Release, ReleaseState, Verdict
from playground_ops.core.target import Target
from playground_ops.engine.context import RolloutContext
from playground_ops.engine.journal import Journal

LOOK_SECONDS = 2.0


def wait_for_approval(context: RolloutContext, release: Release, journal: Journal) -> None:
    """Wait for approval. Raises RolloutFailed on a rejection, at the deadline, or when the server ends."""
    name, seconds = release.location.name, release.location.approval_timeout_seconds

    def asked() -> Verdict | None:
        return context.retrying("approval", lambda: context.target.verdict(release))

    changes = journal.record.changes
    told = f"; {changes.sentence()}" if changes else ""
    journal.phase(Phase.APPROVE, f"up to {seconds} s for `approve {name}` or `reject {name}`{told}")
    journal.save(Phase.APPROVE)
    deadline = context.clock.monotonic() + seconds
    while (verdict := asked()) is None:
        if context.clock.monotonic() >= deadline:
            raise RolloutFailed(_nobody(release, seconds))
        seen = context.target.observe(release)
        if seen.finding is not None and seen.finding.kind is FindingKind.CERTAIN:
            raise RolloutFailed(seen.finding)
        journal.check()
        context.lock.check()
        context.clock.sleep(LOOK_SECONDS)
    if not verdict.approved:
        raise RolloutFailed(_rejected(release, verdict))
    journal.approved(verdict)


@dataclass(frozen=True)
class Decided:
    """The candidate that a person decided about, and what it changes, as far as that is known."""

    release: Release
    changes: Changes | None


def decide(target: Target, location: str, verdict: Verdict) -> Decided:
    """Store a person's decision with the candidate that waits for it. Raises BadInput when none does."""
    last = next(reversed(target.records(location)), None)
    waiting = last if last and last.outcome is None and last.phase is Phase.APPROVE else None
    for live in target.releases(location):
        if waiting and live.state is ReleaseState.CANDIDATE and live.release == waiting.release:
            target.decide(live.release, verdict)
            return Decided(live.release, waiting.changes)
    raise BadInput(_none_waits(location))


def _rejected(release: Release, verdict: Verdict) -> Finding:
    return certain(
        object=f"release/{release.name}",
        observed=f"It was rejected by {verdict.by}{f': {verdict.reason}' if verdict.reason else '.'}",
        cause="Somebody looked at it and said no.",
        fix="Push another commit; or force it, and approve.",
    )


def _nobody(release: Release, seconds: int) -> Finding:
    return transient(
        object=f"release/{release.name}",
        observed=f"Nobody approved or rejected it within {seconds} s.",
        cause=f"Location {release.location.name} has `approval: manual`.",
        fix="Redeploy, and have somebody approve; or raise `approval_timeout_seconds`.",
    )


def _none_waits(location: str) -> Finding:
    return certain(
        object=f"location/{location}",
        observed="No candidate of it waits for approval.",
        cause="Its rollout is not that far, has ended, or the location has no `approval: manual`.",
        fix=f"`status` shows how far it is; `history {location}` how it ended.",
    )
