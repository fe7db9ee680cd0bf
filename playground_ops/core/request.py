"""What somebody asked of the engine, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from playground_ops.core.model import Action, Location, Revision


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
