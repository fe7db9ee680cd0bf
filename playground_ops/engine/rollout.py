"""A rollout: one location goes to one commit with nobody noticing, or stays where it is and reports why."""

from contextlib import suppress
from dataclasses import replace

from playground_ops.config import OPS
from playground_ops.core import decisions, served
from playground_ops.core.errors import Finding, PlaygroundError, RolloutFailed, certain, transient
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import (
    LiveRelease,
    Location,
    Observation,
    Phase,
    Release,
    Revision,
    RolloutRecord,
    ServerStatus,
)
from playground_ops.core.redact import redact
from playground_ops.core.target import Target
from playground_ops.diagnose.git_errors import is_lacking
from playground_ops.engine.approval import wait_for_approval
from playground_ops.engine.changing import Serving, ask, ask_candidate, changes_against
from playground_ops.engine.collisions import Collisions
from playground_ops.engine.context import Engine, Origin, Request, RolloutContext, Waiting
from playground_ops.engine.gates import (
    commit_is_the_one_asked_for,
    nothing_is_lost,
    stays_in_its_deployment,
    there_is_room,
    what_moves_is_known,
)
from playground_ops.engine.journal import Journal
from playground_ops.engine.recovery import recover, retire_old_ones, take_away
from playground_ops.engine.switching import switch_to

LOOK_SECONDS = 4.0
"""Seconds between two observations of a candidate, also where no event reports a change."""


def roll_out(engine: Engine, request: Request) -> RolloutRecord:
    """Make a rollout. Raises LockHeld, RolloutCancelled or RolloutFailed (what served still serves)."""
    with engine.locked(request) as context:
        before = recover(context, request.location.name)
        return Rollout(context, before, request).run()


