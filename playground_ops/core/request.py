"""What somebody asked of the engine, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from playground_ops.config.digest import digest
from playground_ops.core.model import Action, Location, Release, Revision


@dataclass(frozen=True)
class Request:
    """What somebody asked for."""

    location: Location
    configuration: str
    """Digest of the location as configured."""
    by: str
    """Who asks, as the lock and the records will name them."""
    action: Action = "redeploy"
    ref: str | None = None
    """None: the configured ref."""
    revision: Revision | None = None
    """Already pinned: nothing is resolved."""
    rollback_of: int | None = None
    force: bool = False
    """Roll out even what serves already or what was rejected."""
    run_id: str | None = None


@dataclass(frozen=True)
class Asker:
    """Who asks, for what kind of rollout, and in which run of Dagster."""

    by: str
    action: Action = "redeploy"
    run_id: str | None = None

    def request(
        self,
        location: Location,
        *,
        ref: str | None = None,
        revision: Revision | None = None,
        force: bool = False,
    ) -> Request:
        """The location as it is configured now."""
        return Request(
            location=location,
            configuration=digest(location),
            by=self.by,
            action=self.action,
            ref=ref,
            revision=revision,
            force=force,
            run_id=self.run_id,
        )

    def again(self, release: Release, *, rollback_of: int | None, force: bool) -> Request:
        """A release as it was: its commit and its configuration."""
        return Request(
            location=release.location,
            configuration=release.configuration,
            by=self.by,
            action=self.action,
            revision=release.revision,
            rollback_of=rollback_of,
            force=force,
            run_id=self.run_id,
        )
