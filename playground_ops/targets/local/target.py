"""The local target: releases as supervised code servers on one machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from threading import Thread

from playground_ops.core.checkout import Checkout
from playground_ops.core.clock import Clock, SystemClock
from playground_ops.core.component import Storage
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import (
    MAIN,
    LiveRelease,
    Location,
    Observation,
    Outcome,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
    Verdict,
)
from playground_ops.core.moving import Move, Moved
from playground_ops.core.produced import Produced, Wanted
from playground_ops.core.redact import learn, redact
from playground_ops.core.target import Lock, Say
from playground_ops.targets.common import awaited, carrying, runs_in_flight
from playground_ops.targets.common.code_server import import_client, inspect
from playground_ops.targets.common.produced import produced
from playground_ops.targets.common.refs import Answer, resolve_all
from playground_ops.targets.common.server_protocol import Address, NoAnswer, repository_names, server_id
from playground_ops.targets.common.webserver import WebserverDown
from playground_ops.targets.common.webserver_view import WebserverView
from playground_ops.targets.local import candidate, environment_files, formats, git, logs, lost_runs, releases
from playground_ops.targets.local.addresses import lead_to, serving_number
from playground_ops.targets.local.code import Code
from playground_ops.targets.local.components import LocalStack
from playground_ops.targets.local.folder import StateFolder, kept_private, stack_storage
from playground_ops.targets.local.locks import holder_of, lease
from playground_ops.targets.local.processes import read_spec, secrets_of
from playground_ops.targets.local.releases import RecordFiles, ReleaseFiles

REMOVE_GRACE_SECONDS = 5.0
DIAGNOSED_LINES = 1000
"""A traceback and what Dagster wraps around it; cut to what fits in `logs.TAIL_BYTES`."""


class LocalTarget:
    """May be opened any number of times at once: everything is read from the state folder."""

    name = "local"

    def __init__(self, state: Path, project: Path, clock: Clock | None = None) -> None:
        """Open `state`, the state folder; `project` is the clone whose packages bootstrap releases serve.

        Raises PlaygroundError when the folder is another user's, or of a version too new for this one.
        """
        kept_private(state)
        self.folder = StateFolder(state)
        formats.must_fit(self.folder)
        self.clock = clock or SystemClock()
        self.code = Code(self.folder, project)
        self.stack = LocalStack(self.folder, self.code)
        learn(secrets_of(state))

    def webserver(self, deployment: str = MAIN) -> WebserverView:
        has_daemon = self.stack.instances.has_daemon(deployment)
        return WebserverView(partial(self.stack.instances.webserver, deployment), has_daemon=has_daemon)

    def _home(self, location: Location) -> Path:
        """Return the DAGSTER_HOME of its deployment."""
        return self.folder.instance(location.deployment).dagster_home

    def lock(self, location: str, holder: str) -> AbstractContextManager[Lock]:
        self.stack.must_be_deployed()  # before anything is started or written
        return lease(self.folder.lock(location), location, holder, self.clock.utc_now())

    def holder(self, location: str) -> str | None:
        found = holder_of(self.folder.lock(location))
        return f"{found.holder} (pid {found.pid})" if found else None

    def resolve(self, location: Location, ref: str | None) -> Revision:
        if location.repository is None:
            return self.code.bootstrap_revision(location)
        return git.resolve(location.repository, ref or location.ref)

    def resolve_all(self, locations: Sequence[Location]) -> Sequence[Answer]:
        def ask(several: Sequence[Location]) -> Sequence[Answer]:
            return git.resolve_each(several[0].repository or "", [one.ref for one in several])

        return resolve_all(locations, lambda one: one.repository, self.code.bootstrap_revision, ask)

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        # Whatever is fetched is inspected, and that takes most of a second to import.
        Thread(target=import_client, daemon=True).start()
        return self.code.fetch(location, revision, say)

    def releases(self, location: str) -> Sequence[LiveRelease]:
        self._restore(location)
        self._forget_what_has_drained(location)
        files = self._files(location)
        now = serving_number(self.stack.addresses, location)
        found = []
        for release in files.all():
            served_at = files.served_at(release)
            if release.number == now:
                state = ReleaseState.SERVING
            elif files.is_draining(release):
                state = ReleaseState.DRAINING
            else:
                state = ReleaseState.RETIRED if served_at else ReleaseState.CANDIDATE
            found.append(
                LiveRelease(
                    release=release,
                    state=state,
                    served_order=files.served_order(release),
                    served_at=served_at,
                    restarts=self.stack.restarts(release.name),
                )
            )
        return found

    def next_number(self, location: str) -> int:
        recorded = [record.release.number for record in self.records(location) if record.release]
        return max([0, *self._files(location).numbers(), *recorded]) + 1

    def start(self, release: Release, say: Say) -> None:
        self.stack.must_be_deployed()
        for warning in environment_files.open_to_others(release.location):
            say(f"warning: {warning}")
        environment_files.given(
            release.location
        )  # what is wrong with its files is told before anything is made
        self._files(release.location.name).add(release)
        project, environment = self.code.prepare(release, say, self.stack.control().variables)
        self.stack.control().start(candidate.server_spec(self.stack, release, project, environment))

    def observe(self, release: Release) -> Observation:
        return candidate.observe(self.stack, release, self.tail(release, DIAGNOSED_LINES))

    def wait(self, release: Release, seconds: float) -> None:
        candidate.wait(self.stack, release, seconds)

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        return candidate.answered(release, lambda: inspect(release, self._own(release), seconds))

    def checkout(self, release: Release) -> Checkout:
        return self.code.told(release)

    def expected_directories(self, release: Release) -> Sequence[str]:
        return [str(self.code.checkout_of(release).resolve())]

    def smoke(self, release: Release, say: Say) -> None:
        candidate.run_smoke(self.stack, release, say)

    def decide(self, release: Release, verdict: Verdict) -> None:
        self._files(release.location.name).mark_verdict(release, verdict)

    def verdict(self, release: Release) -> Verdict | None:
        return self._files(release.location.name).verdict(release)

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        home, serving = self._home(release.location), self._serving(release)
        return releases.apply_automation(self.folder, home, release, serving, loaded)

    def repositories(self, release: Release) -> Sequence[str]:
        return candidate.answered(release, lambda: repository_names(self._address(release)))

    def hold_automation(self, release: Release, move: Move) -> None:
        carrying.hold(self._home(release.location), release.location, self._serving(release), move)

    def carry_automation(self, release: Release, move: Move, *, ticking: bool = False) -> Sequence[Moved]:
        home, serving = self._home(release.location), self._serving(release)
        return carrying.carry(home, release.location, serving, move, ticking=ticking)

    def serve(self, release: Release) -> None:
        # The link last: a process that dies before it leaves a release that never served, and is removed.
        files = self._files(release.location.name)
        files.mark_served(release, self.clock.utc_now())
        files.unmark_draining(release)
        lead_to(self.stack.addresses, release)
        # The switch is done; the confirmation finds out what the webserver shows.
        self.webserver(release.location.deployment).reload(release.location.name)

    def keep(self, release: Release) -> None:
        self.stack.control().set_restart(release.name, "always")

    def server_id(self, release: Release) -> str:
        try:
            return server_id(self._address(release))
        except NoAnswer:
            return ""

    def snapshot(self) -> LocalTarget:
        return self  # its files are read faster than cached

    def storage(self, deployment: str = MAIN) -> Storage:
        return stack_storage(self.folder.instance(deployment))

    def produced(self, location: Location, wanted: Sequence[Wanted]) -> Sequence[Produced]:
        return produced(self._home(location), location.name, wanted)

    def fail_lost_runs(self, location: str) -> Sequence[str]:
        numbers = {*self._files(location).numbers(), *self.stack.process_numbers(location)}
        return lost_runs.fail_lost(self.stack, location, numbers, self.records(location))

    def awaited(self, location: Location) -> Collection[int]:
        try:
            runs = self.stack.instances.webserver(location.deployment).pending(location.name)
            rules = awaited.Rules(on_servers=True, longest_run_seconds=location.longest_run_seconds)
            return awaited.releases_of(self._home(location), runs, location.name, rules)
        except (WebserverDown, PlaygroundError):
            return set(self._files(location.name).numbers())  # nobody knows: nothing ends

    def settle(self, previous: Release, *, launched: bool = False) -> None:
        name = previous.location.name
        now = self._serving(previous).channel

        def launching() -> Sequence[str]:
            return self.webserver(previous.location.deployment).launching(name)

        own, home = self._own(previous), self._home(previous.location)
        runs_in_flight.settle(home, own.channel, own, now, launching if launched else None)

    def retire(self, release: Release) -> None:
        self.settle(release)
        # The mark last: a process that dies before it leaves a release that the next rollout retires again.
        self.stack.control().stop(release.name, float(release.location.longest_run_seconds))
        self._files(release.location.name).mark_draining(release, self.clock.utc_now())

    def remove(self, release: Release) -> None:
        if serving_number(self.stack.addresses, release.location.name) == release.number:
            self.stack.addresses.serving(release.location.name).unlink(missing_ok=True)
        control = self.stack.control()
        control.stop(release.name, REMOVE_GRACE_SECONDS)
        control.wait_gone(release.name, REMOVE_GRACE_SECONDS * 2)
        self._forget(release)

    def tail(self, release: Release, lines: int) -> str:
        return redact(logs.tail(self.folder.log(release.name), lines))

    def record(self, record: RolloutRecord) -> None:
        RecordFiles(self.folder.location(record.location)).save(record)

    def records(self, location: str) -> Sequence[RolloutRecord]:
        return RecordFiles(self.folder.location(location)).all()

    def recorded(self) -> Sequence[str]:
        names = self.stack.location_names()
        return [name for name in names if RecordFiles(self.folder.location(name)).last() is not None]

    def _files(self, location: str) -> ReleaseFiles:
        return ReleaseFiles(self.folder.location(location))

    def _own(self, release: Release) -> Address:
        return Address(socket=str(self.stack.addresses.own(release)))

    def _serving(self, release: Release) -> Address:
        return Address(socket=str(self.stack.addresses.serving(release.location.name)))

    def _address(self, release: Release) -> str:
        return self._own(release).channel

    def _restore(self, location: str) -> None:
        """Write a release file again that was lost or corrupted while its process is there."""
        files = self._files(location)
        known = set(files.numbers())
        lost = [number for number in self.stack.process_numbers(location) if number not in known]
        for record in self.records(location) if lost else ():
            if record.release is not None and record.release.number in lost:
                files.add(record.release)
                if record.outcome is Outcome.DONE:
                    files.mark_served(record.release, record.ended_at or "")

    def _forget_what_has_drained(self, location: str) -> None:
        files = self._files(location)
        for release in files.all():
            if files.is_draining(release) and not self.stack.is_running(release.name):
                self._forget(release)

    def _forget(self, release: Release) -> None:
        self.stack.control().forget(release.name)
        self._files(release.location.name).remove(release)
        self.stack.addresses.own(release).unlink(missing_ok=True)
        live = [found for name in self.stack.location_names() for found in self._files(name).all()]
        specs = [read_spec(self.folder.root, found.name) for found in live]
        self.code.prune(live, [Path(spec.argv[0]) for spec in specs if spec])
