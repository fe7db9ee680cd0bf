"""`Target`: the narrow interface between the engine and the place where a stack runs.

A target knows how to do one thing at a time and to report what is there. Order, waiting, deadlines, gates and
rollback are the engine's, written once above this interface. A target keeps no state in memory that it could
not read back: whoever opens it next sees the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from playground_ops.core.checkout import Checkout
from playground_ops.core.component import Backup, Component, ComponentStatus, Deploying, Storage
from playground_ops.core.errors import Finding
from playground_ops.core.files import Kept, SharedFiles
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import (
    MAIN,
    LiveRelease,
    Location,
    Observation,
    Release,
    Revision,
    RolloutRecord,
    Verdict,
)
from playground_ops.core.moving import Move, Moved
from playground_ops.core.plan import Change, Plan
from playground_ops.core.produced import Produced, Wanted
from playground_ops.core.webserver_view import WebserverView

if TYPE_CHECKING:
    from playground_ops.config import Configuration
    from playground_ops.core.formats import StoredFormat

Say = Callable[[str], None]
"""A callback for progress of a method that takes long: one short sentence at a time."""


class Lock(Protocol):
    """A held lock on one location. It is renewed in the background until it is released."""

    def check(self) -> None:
        """Raise LockLost if somebody else holds the lock by now. Called before every step that writes."""


class Stack(Protocol):
    """The components of a stack, and what must exist before its locations come up."""

    @property
    def files(self) -> KeptFiles: ...

    def components(self) -> Sequence[Component]:
        """Return what was applied and is there: webserver, daemon, and each location that serves."""

    def plan(self, configuration: Configuration) -> Plan:
        """Return what applying the configuration would change, in the order of applying. Writes nothing."""

    def deploying(self, by: str) -> AbstractContextManager[None]:
        """Keep a mark that somebody deploys while the block lasts.

        It stays, as of a deploy that did not come to its end, where its process dies or what was widened was
        not narrowed (`finish`).
        """

    def deploy_under_way(self) -> Deploying | None:
        """Return the mark of a deploy that has not come to its end; None where there is none."""

    def stored_format(self) -> StoredFormat | None:
        """Return the format of what is stored; None where nothing is. Raises PlaygroundError."""

    def migrate(self, say: Say) -> None:
        """Bring what is stored to this program's format, once. Before the first write; `apply` does so too.

        Where the permissions for it are a person's alone, `ops` works in the format that is there.
        """

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Say) -> None:
        """Do the part `changed` of the plan `whole`. Returns when components were started, not ready.

        Limits that change allow until `finish` what they allowed before too.
        """

    def finish(self, configuration: Configuration, changed: Sequence[Change], say: Say) -> None:
        """Narrow what `apply` has widened for the time of the deploy. Raises PlaygroundError."""

    def missing(self, configuration: Configuration) -> Mapping[str, Sequence[Finding]]:
        """Return by component what others provide and is gone or expires. Raises PlaygroundError."""

    def component_status(self) -> Sequence[ComponentStatus]:
        """Return the status of the webserver, the daemon and each location's serving server now."""

    def wait_for_change(self, seconds: float) -> None:
        """Return when some component may have changed, or after `seconds`."""

    def withdraw(self, location: str) -> None:
        """Take a location out of the stack: remove it from the workspace and drain its servers."""

    def ui_address(self, deployment: str = MAIN) -> str | None:
        """Return the URL of a deployment's UI; None where it is not there."""

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        """Yield lines of a component's log, redacted. Raises BadInput for a component that is not there."""

    def back_up(self, say: Say) -> Sequence[Backup]:
        """Save each deployment's database to a file, and remove the oldest ones.

        Raises BadInput where none are needed, PlaygroundError with each that failed, after all were tried.
        """

    def artifacts(self) -> Path:
        """Return the folder for files that outlive their maker, as the stack's own processes see it."""

    def collect(self) -> Iterator[tuple[str, str]]:
        """Yield names and texts for a bug report, not redacted yet; the text may be why it can't be read."""

    def down(self, say: Say, grace_seconds: float | None) -> None:
        """End everything of the stack. None: runs may finish first, as long as their locations allow."""

    def delete_data(self) -> None:
        """Delete the stack's data: runs, records, checkouts. Only after `down`."""


class KeptFiles(Protocol):
    """What locations and their runs keep on the one volume that all share."""

    def kept(self, locations: Sequence[str], seconds: float) -> SharedFiles:
        """Return what they keep, measured for at most `seconds`.

        One is missing where its files can't be seen from here, or lie on a volume of its own.
        """

    def of_runs(self, seconds: float) -> Kept | None:
        """Return what is no location's alone: what runs printed, on one machine values too.

        None where it can't be seen from here.
        """

    def cut_logs(self, most: int) -> Sequence[str]:
        """Cut what runs have printed to `most` bytes a run. Returns a sentence for each, which its page has.

        Only runs in flight and those that ended within the hour are looked at. Raises PlaygroundError.
        """


