"""The record of one rollout while it is being written.

The record is saved at each step that the next rollout would need to know of, so that a rollout that is killed
leaves a readable account of how far it came. A rollout that changes nothing saves nothing.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from playground_ops.core.changes import Changes
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.model import LiveRelease, Outcome, Phase, Release, Revision, RolloutRecord, Verdict
from playground_ops.core.progress import RolloutCancelled
from playground_ops.engine.context import Engine, Request


class Journal:
    """Writes the record. It is also a Progress, so that all phases are timed in the same record."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._target, self._progress, self._clock = engine.target, engine.progress, engine.clock
        self._phase_began = self._clock.monotonic()
        self.record = RolloutRecord(
            location=request.location.name,
            id=uuid4().hex,
            by=request.by,
            action=request.action,
            started_at=self._clock.utc_now(),
            configuration=request.configuration,
            run_id=request.run_id,
        )

    def phase(self, phase: Phase, message: str) -> None:
        self._time_the_phase()
        self._set(phase=phase)
        self._progress.phase(phase, message)

    def serves(self, release: Release, seconds: float) -> None:
        self._time_the_phase()
        self._set(phase=Phase.WATCH)
        self._progress.serves(release, seconds)

    def say(self, message: str) -> None:
        self._progress.say(message)

    def warn(self, message: str) -> None:
        self._set(warnings=(*self.record.warnings, message))
        self._progress.warn(message)

    def approved(self, verdict: Verdict) -> None:
        self._set(approved_by=f"{verdict.by}{f': {verdict.reason}' if verdict.reason else ''}")
        self._progress.say(f"approved by {self.record.approved_by}")

    def check(self) -> None:
        self._progress.check()

    def began_from(self, previous: LiveRelease | None) -> None:
        if previous is not None:
            release = previous.release
            self._set(previous=release.number, previous_commit=release.revision.commit)

    def resolved(self, revision: Revision) -> None:
        self._set(revision=revision)

    def described(self, release: Release) -> None:
        """Note what is known of the candidate's commit by now; the next save has it."""
        self._set(release=release, revision=release.revision)

    def compared(self, changes: Changes) -> None:
        """Tell what changes; the next save has it."""
        self._set(changes=changes)
        self._progress.say(changes.sentence())

    def started(self, release: Release) -> None:
        self.phase(Phase.START, f"release {release.number} at {release.revision.short}")
        self._set(release=release)
        self._target.record(self.record)

    def went_back_to(self, release: Release) -> None:
        self._set(release=release, phase=Phase.SWITCH)
        self._target.record(self.record)

    def save(self, phase: Phase) -> None:
        """Record that `phase` is about to begin."""
        self._target.record(self.record.model_copy(update={"phase": phase}))

    def with_this(self, records: Sequence[RolloutRecord]) -> list[RolloutRecord]:
        """Return the location's records with this rollout's as it will be once it has ended well."""
        done = self.record.model_copy(update={"outcome": Outcome.DONE})
        return [*(one for one in records if one.id != done.id), done]

    def unchanged(self) -> RolloutRecord:
        self._progress.say("nothing to do: this commit serves already with this configuration")
        return self.record.model_copy(update={"outcome": Outcome.UNCHANGED})

    def unchanged_at_last(self) -> RolloutRecord:
        """End a rollout that finds, after one that failed, that what is asked for serves. It is on record."""
        self.unchanged()
        return self._end(Outcome.UNCHANGED)

    def done(self) -> RolloutRecord:
        return self._end(Outcome.DONE)

    def failed(self, error: BaseException, tail: str) -> RolloutRecord:
        """End the record as failed or cancelled, and attach it to the error for whoever handles that."""
        if isinstance(error, PlaygroundError):
            error.record = self._end(Outcome.FAILED, finding=error.finding, log_tail=tail)
        elif isinstance(error, RolloutCancelled):
            error.record = self._end(Outcome.CANCELLED, log_tail=tail)
        elif not isinstance(error, Exception):
            self._end(Outcome.CANCELLED, log_tail=tail)
        else:
            self._end(Outcome.FAILED, finding=_unexpected(self.record.location, error), log_tail=tail)
        return self.record

    def _end(self, outcome: Outcome, **fields: Any) -> RolloutRecord:
        self._time_the_phase()
        self._set(outcome=outcome, ended_at=self._clock.utc_now(), **fields)
        self._target.record(self.record)
        return self.record

    def _time_the_phase(self) -> None:
        now = self._clock.monotonic()
        durations = dict(self.record.durations)
        name = self.record.phase.value
        durations[name] = round(durations.get(name, 0.0) + now - self._phase_began, 3)
        self._phase_began = now
        self._set(durations=durations)

    def _set(self, **fields: Any) -> None:
        self.record = self.record.model_copy(update=fields)


def _unexpected(location: str, error: Exception) -> Finding:
    return transient(
        object=f"location/{location}",
        observed=f"{type(error).__name__}: {error}",
        cause="Something that this program does not foresee.",
        fix="Redeploy; if it happens again, report it with the run's log.",
    )
