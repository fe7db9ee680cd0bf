"""A Target in memory, for the engine's tests: it stands in for processes or a cluster.

It is as strict as they are: a release can't be served before it was started, a number is never reused, a lock
has one holder. What a server does is scripted by the commit it is started from. The `World` outlives the
`FakeTarget`, as processes and files outlive the engine that is killed: a test kills an engine by letting
method call N, and every later one, raise `Killed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.core.checkout import Checkout
from playground_ops.core.component import (
    Backup,
    Component,
    ComponentStatus,
    Database,
    Deploying,
    Overview,
    Storage,
)
from playground_ops.core.errors import Finding, FindingKind, LockHeld, PlaygroundError, RolloutFailed
from playground_ops.core.files import Kept, SharedFiles
from playground_ops.core.formats import OWN, StoredFormat
from playground_ops.core.loaded import Automation, Defined, LoadedCode, Shown
from playground_ops.core.model import (
    MAIN,
    LiveRelease,
    Location,
    Observation,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
    ServerStatus,
    Verdict,
)
from playground_ops.core.moving import Move, Moved
from playground_ops.core.plan import Change, Plan, plan
from playground_ops.core.produced import Launch, Produced, RunSeen, Wanted
from playground_ops.diagnose.git_errors import lacking

if TYPE_CHECKING:
    from playground_ops.config import Configuration


class Killed(BaseException):
    """The engine's process ends here: nothing it does afterwards has an effect."""


BEGINNING = datetime(2030, 1, 1, tzinfo=timezone.utc)


