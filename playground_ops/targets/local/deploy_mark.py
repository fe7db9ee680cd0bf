"""The mark of a deploy: a lease in a file, which outlives a deploy that dies."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from playground_ops.core.clock import SystemClock
from playground_ops.core.component import Deploying
from playground_ops.core.errors import LockHeld
from playground_ops.targets.local.folder import StateFolder, read_value
from playground_ops.targets.local.locks import Lease, holder_of, lease


@contextmanager
def marked(folder: StateFolder, by: str) -> Iterator[None]:
    """Keep the mark within the block. It locks nobody out: of two deploys at once the first has it."""
    with ExitStack() as held:
        with suppress(LockHeld):
            held.enter_context(lease(folder.deploy_mark, "the stack", by, SystemClock().utc_now()))
        yield


def under_way(folder: StateFolder) -> Deploying | None:
    """Return the mark, if there is one."""
    found = read_value(folder.deploy_mark, Lease)
    if found is None:
        return None
    is_alive = holder_of(folder.deploy_mark) is not None
    return Deploying(by=f"{found.holder} (pid {found.pid})", since=found.since, is_alive=is_alive)
