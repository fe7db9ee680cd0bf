"""The nouns of the product, as immutable values. No I/O, no clock, no Dagster."""

from enum import Enum
from typing import Literal

from pydantic import Field

from playground_ops.core.changes import Changes
from playground_ops.core.checkout import Author, Subject
from playground_ops.core.errors import Finding
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.pod_settings import Destination, PodSettings


class Dependencies(str, Enum):
    """Where the packages of a code location come from."""

    PROJECT = "project"
    """An environment of its own, made from the project's lock or requirements."""
    SHARED = "shared"
    """The environment that the stack itself runs in."""
    AUTO = "auto"
    """`project` where the folder declares dependencies, else `shared`."""


DefinedKind = Literal["asset", "asset check", "job", "schedule", "sensor", "resource"]


class InImage(FrozenModel):
    """The place of the code in an image that contains it."""

    image: str
    python_file: str | None = None
    """Loaded instead of a module."""
    working_directory: str = "/opt/dagster/app"


class Isolation(FrozenModel):
    """On Kubernetes: a namespace of its own, and what comes with it."""

    namespace: str | None = None
    """None: the stack's namespace, a dash, and the location's name."""
    quota: dict[str, str] = Field(default_factory=dict)
    database: bool = False
    """A database and a role of its own in the stack's Postgres; the code finds its URL in
    `PLAYGROUND_DATABASE_URL`."""


MAIN = "main"
"""The deployment in which `ops` lies."""


