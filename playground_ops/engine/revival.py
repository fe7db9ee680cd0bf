"""Bringing back what served: the server of the serving release, when it does not run."""

from __future__ import annotations

from playground_ops.core import decisions
from playground_ops.core.model import Phase
from playground_ops.core.request import Request
from playground_ops.engine.recovery import recover
from playground_ops.engine.rollout import Engine
from playground_ops.engine.switching import confirm


def bring_back(engine: Engine, request: Request) -> None:
    """Start the serving release again, at its commit: a ref that moved meanwhile is a rollout's matter.

    Raises RolloutFailed when it does not come up, LockHeld.
    """
    name = request.location.name
    with engine.locked(request) as lock:
        recover(engine.target, lock, name, engine.progress, engine.clock, engine.timeouts)
        now = decisions.serving(engine.target.releases(name))
        if now is None:
            return
        engine.progress.phase(Phase.CONFIRM, f"release {now.release.number} comes back")
        confirm(engine.target, now.release, engine.progress, engine.clock, engine.timeouts)