class Target(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def stack(self) -> Stack: ...

    def webserver(self, deployment: str = MAIN) -> WebserverView:
        """Return the webserver of a deployment."""

    def snapshot(self) -> Target:
        """Return a view for reading that fetches everything once and does not see later changes."""

    def lock(self, location: str, holder: str) -> AbstractContextManager[Lock]:
        """Take the location's lock, or raise LockHeld, naming the holder and since when."""

    def holder(self, location: str) -> str | None:
        """Return who holds the location's lock now; None where nobody does, or the holder is gone."""

    def resolve(self, location: Location, ref: str | None) -> Revision:
        """Pin `ref` (None: the configured one) to a commit. Raises PlaygroundError."""

    def resolve_all(self, locations: Sequence[Location]) -> Sequence[Revision | Finding]:
        """Return where each one's configured ref leads, with one query per repository and credentials."""

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        """Fetch the code from the location's own repository; return it with subject and author.

        Raises PlaygroundError, as for a commit that is not there, whichever other repository has it. In a
        cluster the candidate fetches, and fails so.
        """

    def releases(self, location: str) -> Sequence[LiveRelease]:
        """Return every release that is there, by number. At most one is SERVING."""

    def next_number(self, location: str) -> int:
        """Return a number above those of all releases of this location that are there or on record."""

    def start(self, release: Release, say: Say) -> None:
        """Build what the release needs and start its server, unless it runs. Raises PlaygroundError."""

    def observe(self, release: Release) -> Observation:
        """Return the state of the release's server now, without waiting."""

    def wait(self, release: Release, seconds: float) -> None:
        """Return when something about the release may have changed, or after `seconds`."""

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        """Ask a ready server what it loaded.

        Raises PlaygroundError if it loaded nothing usable, or does not tell within `seconds`.
        """

    def checkout(self, release: Release) -> Checkout:
        """Return what the release's own checkout tells of its commit; nothing before it was fetched."""

    def expected_directories(self, release: Release) -> Sequence[str]:
        """Return the folders of this release's commit; its server must have loaded from one of them."""

    def smoke(self, release: Release, say: Say) -> None:
        """Run the location's smoke job or check on the candidate. Raises PlaygroundError."""

    def decide(self, release: Release, verdict: Verdict) -> None:
        """Store a person's decision beside the candidate. The last one counts. Raises PlaygroundError."""

    def verdict(self, release: Release) -> Verdict | None:
        """Return the decision about the candidate; None while there is none."""

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        """Before the switch, set schedules and sensors as the location says. Returns what was stopped."""

    def repositories(self, release: Release) -> Sequence[str]:
        """Return the names of the repositories of its server. Raises PlaygroundError if none answers."""

    def hold_automation(self, release: Release, move: Move) -> None:
        """Before a switch to the release: write what moves under its new name, stopped until it goes on."""

    def carry_automation(self, release: Release, move: Move, *, ticking: bool = False) -> Sequence[Moved]:
        """After the switch: let what moves go on under its new name, and stop it under the old one.

        May be repeated. Returns what is left because it is ticking; none where `ticking` ones go on too.
        """

    def serve(self, release: Release) -> None:
        """Switch atomically: from now on the location's address leads to this release."""

    def keep(self, release: Release) -> None:
        """From now on restart the release's server when it dies. May be repeated."""

    def server_id(self, release: Release) -> str:
        """Return the id of the release's own server now; empty where none answers."""

    def storage(self, deployment: str = MAIN) -> Storage:
        """Return the state of a deployment's storage, as far as it is known. Raises PlaygroundError."""

    def produced(self, location: Location, wanted: Sequence[Wanted]) -> Sequence[Produced]:
        """Return what the location has made of the wanted assets; those that it never made are left out.

        Their commits are not filled in. Raises PlaygroundError when the deployment's database is away.
        """

    def fail_lost_runs(self, location: str) -> Sequence[str]:
        """Mark failed the runs in flight whose server has ended under them. Returns a sentence for each."""

    def awaited(self, location: Location) -> Collection[int]:
        """Return the numbers of releases on which runs are still to start, or may be tried again."""

    def settle(self, previous: Release, *, launched: bool = False) -> None:
        """Keep the runs in flight on a server that no longer serves reachable. May be repeated.

        `launched`: include runs that are just being launched, for which it waits some seconds.
        """

    def retire(self, release: Release) -> None:
        """Tell the server to finish its runs and end; returns at once. It is removed when it has ended."""

    def remove(self, release: Release) -> None:
        """End a release at once and remove everything of it, also the address if it leads there."""

    def tail(self, release: Release, lines: int) -> str:
        """Return the last lines of the server's log, redacted."""

    def record(self, record: RolloutRecord) -> None:
        """Store the record, replacing an earlier state of it (same id)."""

    def records(self, location: str) -> Sequence[RolloutRecord]:
        """Return every stored record of the location, oldest first."""

    def recorded(self) -> Sequence[str]:
        """Return the names of all locations with records, also of those that were taken out, in order."""