class FakeClock:
    """A clock that moves only when somebody sleeps or waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc_now(self) -> str:
        return (BEGINNING + timedelta(seconds=self.now)).isoformat(timespec="milliseconds")

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def finding(kind: FindingKind = FindingKind.CERTAIN, observed: str = "ImportError: boom") -> Finding:
    return Finding(kind=kind, object="release/x", observed=observed, cause="a cause", fix="a fix")


GOOD, BROKEN, HANGS, DIES_AFTER_SWITCH, WRONG_COMMIT, NEVER_SHOWN, REFUSES, TICKS_BADLY = (
    "good",
    "broken",
    "hangs",
    "dies after the switch",
    "wrong commit",
    "never shown",
    "refuses",
    "ticks badly",
)
DIES_WHILE_WATCHED, REPLACED, NO_SECRET = "dies while watched", "replaced while watched", "no secret"
"""Behaviours that random histories do not use."""
LOOKS = 4
"""Observations for which such a release seems well."""
BEHAVIOURS = (GOOD, BROKEN, HANGS, DIES_AFTER_SWITCH, WRONG_COMMIT, NEVER_SHOWN, REFUSES)


@dataclass
class World:
    """What exists, independent of the engine."""

    clock: FakeClock = field(default_factory=FakeClock)
    behaviour: dict[str, str] = field(default_factory=dict)
    """The server's behaviour by commit."""
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    """What a commit's checkout tells, by commit."""
    defined: dict[str, list[Defined]] = field(default_factory=dict)
    """Definitions by commit."""
    silent_servers: set[str] = field(default_factory=set)
    """By the name of their releases: servers that accept a question and never answer."""
    assets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys of assets by commit; others have one that begins with the location's name."""
    heads: dict[str, str] = field(default_factory=dict)
    """By location: the commit that its ref leads to."""
    artifacts: Path = field(default_factory=Path)
    lacking: dict[str, set[str]] = field(default_factory=dict)
    """By repository: commits that only others have."""
    resolve_failures: int = 0
    """How many times resolving fails for a passing reason."""
    silent: Sequence[str] = ()
    """Daemons without a heartbeat for a while."""
    overview: Overview | None = field(default_factory=Overview)
    """Dagster's report on its daemons, runs and ticks; None while the webserver does not answer."""
    deploy: Deploying | None = None
    """The mark of a deploy."""
    files: SharedFiles = SharedFiles()  # noqa: RUF009 frozen
    of_runs: Kept | None = None
    limits: Sequence[str] = ("before",)
    """The configurations whose pods may be made."""
    storage: Storage | PlaygroundError = Storage(database=Database(bytes_used=4096))  # noqa: RUF009 frozen
    lock_failures: int = 0
    """How many times asking for the lock gets no answer."""
    releases: dict[str, dict[int, Release]] = field(default_factory=dict)
    misses_switches: bool = False
    """Whether the webserver keeps showing what served before, like one that was just started."""
    missed: dict[str, int] = field(default_factory=dict)
    """By location: what served before the last switch, until the webserver reloads it."""
    served: dict[str, dict[int, int]] = field(default_factory=dict)
    draining: dict[str, set[int]] = field(default_factory=dict)
    serving: dict[str, int] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    records: dict[str, dict[str, RolloutRecord]] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    """Queries for what the webserver shows of a release that is not well for long."""
    automations: dict[str, list[Automation]] = field(default_factory=dict)
    """Schedules and sensors by commit."""
    states: dict[Automation, str] = field(default_factory=dict)
    """What the daemon knows of them: `stopped`, or a cursor."""
    ticking: dict[Automation, int] = field(default_factory=dict)
    """For how many looks a tick is under way."""
    awaited: dict[str, set[int]] = field(default_factory=dict)
    """By location: the releases that queued runs are to start on."""
    made: dict[str, dict[str, Produced]] = field(default_factory=dict)
    """By location and key: what it has made last."""
    makes: dict[str, dict[str, Produced | Finding]] = field(default_factory=dict)
    """By location and key: what a run makes, or why it fails."""
    runs: dict[str, Launch] = field(default_factory=dict)
    """Every launched run, by its id."""
    run_looks: dict[str, int] = field(default_factory=dict)
    """By location: how often a run is seen before it is over; a negative number for one that never is."""
    away: set[str] = field(default_factory=set)
    """Deployments whose database does not answer."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    ticks: int = 0
    verbs: list[str] = field(default_factory=list)
    """Every method call that had an effect, in order."""

    def of(self, release: Release) -> str:
        return self.behaviour.get(release.revision.commit, GOOD)

    def assets_of(self, release: Release) -> tuple[str, ...]:
        return self.assets.get(release.revision.commit, (f"{release.location.name}/numbers",))

    def serving_release(self, location: str) -> Release | None:
        number = self.serving.get(location)
        return self.releases[location][number] if number is not None else None


class FakeLock:
    def __init__(self, target: FakeTarget) -> None:
        self._target = target

    def check(self) -> None:
        self._target.step("check")


class FakeFiles:
    """Files that a test writes down, and what it is asked to cut."""

    def __init__(self, world: World) -> None:
        self.world = world

    def kept(self, locations: Sequence[str], seconds: float) -> SharedFiles:
        whole = self.world.files
        kept = {name: one for name, one in whole.kept.items() if name in locations}
        return whole.model_copy(update={"kept": kept})

    def of_runs(self, seconds: float) -> Kept | None:
        return self.world.of_runs

    def cut_logs(self, most: int) -> Sequence[str]:
        return ()


class FakeStack:
    def __init__(self, world: World) -> None:
        self.world = world
        self.files = FakeFiles(world)
        self.wanted: list[Component] = []
        self.live: list[Component] = []
        self.limits_change = False
        """Whether what is applied sets other limits."""
        self.applied: list[Sequence[str]] = []

    def components(self) -> Sequence[Component]:
        return self.live

    def plan(self, configuration: Configuration) -> Plan:
        return plan(self.wanted, self.live)

    @contextmanager
    def deploying(self, by: str) -> Iterator[None]:
        mine, killed = Deploying(by=by, since=self.world.clock.utc_now()), False
        self.world.deploy = mine
        try:
            yield
        except Killed:
            killed = True
            raise
        finally:
            if self.world.deploy is mine:  # else a later one has the mark
                dead = mine.model_copy(update={"is_alive": False})
                self.world.deploy = dead if killed or len(self.world.limits) > 1 else None

    def deploy_under_way(self) -> Deploying | None:
        return self.world.deploy

    def stored_format(self) -> StoredFormat | None:
        return StoredFormat(mark=OWN) if self.live else None

    def migrate(self, say: Any) -> None:
        """It stores nothing that has a format."""

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Any) -> None:
        self.applied.append([change.component for change in changed])
        if self.limits_change:
            self.world.limits = (*self.world.limits, "after")

    def finish(self, configuration: Configuration, changed: Sequence[Change], say: Any) -> None:
        self.world.limits = self.world.limits[-1:]

    def missing(self, configuration: Configuration) -> Mapping[str, Sequence[Finding]]:
        return {}

    def component_status(self) -> Sequence[ComponentStatus]:
        return [
            ComponentStatus(name=found.name, kind=found.kind, ready=True)
            for found in self.wanted
            if found.kind != "location"
        ]

    def wait_for_change(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    def artifacts(self) -> Path:
        return self.world.artifacts

    def collect(self) -> Iterator[tuple[str, str]]:
        yield "logs/webserver.log", "token=hunter2 is wrong"

    def withdraw(self, location: str) -> None:
        self.world.serving.pop(location, None)
        self.world.draining[location] = {*self.world.releases.get(location, ())}

    def ui_address(self, deployment: str = MAIN) -> str | None:
        return "http://127.0.0.1:3000"

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        return iter(())

    def back_up(self, say: Any) -> Sequence[Backup]:
        return [Backup(file="/backups/1.backup", bytes=1)]

    def down(self, say: Any, grace_seconds: float | None) -> None:
        self.world.serving.clear()

    def delete_data(self) -> None:
        self.world.records.clear()


class FakeWebserver:
    """The webserver of one deployment: as a real one, it knows the locations of no other."""

    def __init__(self, target: FakeTarget, deployment: str) -> None:
        self.target, self.world, self.deployment = target, target.world, deployment

    def shown(self, location: str) -> Shown:
        self.target.step("shown")
        if self.world.overview is None:
            return Shown(error="it does not answer (http://fake)", is_away=True)
        now = self.world.serving_release(location)
        if now is None or self.world.of(now) == NEVER_SHOWN or now.location.deployment != self.deployment:
            return Shown(error="nothing")
        if self.world.of(now) in (DIES_WHILE_WATCHED, REPLACED):
            self.world.looks += 1
            if self.world.looks > LOOKS and self.world.of(now) == DIES_WHILE_WATCHED:
                self.world.dead.add(now.name)
        if self.world.misses_switches and (before := self.world.missed.get(location)):
            return Shown(server_id=f"{location}-{before}")
        return Shown(server_id=self.target.server_id(now))

    def asset_keys(self) -> Mapping[str, Sequence[str]] | None:
        self.target.step("asset_keys")
        if self.world.overview is None:
            return None
        return {name: self.world.assets_of(release) for name, release in self._loaded().items()}

    def servers(self) -> Mapping[str, str]:
        self.target.step("servers")
        if self.world.overview is None:
            return {}
        return {name: self.target.server_id(release) for name, release in self._loaded().items()}

    def _loaded(self) -> dict[str, Release]:
        """Return what its workspace has and answers."""
        serving = {name: self.world.serving_release(name) for name in sorted(self.world.serving)}
        return {
            name: release
            for name, release in serving.items()
            if release and release.location.deployment == self.deployment
            if release.name not in self.world.dead
        }

    def reload(self, location: str) -> None:
        with self.target.effect("reload"):
            self.world.missed.pop(location, None)

    def troubles(self, location: str) -> Mapping[str, Finding]:
        self.target.step("troubles")
        now = self.world.serving_release(location)
        return {"sensor/x": finding()} if now and self.world.of(now) == TICKS_BADLY else {}

    def silent_daemons(self) -> Sequence[str]:
        self.target.step("silent_daemons")
        return self.world.silent

    def overview(self) -> Overview | None:
        return self.world.overview

    def launch(self, asked: Launch) -> str:
        with self.target.effect("launch"):
            now = self.world.serving_release(asked.location)
            if self.world.overview is None:
                raise PlaygroundError(finding(FindingKind.TRANSIENT, "the webserver does not answer."))
            if now is None or now.location.deployment != self.deployment:
                raise AssertionError(f"the webserver of {self.deployment} knows no {asked.location}")
            known = {
                (one.repository, one.name)
                for one in self.world.defined.get(now.revision.commit, ())
                if one.kind == "asset"
            }
            if wrong := [key for key in asked.keys if (asked.repository, key) not in known]:
                raise AssertionError(f"{asked.location} does not define {wrong} in {asked.repository!r}")
            run_id = f"run-{len(self.world.runs) + 1}"
            self.world.runs[run_id] = asked
            return run_id

    def run(self, run_id: str) -> RunSeen:
        self.target.step("run")
        asked = self.world.runs[run_id]
        release = self.world.serving_release(asked.location)
        if release is None or release.location.deployment != self.deployment:
            raise AssertionError(f"the webserver of {self.deployment} knows no {run_id}")
        if self.world.overview is None:
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "the webserver does not answer."))
        looks = self.world.run_looks.get(asked.location, 0)
        if looks:
            self.world.run_looks[asked.location] = looks - 1
            return RunSeen(status="STARTED")
        made = {key: self.world.makes[asked.location][key] for key in asked.keys}
        failed = [one for one in made.values() if isinstance(one, Finding)]
        if failed:
            return RunSeen(status="FAILURE", finding=failed[0])
        of_location = self.world.made.setdefault(asked.location, {})
        of_location |= {key: one for key, one in made.items() if isinstance(one, Produced)}
        return RunSeen(status="SUCCESS")


class FakeTarget:
    name = "fake"

    def __init__(self, world: World, kill_at: int | None = None, kill_after_effect: bool = False) -> None:
        self.world = world
        self.stack = FakeStack(world)
        self._kill_at, self._after_effect = kill_at, kill_after_effect
        self._steps = 0

    def webserver(self, deployment: str = MAIN) -> FakeWebserver:
        return FakeWebserver(self, deployment)

    def step(self, verb: str) -> None:
        """Count a method call; from `kill_at` on nothing happens any more."""
        if self._kill_at is not None and self._steps >= self._kill_at:
            raise Killed(verb)
        self._steps += 1
        if self._kill_at == self._steps and not self._after_effect:
            raise Killed(verb)

    @contextmanager
    def effect(self, verb: str) -> Iterator[None]:
        self.step(verb)
        yield
        self.world.verbs.append(verb)
        self.world.ticks += 1
        if self._kill_at == self._steps and self._after_effect:
            raise Killed(verb)

    @contextmanager
    def lock(self, location: str, holder: str) -> Iterator[FakeLock]:
        self.step("lock")
        if self.world.lock_failures:
            self.world.lock_failures -= 1
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "nobody answers."))
        if location in self.world.locks:
            observed = f"held by {self.world.locks[location]}"
            raise LockHeld(finding(FindingKind.TRANSIENT, observed))
        self.world.locks[location] = holder
        try:
            yield FakeLock(self)
        finally:
            # A killed holder's lock expires: by the time of the next attempt it is free too.
            self.world.locks.pop(location, None)

    def holder(self, location: str) -> str | None:
        return self.world.locks.get(location)

    def resolve(self, location: Location, ref: str | None) -> Revision:
        self.step("resolve")
        if self.world.resolve_failures:
            self.world.resolve_failures -= 1
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "the network is down."))
        wanted = ref or location.ref or ""
        commit = wanted if len(wanted) == 40 else self.world.heads[location.name]
        return Revision(repository=location.repository, commit=commit, ref=ref or location.ref)

    def resolve_all(self, locations: Sequence[Location]) -> list[Revision | Finding]:
        def one(location: Location) -> Revision | Finding:
            try:
                return self.resolve(location, None)
            except PlaygroundError as error:
                return error.finding

        return [one(location) for location in locations]

    def fetch(self, location: Location, revision: Revision, say: Any) -> Revision:
        self.step("fetch")
        if revision.commit in self.world.lacking.get(location.repository or "", ()):
            raise PlaygroundError(lacking(f"repository/{location.repository}", revision.commit))
        return revision.model_copy(update={"subject": f"subject of {revision.short}", "author": "Ada"})

    def releases(self, location: str) -> Sequence[LiveRelease]:
        self.step("releases")
        found = []
        for number, release in sorted(self.world.releases.get(location, {}).items()):
            served = self.world.served.get(location, {}).get(number)
            if self.world.serving.get(location) == number:
                state = ReleaseState.SERVING
            elif number in self.world.draining.get(location, set()):
                state = ReleaseState.DRAINING
            else:
                state = ReleaseState.RETIRED if served is not None else ReleaseState.CANDIDATE
            served_at = None if served is None else f"{served:09}"
            found.append(
                LiveRelease(release=release, state=state, served_order=served or 0, served_at=served_at)
            )
        for number in self.world.draining.pop(location, set()):
            # Seen draining once; at the next observation it has ended.
            self.world.releases[location].pop(number, None)
        return found

    def next_number(self, location: str) -> int:
        self.step("next_number")
        recorded = [r.release.number for r in self.world.records.get(location, {}).values() if r.release]
        return max([0, *self.world.releases.get(location, {}), *recorded]) + 1

    def start(self, release: Release, say: Any) -> None:
        with self.effect("start"):
            mine = self.world.releases.setdefault(release.location.name, {})
            if release.number in mine and mine[release.number] != release:
                raise AssertionError(f"release {release.name} was made twice")
            mine[release.number] = release
            if self.world.of(release) == BROKEN:
                self.world.dead.add(release.name)

    def observe(self, release: Release) -> Observation:
        self.step("observe")
        if release.number not in self.world.releases.get(release.location.name, {}):
            return Observation(status=ServerStatus.FAILED, message="gone", finding=finding())
        if self.world.of(release) == NO_SECRET:
            missing = finding(observed="no Secret").model_copy(update={"whose": "surroundings"})
            return Observation(status=ServerStatus.FAILED, message="no Secret", finding=missing)
        if release.name in self.world.dead:
            return Observation(status=ServerStatus.FAILED, message="ended", finding=finding())
        if self.world.of(release) == HANGS:
            return Observation(status=ServerStatus.STARTING, message="importing")
        return Observation(status=ServerStatus.READY, message="answers")

    def wait(self, release: Release, seconds: float) -> None:
        self.step("wait")
        self.world.clock.sleep(seconds)

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        self.step("inspect")
        behaviour = self.world.of(release)
        if release.name in self.world.dead:
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "nobody answers."))
        if release.name in self.world.silent_servers:
            self.world.clock.sleep(seconds)
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "nobody answers in time."))
        if behaviour == REFUSES:
            raise RolloutFailed(finding(observed="the server says no"))
        folder = "/elsewhere" if behaviour == WRONG_COMMIT else self._directory(release)
        return LoadedCode(
            server_id=release.name,
            working_directories=(folder,),
            repositories=tuple(self.repositories(release)),
            automations=tuple(self.world.automations.get(release.revision.commit, ())),
            asset_keys=self.world.assets_of(release),
            defined=tuple(self.world.defined.get(release.revision.commit, ())),
        )

    def checkout(self, release: Release) -> Checkout:
        self.step("checkout")
        return self.world.checkouts.get(release.revision.commit, Checkout())

    def expected_directories(self, release: Release) -> Sequence[str]:
        return [self._directory(release)]

    def smoke(self, release: Release, say: Any) -> None:
        self.step("smoke")

    def decide(self, release: Release, verdict: Verdict) -> None:
        self.step("decide")
        self.world.verdicts[release.name] = verdict

    def verdict(self, release: Release) -> Verdict | None:
        return self.world.verdicts.get(release.name)

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        with self.effect("set_automation"):
            return ()

    def repositories(self, release: Release) -> Sequence[str]:
        self.step("repositories")
        if release.name in self.world.dead:
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "nobody answers."))
        found = self.world.automations.get(release.revision.commit, ())
        return sorted({one.repository for one in found}) or ["__repository__"]

    def hold_automation(self, release: Release, move: Move) -> None:
        with self.effect("hold_automation"):
            if self.world.serving.get(release.location.name) == release.number:
                raise AssertionError("what serves was stopped")
            for one in move.automations:
                if one.before in self.world.states:
                    self.world.states[one.after] = "stopped"

    def carry_automation(self, release: Release, move: Move, *, ticking: bool = False) -> Sequence[Moved]:
        with self.effect("carry_automation"):
            if self.world.serving.get(release.location.name) != release.number:
                raise AssertionError("it was let go on where it does not serve")
            left = []
            for one in move.automations:
                state = self.world.states.get(one.before)
                if self.world.ticking.get(one.before, 0) and not ticking:
                    self.world.ticking[one.before] -= 1
                    left.append(one)
                elif state not in (None, "stopped"):
                    self.world.states[one.after] = str(state)
                    self.world.states[one.before] = "stopped"
            return left

    def serve(self, release: Release) -> None:
        with self.effect("serve"):
            name = release.location.name
            if release.number not in self.world.releases.get(name, {}):
                raise AssertionError(f"{release.name} was never started, or is gone")
            if (before := self.world.serving.get(name)) is not None:
                self.world.missed[name] = before
            self.world.releases[name][release.number] = release  # with what is known of its commit by now
            self.world.serving[name] = release.number
            self.world.served.setdefault(name, {})[release.number] = self.world.ticks
            self.world.draining.get(name, set()).discard(release.number)
            if self.world.of(release) == DIES_AFTER_SWITCH:
                self.world.dead.add(release.name)

    def keep(self, release: Release) -> None:
        with self.effect("keep"):
            self.world.kept.add(release.name)

    def server_id(self, release: Release) -> str:
        replaced = self.world.of(release) == REPLACED and self.world.looks > LOOKS
        return f"{release.name} again" if replaced else release.name

    def snapshot(self) -> FakeTarget:
        return self

    def storage(self, deployment: str = MAIN) -> Storage:
        if isinstance(self.world.storage, PlaygroundError):
            raise self.world.storage
        return self.world.storage

    def produced(self, location: Location, wanted: Sequence[Wanted]) -> Sequence[Produced]:
        self.step("produced")
        if location.deployment in self.world.away:
            raise PlaygroundError(finding(FindingKind.TRANSIENT, "the database does not answer."))
        made = self.world.made.get(location.name, {})
        found = [(one, made[one.key]) for one in wanted if one.key in made]
        return [
            each.model_copy(update={"checks": tuple(c for c in each.checks if c.name in one.checks)})
            for one, each in found
            if one.partition in (None, each.partition)
        ]

    def fail_lost_runs(self, location: str) -> Sequence[str]:
        self.step("fail_lost_runs")
        return ()

    def awaited(self, location: Location) -> Collection[int]:
        self.step("awaited")
        return self.world.awaited.get(location.name, set())

    def settle(self, previous: Release, *, launched: bool = False) -> None:
        with self.effect("settle"):
            pass

    def retire(self, release: Release) -> None:
        with self.effect("retire"):
            name = release.location.name
            if self.world.serving.get(name) == release.number:
                raise AssertionError("the serving release was told to stop")
            self.world.draining.setdefault(name, set()).add(release.number)

    def remove(self, release: Release) -> None:
        with self.effect("remove"):
            name = release.location.name
            self.world.releases.get(name, {}).pop(release.number, None)
            self.world.served.get(name, {}).pop(release.number, None)
            self.world.dead.discard(release.name)
            if self.world.serving.get(name) == release.number:
                del self.world.serving[name]

    def tail(self, release: Release, lines: int) -> str:
        self.step("tail")
        return f"the last words of {release.name}"

    def record(self, record: RolloutRecord) -> None:
        with self.effect("record"):
            self.world.records.setdefault(record.location, {})[record.id] = record

    def records(self, location: str) -> Sequence[RolloutRecord]:
        self.step("records")
        return list(self.world.records.get(location, {}).values())

    def recorded(self) -> Sequence[str]:
        self.step("recorded")
        return sorted(name for name, records in self.world.records.items() if records)

    @staticmethod
    def _directory(release: Release) -> str:
        return f"/checkouts/{release.revision.commit}"
