"""`Target`: the narrow waist between the engine and the place where a stack runs.

A target knows how to do one thing at a time and to say what is there. Order, waiting, deadlines,
gates and rollback are the engine's and written once, above this interface. A target keeps no state
in memory that it could not read back: whoever opens it next sees the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from playground_ops.core.component import Component, ComponentStatus, Overview, Storage
from playground_ops.core.errors import Finding
from playground_ops.core.model import (
    Backup,
    LiveRelease,
    LoadedCode,
    Location,
    Observation,
    Release,
    Revision,
    RolloutRecord,
    Shown,
    Verdict,
)
from playground_ops.core.plan import Change, Plan

if TYPE_CHECKING:
    from playground_ops.config import Configuration

Say = Callable[[str], None]
"""Where a verb that takes long tells what it is doing, one short sentence at a time."""


class Lock(Protocol):
    """A held lock on one location. It is renewed in the background until it is released."""

    def check(self) -> None:
        """Raise LockLost if somebody else holds the lock by now. Called before every step that writes."""


class Stack(Protocol):
    """The components of a stack, and what is there before its locations come up."""

    def components(self) -> Sequence[Component]:
        """What was applied and is there: webserver, daemon, and each location that serves."""

    def plan(self, configuration: Configuration) -> Plan:
        """What applying the configuration would change, in the order of applying. Writes nothing."""

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Say) -> None:
        """Make the stack ready for its locations and start the changed webserver and daemon.

        `whole` is what `plan` returned, `changed` what of it is to be done.
        Returns when they were started, not when they are ready: ask `component_status`.
        """

    def missing(self, configuration: Configuration) -> Mapping[str, Sequence[Finding]]:
        """What components were given by somebody else and will not be given again, or expire: by component.

        What runs goes on without it. Raises PlaygroundError.
        """

    def component_status(self) -> Sequence[ComponentStatus]:
        """How the webserver, the daemon and each location's serving server do now."""

    def wait_for_change(self, seconds: float) -> None:
        """Return when some component may have changed, or after `seconds`."""

    def withdraw(self, location: str) -> None:
        """Take a location out of the stack: out of the workspace, its servers drained."""

    def ui_address(self) -> str | None:
        """URL of the UI; None when there is no stack."""

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        """Lines of a component's log, redacted. Raises BadInput for one that is not there."""

    def back_up(self, say: Say) -> Backup:
        """Keep the database as it is now where no process is needed for it; the oldest go.

        Raises BadInput where a target has no need of it, PlaygroundError.
        """

    def artifacts(self) -> Path:
        """The folder for files that outlive what made them, as the stack's own processes see it."""

    def collect(self) -> Iterator[tuple[str, str]]:
        """Logs and objects for a bug report: a name and a text each, not redacted yet.

        What can't be had is told in its place.
        """

    def down(self, say: Say, grace_seconds: float | None) -> None:
        """End everything of the stack. None: runs may finish first, as long as their locations allow."""

    def delete_data(self) -> None:
        """Delete what the stack kept: runs, records, checkouts. Only after `down`."""


class WebserverView(Protocol):
    """What the webserver shows and knows, which is asked alike on every target."""

    def shown(self, location: str) -> Shown:
        """What it shows of the location; an error where it is down."""

    def other_asset_keys(self, location: str) -> dict[str, Sequence[str]]:
        """Asset keys that other locations serve now, by location."""

    def reload(self, location: str) -> None:
        """Have it look at the location's address anew.

        It notices by itself that another server answers there, but for one that came between its first look
        and its second: then it shows the one before for good (dagster/_grpc/server_watcher.py). May be
        repeated; nothing is done where there is no webserver.
        """

    def troubles(self, location: str) -> Mapping[str, Finding]:
        """What fails now of what ticks by itself: daemons, and the location's sensors and schedules, by name.

        Empty where nobody can say.
        """

    def silent_daemons(self) -> Sequence[str]:
        """Names of Dagster's daemons that have to run and have not been heard of for two minutes.

        Empty where nobody can say.
        """

    def overview(self) -> Overview | None:
        """What Dagster tells of daemons, runs and ticks; None where nobody can say."""