class Location(FrozenModel):
    """The configuration of one code location, with every default filled in."""

    name: str
    repository: str | None = None
    """Any URL that git takes, or an absolute path. None: an image, or this project's bootstrap package."""
    in_image: InImage | None = None
    """On Kubernetes: the code is in an image and in no repository."""
    ref: str | None = None
    """Branch, tag or full commit; None: the repository's HEAD."""
    allowed_refs: tuple[str, ...] = ()
    """Patterns of the refs that a launch may ask for besides `ref`; empty: any ref."""
    git_secret: str | None = None
    """On Kubernetes: the Secret with the credentials for the repository."""
    subdirectory: str = "."
    module: str | None = None
    """None: the module that the project itself declares, else `playground.definitions`."""
    attribute: str | None = None
    """The name in the module that is loaded; None: Dagster finds it."""
    dependencies: Dependencies = Dependencies.AUTO
    automation: Literal["on", "off"] = "on"
    follow: bool = False
    follow_interval_seconds: int = 30
    environment: dict[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: int = 180
    longest_run_seconds: int = 3600
    """Seconds that a server which no longer serves has to finish its runs before it is ended."""
    egress: tuple[Destination, ...] | None = None
    """On Kubernetes: what its pods may reach besides DNS, database and git; None: everything."""
    smoke_job: str | None = None
    """A job that is run on the candidate before the switch."""
    smoke_timeout_seconds: int = 600
    """Seconds that the smoke job and the smoke check each may take."""
    approval: Literal["none", "manual"] = "none"
    """`manual`: a candidate waits for a person's approval before the switch."""
    approval_timeout_seconds: int = 3600
    must_keep: tuple[DefinedKind, ...] = ()
    """Kinds of definitions: a candidate must have every one of them that serves now."""
    pod: PodSettings = PodSettings()
    """The settings of its server's pods; on Kubernetes only."""
    isolation: Isolation | None = None
    surroundings: str = ""
    """A hash of all else that decides how its server runs: images, instance, versions of Secrets."""
    environment_files: tuple[str, ...] = ()
    """On one machine: dotenv files with more variables of its server, by absolute path; a later one wins."""
    environment_content: str = ""
    """A keyed hash of what they hold. The values themselves are in no release and no record."""
    smoke_check: str | None = None
    """An asset check, as `asset/key:check_name`, that is run on the candidate before the switch."""
    dependencies_from: str | None = None
    """The file, relative to the project's folder, that its packages come from; None: the exact one first."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Extras and dependency groups of the project that are installed too."""
    prepare: tuple[tuple[str, ...], ...] | None = None
    """Commands, by their words, that run once for a release before its server; None: what dbt and components
    need."""
    prepare_timeout_seconds: int = 600
    """Seconds that all these commands together may take."""
    reads: tuple[str, ...] = ()
    """On Kubernetes: the locations whose values its code may load; it can't write them."""
    deployment: str = MAIN
    """The Dagster instance that it is part of."""
    shared_assets: Literal["refuse", "warn"] = "refuse"
    """What happens to a candidate with asset keys that another location of its deployment serves."""
    room: str | None = None
    """How much of the volume that all share it may keep, as a quantity; None: half, where it is short."""


def shortened(commit: str) -> str:
    """Return the commit as people are shown it."""
    return commit[:20] if commit.startswith(("content-", "image-")) else commit[:12]


class Revision(FrozenModel):
    """A pinned commit of the code, to which a ref was resolved."""

    repository: str | None
    commit: str
    """40 hexadecimal digits; without a repository `content-` or `image-` and a hash of the files or of the
    image's name."""
    ref: str | None = None
    """The ref that was asked for; None: the configured one."""
    subject: Subject = ""
    author: Author = ""

    def __eq__(self, other: object) -> bool:
        """Compare what pins the code. The rest is the commit's own, and may be known later."""
        return isinstance(other, Revision) and self._pinned == other._pinned

    def __hash__(self) -> int:
        return hash(self._pinned)

    @property
    def _pinned(self) -> tuple[str | None, ...]:
        return self.repository, self.commit, self.ref

    @property
    def short(self) -> str:
        return shortened(self.commit)


class Release(FrozenModel):
    """One location at one commit with one configuration. Never modified after it is made."""

    location: Location
    number: int = Field(ge=1)
    revision: Revision
    configuration: str
    """Digest of the location's configuration: releases with the same digest were configured alike."""
    created_at: str
    """In UTC, ISO 8601."""
    rollback_of: int | None = None

    @property
    def name(self) -> str:
        return f"{self.location.name}-{self.number}"


class ReleaseState(str, Enum):
    CANDIDATE = "candidate"
    SERVING = "serving"
    RETIRED = "retired"
    """It served before and is kept warm for rollback."""
    DRAINING = "draining"
    """It was asked to stop and is finishing its runs."""


class LiveRelease(FrozenModel):
    """A release as it is found in the target."""

    release: Release
    state: ReleaseState
    served_order: int = 0
    """Grows with every switch of the location; the clock may go back, this number does not."""
    served_at: str | None = None
    """When it last began to serve; UTC, ISO 8601."""
    restarts: int = 0
    program: str | None = None
    """The version of this program that it runs, where its repository pins one: a release of `ops`."""


class ServerStatus(str, Enum):
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Observation(FrozenModel):
    """The state of a release's server right now."""

    status: ServerStatus
    message: str
    """What was observed, as a clause with its subject: "waiting up to 180 s: " may stand before it."""
    finding: Finding | None = None
    """Set when the status is FAILED, and for a starting server when something that may pass is in its way."""
    imports: bool = True
    """Whether its own code is running yet: before that, its pod gets a node, an image and the code."""
    prepares: bool = False
    """Whether its commands of `prepare` run: they have a time of their own."""
    room_is_coming: bool = False
    """Whether an autoscaler has announced that it makes room for it."""


class Phase(str, Enum):
    RESOLVE = "resolving"
    START = "starting"
    VERIFY = "verifying"
    APPROVE = "awaiting approval"
    SWITCH = "switching"
    CONFIRM = "confirming"
    WATCH = "watching"
    RETIRE = "retiring"


Action = Literal["redeploy", "rollback", "promote", "deploy", "bootstrap", "follow", "heal"]


class Outcome(str, Enum):
    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process of the rollout died; a later one found what it left."""


class Verdict(FrozenModel):
    """A person's decision about a candidate."""

    approved: bool
    by: str
    reason: str = ""


class RolloutRecord(FrozenModel):
    """What happened in one rollout; it is kept for good."""

    location: str
    id: str
    by: str
    """Who or what asked: a user at a machine, a Dagster run."""
    action: Action = "redeploy"
    started_at: str
    ended_at: str | None = None
    outcome: Outcome | None = None
    """None while it is under way."""
    phase: Phase = Phase.RESOLVE
    release: Release | None = None
    """The candidate, or for a rollback the release that was gone back to."""
    revision: Revision | None = None
    """The revision that the ref was resolved to, also when no release was made of it."""
    configuration: str | None = None
    previous: int | None = None
    """Number of the release that served when this rollout began."""
    previous_commit: str | None = None
    durations: dict[str, float] = Field(default_factory=dict)
    """Seconds per phase."""
    finding: Finding | None = None
    log_tail: str = ""
    """The last lines of the candidate's log when it failed, redacted."""
    warnings: tuple[str, ...] = ()
    approved_by: str | None = None
    changes: Changes | None = None
    """What it changes in the definitions; None where it did not get that far."""
    run_id: str | None = None
    """The Dagster run that made the rollout, if one did."""
    recovered: bool = False
    """Whether its process died and a later rollout wrote its outcome."""
