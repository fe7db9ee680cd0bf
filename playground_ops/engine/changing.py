"""What a rollout changes: what serves is asked once, while the candidate starts, and compared with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.core.changes import Changes, changes
from playground_ops.core.errors import PlaygroundError, RolloutFailed
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import Release, RolloutRecord, ServerStatus
from playground_ops.core.target import Target
from playground_ops.engine.compare import differences
from playground_ops.engine.context import RolloutContext

ASK_SECONDS = 20.0
"""For what serves to tell what it has loaded. A large project takes seconds; most answer within 0.1 s."""


@dataclass(frozen=True)
class Serving:
    """What serves as a rollout begins, as far as its server tells."""

    release: Release | None = None
    loaded: LoadedCode | None = None
    silence: str = ""
    """Why it told nothing."""


def ask(target: Target, release: Release | None) -> Serving:
    """Ask what serves. Raises nothing for a server that does not answer: that holds no rollout back."""
    if release is None:
        return Serving()
    try:
        return Serving(release, target.inspect(release, ASK_SECONDS))
    except PlaygroundError as error:
        return Serving(release, silence=error.finding.observed)


def ask_candidate(context: RolloutContext, release: Release) -> LoadedCode:
    """Ask a candidate that was ready, again where it does not answer. Raises PlaygroundError.

    A busy node keeps a good server from answering in time. One that failed meanwhile is not asked again: what
    is observed of it tells the cause.
    """

    def asked() -> LoadedCode:
        try:
            return context.target.inspect(release)
        except RolloutFailed:
            raise
        except PlaygroundError as error:
            seen = context.target.observe(release)
            if seen.status is ServerStatus.FAILED and seen.finding is not None:
                raise RolloutFailed(seen.finding) from error
            raise

    return context.retrying("asking the server", asked)


def changes_against(serving: Serving, loaded: LoadedCode) -> Changes:
    """Return what a candidate that has loaded this changes."""
    if serving.release is None:
        return changes(differences((), loaded.defined), None)
    if serving.loaded is None:
        return Changes(against=serving.release.number, unknown=serving.silence)
    found = changes(differences(serving.loaded.defined, loaded.defined), serving.release.number)
    versions = (serving.loaded.dagster_version, loaded.dagster_version)
    return found if versions[0] == versions[1] else found.model_copy(update={"dagster": versions})


def changes_on_record(records: Sequence[RolloutRecord], now: Release, to: Release) -> Changes:
    """Return what a switch from one release to the other changes, as a rollout between them has found.

    No server is asked: a rollback to a release that is kept warm takes a second in all.
    """
    for record in reversed(records):
        found = record.changes
        if found is None or found.unknown or found.against is None or record.release is None:
            continue
        if (found.against, record.release.number) == (now.number, to.number):
            return found
        if (record.release.number, found.against) == (now.number, to.number):
            return found.turned_round(now.number)
    return Changes(against=now.number, unknown="no rollout on record went from one to the other")