class Rollout:
    """One rollout under way, its lock held."""

    def __init__(self, context: RolloutContext, before: Target, request: Request) -> None:
        """Prepare the rollout; `before` is the target as it was when the rollout began."""
        self.before = before
        self.journal = Journal(context, request)
        self.context = replace(context, progress=self.journal)
        self.request, self.location = request, request.location
        self.target, self.lock = context.target, context.lock
        self.candidate: Release | None = None
        self.serving = Serving()
        self.is_described = False

    def run(self) -> RolloutRecord:
        live = self.before.releases(self.location.name)
        previous = decisions.serving(live)
        self.journal.began_from(previous)
        try:
            stays_in_its_deployment(self.location, previous.release if previous else None)
            revision = self._resolve()
            if not self.request.force and decisions.is_unchanged(
                previous, revision, self.request.configuration
            ):
                failed = decisions.last_failure(self.before.records(self.location.name))
                asked = failed is not None and self.request.action != "heal"
                return self.journal.unchanged_at_last() if asked else self.journal.unchanged()
            self._refuse_what_was_rejected(revision)
            self._has_room(previous)
            revision = self._fetch(revision)
            self.candidate = self._start(revision, previous.release if previous else None)
            self._verify(self.candidate)
            if previous is not None:
                self._be_approved(self.candidate)
            self._switch(self.candidate, previous.release if previous else None)
        except BaseException as raised:
            error = self._explained(raised)
            record = self._undo(error)
            if record.finding is not None and not isinstance(error, PlaygroundError):
                unforeseen = RolloutFailed(record.finding)
                unforeseen.record = record
                raise unforeseen from error
            if error is not raised:
                raise error from raised
            raise
        after = served.switched(live, self.candidate)
        records = self.journal.with_this(self.before.records(self.location.name))
        warm = served.kept_warm(records, after)
        kept = f"release {warm.release.number} is kept warm" if warm else "nothing served before it"
        self.journal.phase(Phase.RETIRE, kept)
        retire_old_ones(self.target, after, records)
        return self.journal.done()

    def _resolve(self) -> Revision:
        ref = self.request.ref or self.location.ref
        self.journal.phase(Phase.RESOLVE, f"{ref or 'HEAD'} of {self.location.repository or 'this project'}")
        revision = self.request.revision or self.context.retrying(
            "resolving", lambda: self.target.resolve(self.location, self.request.ref)
        )
        self.journal.resolved(revision)
        return revision

    def _fetch(self, revision: Revision) -> Revision:
        fetched = self.context.retrying(
            "fetching", lambda: self.target.fetch(self.location, revision, self._say)
        )
        self.journal.resolved(fetched)
        return fetched

    def _refuse_what_was_rejected(self, revision: Revision) -> None:
        if self.request.force:
            return
        records = self.before.records(self.location.name)
        rejected = decisions.rejection(records, revision.commit, self.request.configuration)
        if rejected is not None and rejected.finding is not None:
            raise RolloutFailed(
                rejected.finding.model_copy(
                    update={
                        "observed": f"Commit {revision.short} was rejected at {rejected.started_at}: "
                        f"{rejected.finding.observed}",
                        "fix": f"{rejected.finding.fix} Or force it.",
                    }
                )
            )

    def _has_room(self, previous: LiveRelease | None) -> None:
        asked = self.request
        if self.location.name == OPS.name:
            return
        again = asked.force or asked.rollback_of or asked.action == "heal"
        for warning in there_is_room(self.target, self.location, is_bound=previous is not None and not again):
            self.journal.warn(warning)

    def _start(self, revision: Revision, previous: Release | None) -> Release:
        release = Release(
            location=self.location,
            number=self.before.next_number(self.location.name),
            revision=revision,
            configuration=self.request.configuration,
            created_at=self.context.clock.utc_now(),
            rollback_of=self.request.rollback_of,
        )
        self.candidate = release
        self.lock.check()
        self.journal.started(release)
        self.context.retrying("starting", lambda: self.target.start(release, self._say))
        self.serving = ask(self.target, previous)
        self._wait_until_ready(release)
        return self._described(release)

    def _described(self, release: Release) -> Release:
        """Return the candidate with what its own checkout tells, and warn of what is missing there."""
        found, self.is_described = self.target.checkout(release), True
        if found.subject:
            words = {"subject": found.subject, "author": found.author}
            revision = release.revision.model_copy(update=words)
            self.candidate = release = release.model_copy(update={"revision": revision})
            self.journal.described(release)
        for warning in found.warnings:
            self.journal.warn(warning)
        return release

    def _say(self, message: str) -> None:
        self.context.progress.check()
        self.context.progress.say(message)

    def _wait_until_ready(self, release: Release) -> None:
        seconds = (self.location.startup_timeout_seconds, self.location.prepare_timeout_seconds)
        waiting = Waiting(self.context.clock, self.context.timeouts, *seconds)
        reported = ""
        while True:
            seen = self.target.observe(release)
            if seen.status is ServerStatus.READY:
                return
            if seen.status is ServerStatus.FAILED and seen.finding is not None:
                raise RolloutFailed(seen.finding)
            remaining = waiting.left(seen)
            if remaining <= 0:
                raise RolloutFailed(seen.finding or _never_ready(release, seen))
            if (message := _waits_for(seen, waiting.allowed(seen))) != reported:
                reported = message
                self._say(reported)
            self.context.progress.check()
            self.target.wait(release, min(remaining, LOOK_SECONDS))

    def _verify(self, release: Release) -> None:
        self.journal.phase(Phase.VERIFY, "asking the server what it loaded")
        loaded = ask_candidate(self.context, release)
        commit_is_the_one_asked_for(release, loaded, self.target.expected_directories(release))
        self.journal.compared(changes_against(self.serving, loaded))
        self._keeps(release, loaded)
        self.collisions = Collisions(self.context, self.request, release, self.serving.release)
        self.collisions.look(loaded)
        self.target.smoke(release, self._say)
        self.lock.check()
        stopped_now = self.context.retrying(
            "schedules and sensors", lambda: self.target.set_automation(release, loaded)
        )
        for stopped in stopped_now:
            self.context.progress.say(f"automation is {self.location.automation}: {stopped}")

    def _keeps(self, release: Release, loaded: LoadedCode) -> None:
        """Check `must_keep`, and what moves. A rollback or a forced rollout may lose it: they skip this."""
        if self.serving.release is None or self.request.force or self.request.rollback_of:
            return
        if self.serving.loaded is not None:
            nothing_is_lost(release, loaded, self.serving.loaded)
            what_moves_is_known(release, loaded, self.serving.loaded)
        elif self.location.must_keep:
            self.journal.warn(f"nobody knows what would be lost: {self.serving.silence}")

    def _be_approved(self, release: Release) -> None:
        """Wait for approval where configured. A rollback needs none, and what is healed was approved."""
        heals = self.request.action == "heal"
        if self.location.approval == "manual" and not self.request.rollback_of and not heals:
            wait_for_approval(self.context, release, self.journal)

    def _switch(self, release: Release, previous: Release | None) -> None:
        self.context.progress.check()
        self.journal.save(Phase.SWITCH)
        self.collisions.look_again()
        switch_to(self.context, release, previous, self.collisions.look_at_both)

    def _explained(self, error: BaseException) -> BaseException:
        """Return an error that names both repositories where a promoted commit is not in the location's."""
        origin = self.request.origin
        if origin is None or not isinstance(error, PlaygroundError) or not is_lacking(error.finding):
            return error
        return RolloutFailed(_not_there_too(self.location, origin, error.finding))

    def _undo(self, error: BaseException) -> RolloutRecord:
        """Keep the log's tail, then remove the candidate. Nothing is touched when the lock is lost."""
        self.lock.check()
        if isinstance(error, PlaygroundError):
            stays = "it fails" if self.journal.record.previous is None else "it fails, what serves stays"
            self.context.progress.say(f"{stays}: {error.finding.sentence()}")
        tail = self.target.tail(self.candidate, 40) if self.candidate else ""
        if self.candidate is not None:
            if not self.is_described:
                with suppress(PlaygroundError):  # which commit it was is of use, and no more
                    self._described(self.candidate)
            live = self.target.releases(self.location.name)
            found = next((one for one in live if one.release == self.candidate), None)
            if found is not None:
                take_away(self.target, found)
            else:
                self.target.remove(self.candidate)
        return self.journal.failed(error, tail)


