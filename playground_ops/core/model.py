"""The nouns of the product, as immutable values. No I/O, no clock, no Dagster."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import Field

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
    """Where the code lies in an image that has it."""

    image: str
    python_file: str | None = None
    """Loaded instead of a module."""
    working_directory: str = "/opt/dagster/app"


class Isolation(FrozenModel):
    """On Kubernetes: a namespace of its own, and what comes with it."""

    namespace: str | None = None
    """None: the stack's, a dash, and the location's name."""
    quota: dict[str, str] = Field(default_factory=dict)
    database: bool = False
    """A database and a role of its own in the stack's Postgres."""


class Location(FrozenModel):
    """What the configuration says of one code location, with every default filled in."""

    name: str
    repository: str | None = None
    """Any URL that git takes, or an absolute path. None: an image, or this project's bootstrap package."""
    in_image: InImage | None = None
    """On Kubernetes: the code is in an image and in no repository."""
    ref: str | None = None
    """Branch, tag or full commit; None: the repository's HEAD."""
    allowed_refs: tuple[str, ...] = ()
    """Patterns of what a launch may ask for beside `ref`; none: anything."""
    git_secret: str | None = None
    """On Kubernetes: the Secret with the credentials for the repository."""
    subdirectory: str = "."
    module: str | None = None
    """None: what the project itself declares, else `playground.definitions`."""
    dependencies: Dependencies = Dependencies.AUTO
    automation: Literal["on", "off"] = "on"
    follow: bool = False
    follow_interval_seconds: int = 30
    environment: dict[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: int = 180
    longest_run_seconds: int = 3600
    """How long a server that no longer serves may take to finish its runs before it is ended."""
    egress: tuple[Destination, ...] | None = None
    """On Kubernetes: what its pods may reach beside DNS, database and git; None: everything."""
    smoke_job: str | None = None
    """A job that is run on the candidate before the switch."""
    smoke_timeout_seconds: int = 600
    """How long each of smoke job and smoke check may take."""
    approval: Literal["none", "manual"] = "none"
    """`manual`: a candidate waits for a person's word before the switch."""
    approval_timeout_seconds: int = 3600
    must_keep: tuple[DefinedKind, ...] = ()
    """Of these a candidate must have every one that serves now."""
    pod: PodSettings = PodSettings()
    """Of its server; on Kubernetes alone."""
    isolation: Isolation | None = None
    surroundings: str = ""
    """Short for all else that decides how its server is run: images, the instance, versions of Secrets."""
    smoke_check: str | None = None
    """An asset check, as `asset/key:check_name`, that is run on the candidate before the switch."""


def shortened(commit: str) -> str:
    """As people are shown it."""
    return commit[:20] if commit.startswith(("content-", "image-")) else commit[:12]


class Revision(FrozenModel):
    """Code, pinned: what a ref was resolved to."""

    repository: str | None
    commit: str
    """40 hexadecimal digits; without a repository `content-` or `image-` and a hash, of the files or of the
    image's name."""
    ref: str | None = None
    """What was asked for; None: the configured ref."""
    subject: str = ""
    author: str = ""

    @property
    def short(self) -> str:
        return shortened(self.commit)


class Release(FrozenModel):
    """One location at one commit with one configuration. Never modified after it is made."""

    location: Location
    number: int = Field(ge=1)
    revision: Revision
    configuration: str
    """Digest of the location's configuration: two releases with the same one were configured alike."""
    created_at: str
    """UTC, ISO 8601."""
    rollback_of: int | None = None

    @property
    def name(self) -> str:
        return f"{self.location.name}-{self.number}"


class ReleaseState(str, Enum):
    CANDIDATE = "candidate"
    SERVING = "serving"
    RETIRED = "retired"
    """Served before; kept warm for rollback."""
    DRAINING = "draining"
    """Told to stop; finishing its runs."""


class LiveRelease(FrozenModel):
    """A release as it is found in the target."""

    release: Release
    state: ReleaseState
    served_order: int = 0
    """Grows with every switch of the location; the clock may go back, this does not."""
    served_at: str | None = None
    """When it last began to serve; UTC, ISO 8601."""
    restarts: int = 0


class ServerStatus(str, Enum):
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Observation(FrozenModel):
    """What can be seen of a release's server right now."""

    status: ServerStatus
    message: str
    """What it is waiting for, or what was seen."""
    finding: Finding | None = None
    """Set when the status is FAILED; of one that is starting, what stands in its way and may pass."""
    imports: bool = True
    """Whether its own code runs by now: before, its pod is given a node, its image and its code."""
    room_is_coming: bool = False
    """An autoscaler has said that it makes room for it."""


class Automation(FrozenModel):
    """A schedule or sensor that a server defines."""

    repository: str
    name: str
    kind: Literal["schedule", "sensor"]
    runs_by_default: bool
    cron: tuple[str, ...] = ()
    """Of a schedule."""
    interval_seconds: int | None = None
    """Of a sensor."""
    sensor_type: str | None = None


class Defined(FrozenModel):
    """One thing that code defines, and the fields that say what it is."""

    kind: DefinedKind
    name: str
    fields: dict[str, str] = Field(default_factory=dict)


class LoadedCode(FrozenModel):
    """What a code server says that it loaded."""

    server_id: str
    working_directories: tuple[str, ...]
    asset_keys: tuple[str, ...] = ()
    automations: tuple[Automation, ...] = ()
    defined: tuple[Defined, ...] = ()
    dagster_version: str = ""


class Shown(FrozenModel):
    """What the webserver shows of a location."""

    server_id: str | None = None
    error: str | None = None


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
    """The process that did the rollout died; a later one found what it left."""


class Verdict(FrozenModel):
    """A person's word on a candidate."""

    approved: bool
    by: str
    reason: str = ""


class RolloutRecord(FrozenModel):
    """What happened in one rollout, kept for good."""

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
    """What the ref was resolved to, also when no release came of it."""
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
    run_id: str | None = None
    """The Dagster run that did it, if one did."""
    recovered: bool = False
    """Its process died; a later rollout wrote its outcome."""


class Backup(FrozenModel):
    """The database as a file that outlives the stack's processes."""

    file: str
    bytes: int
    removed: tuple[str, ...] = ()
    """Older ones that went for it."""