class Target(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def stack(self) -> Stack: ...

    @property
    def webserver(self) -> WebserverView: ...

    def snapshot(self) -> Target:
        """The same, for one look at it: what is asked twice of that one was asked once.

        For verbs that say what is there; it does not hear of what changes meanwhile.
        """

    def lock(self, location: str, holder: str) -> AbstractContextManager[Lock]:
        """Take the location's lock, or raise LockHeld, naming the holder and since when."""

    def holder(self, location: str) -> str | None:
        """Who holds the location's lock now; None where nobody does, or whoever did is gone."""

    def resolve(self, location: Location, ref: str | None) -> Revision:
        """Pin `ref` (None: the configured one) to a commit. Raises PlaygroundError."""

    def resolve_all(self, locations: Sequence[Location]) -> Sequence[Revision | Finding]:
        """Where each one's configured ref leads, by one question for a repository and its credentials."""

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        """Bring the code to where releases start from, and say what it is: subject and author.

        Raises PlaygroundError, for instance when the commit is not in the repository.
        """

    def releases(self, location: str) -> Sequence[LiveRelease]:
        """Every release that is there, by number. At most one is SERVING."""

    def next_number(self, location: str) -> int:
        """Greater than that of every release of this location that is there or on record."""

    def start(self, release: Release, say: Say) -> None:
        """Fetch the code, build what it needs and start its server, which nobody is sent to yet.

        Doing it again for a release that runs is a no-op. Raises PlaygroundError.
        """

    def observe(self, release: Release) -> Observation:
        """Look at the release's server once, without waiting."""

    def wait(self, release: Release, seconds: float) -> None:
        """Return when something about the release may have changed, or after `seconds`."""

    def inspect(self, release: Release) -> LoadedCode:
        """Ask a ready server what it loaded. Raises PlaygroundError if it loaded nothing usable."""

    def expected_directory(self, release: Release) -> str:
        """The folder that a server of this release's commit must have loaded from."""

    def smoke(self, release: Release, say: Say) -> None:
        """Run the location's smoke job or check on the candidate. Raises PlaygroundError."""

    def decide(self, release: Release, verdict: Verdict) -> None:
        """Keep a person's word on a candidate, beside it. The last one counts. Raises PlaygroundError."""

    def verdict(self, release: Release) -> Verdict | None:
        """What somebody said of it; None while nobody did."""

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        """Before the switch, bring schedules and sensors to what the location says; what was stopped."""

    def serve(self, release: Release) -> None:
        """The atomic switch: from now on the location's address leads to this release."""

    def keep(self, release: Release) -> None:
        """From now on the release's server comes back by itself when it dies. May be repeated."""

    def server_id(self, release: Release) -> str:
        """The id of the release's own server now; empty where none answers."""

    def storage(self) -> Storage:
        """Where the stack keeps what it keeps, as far as that can be said. Raises PlaygroundError."""

    def fail_lost_runs(self, location: str) -> Sequence[str]:
        """Mark failed the runs in flight whose server has ended under them; a sentence for each."""

    def settle(self, previous: Release, *, launched: bool = False) -> None:
        """Keep the runs in flight on a server that no longer serves reachable. May be repeated.

        `launched`: also those that are just being launched, for which it waits some seconds.
        """

    def retire(self, release: Release) -> None:
        """Tell the server to finish its runs and end; returns at once. It is removed when it has ended."""

    def remove(self, release: Release) -> None:
        """End a release at once and remove everything of it, also the address if it leads there."""

    def tail(self, release: Release, lines: int) -> str:
        """The last lines of the server's log, redacted."""

    def record(self, record: RolloutRecord) -> None:
        """Keep the record, replacing an earlier state of it (same id)."""

    def records(self, location: str) -> Sequence[RolloutRecord]:
        """Every record kept of the location, oldest first."""