def _waits_for(seen: Observation, seconds: float) -> str:
    coming = ", for which an autoscaler makes room" if seen.room_is_coming else ""
    if seen.finding is None:
        return f"waiting up to {seconds:g} s: {seen.message}"
    return f"waiting up to {seconds:g} s for this to pass: {seen.message}{coming}"


def _not_there_too(location: Location, origin: Origin, found: Finding) -> Finding:
    name, own = location.name, redact(location.repository or "")
    return certain(
        object=f"location/{name}",
        observed=f"The commit that {origin.location} serves is not in {own}.",
        cause=f"{origin.location} has it from {redact(origin.repository or '')}. A promotion moves a commit, "
        f"and {name} keeps its own repository.",
        fix=f"Push the commit to {own}, or give {name} the repository of {origin.location} in the "
        "configuration.",
        evidence=found.evidence,
        whose="surroundings",
    )


def _never_ready(release: Release, seen: Observation) -> Finding:
    seconds, told = release.location.startup_timeout_seconds, seen.message.rstrip(".")
    if not seen.imports:
        return transient(
            object=f"release/{release.name}",
            observed=f"Its server was not even started within {seconds} s: {told}.",
            cause="The image is large, the repository is, packages are many or slow to come, or the node has "
            "much to do.",
            fix="Redeploy: what was fetched is kept. Or raise startup_timeout_seconds for this location.",
        )
    return certain(
        object=f"release/{release.name}",
        observed=f"The server did not answer within {seconds} s ({told}).",
        cause="Importing the definitions hangs or takes longer than that: a connection, a download or a "
        "loop at module level.",
        fix="Move slow work out of module level, or raise startup_timeout_seconds for this location.",
    )
