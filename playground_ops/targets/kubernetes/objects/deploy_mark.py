"""The mark of a deploy: a Lease that is renewed while it lasts, and deleted when it has come to its end.

It locks nobody out: two deploys at once converge, and the later one has the mark. A person's deploy and one
of `ops`, which may be a part of it, have a mark each: `ops` can't bring the other's to its end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from playground_ops.core.component import Deploying
from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.objects.applying import delete
from playground_ops.targets.kubernetes.releases import leases

OUTSIDE, INSIDE = "dagster-deploy", "dagster-deploy-by-ops"


@contextmanager
def marked(connection: Connection, namespace: str, by: str, is_unended: Callable[[], bool]) -> Iterator[None]:
    """Keep the mark within the block. It stays where `is_unended` says so then, for the next deploy to clear.

    A mark that can't be made stops no deploy.
    """
    name, lock = INSIDE if connection.is_ops else OUTSIDE, None
    with suppress(PlaygroundError):
        lock = leases.taken_over(connection, namespace, name, by)
    try:
        yield
    finally:
        if lock is not None:
            ended = not is_unended() and lock.is_held()
            lock.release()
            with suppress(PlaygroundError):
                if ended:
                    delete(connection, _path(namespace, name))
                left = _read(connection, namespace, INSIDE) if ended and name == OUTSIDE else None
                if left and not left.is_alive:
                    delete(connection, _path(namespace, INSIDE))


def under_way(connection: Connection, namespace: str) -> Deploying | None:
    """Return the mark, if there is one. Raises PlaygroundError."""
    return _read(connection, namespace, OUTSIDE) or _read(connection, namespace, INSIDE)


def _read(connection: Connection, namespace: str, name: str) -> Deploying | None:
    found = connection.get(_path(namespace, name))
    if found is None:
        return None
    by, since = leases.told(found)
    return Deploying(by=by, since=since, is_alive=leases.is_held(found, connection.now()))


def _path(namespace: str, name: str) -> str:
    return path_of(leases.API, "Lease", name, namespace)
