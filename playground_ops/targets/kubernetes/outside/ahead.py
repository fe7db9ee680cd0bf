"""Starts the pods that resolve refs before the command that needs them has begun in the pod of `ops`.

It takes half a second until that asks for such a pod, and somebody waits for a redeploy.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from playground_ops.config import Configuration
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location
from playground_ops.targets.common.refs import names, pinned
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.objects.applying import delete
from playground_ops.targets.kubernetes.pods.one_shot import create
from playground_ops.targets.kubernetes.releases import one_shot


@contextmanager
def resolving(
    connection: Connection, configuration: Configuration, arguments: Sequence[str]
) -> Iterator[list[str]]:
    """Yield the variables by which the command finds the pods; none for another command than `redeploy`.

    What can't be started is left to the command, which says why. What it did not take is deleted afterwards.
    """
    found = {}
    with ExitStack() as ended:
        for location in _to_resolve(configuration, arguments):
            pod, mark = one_shot.resolver(configuration, [location], names(location.ref))
            with suppress(PlaygroundError):
                create(connection, pod)
                found[mark] = pod["metadata"]["name"]
                ended.callback(_delete, connection, path(pod))
        told = " ".join(f"{mark}={name}" for mark, name in found.items())
        yield [f"{one_shot.AHEAD}={told}"] if told else []


def _delete(connection: Connection, where: str) -> None:
    with suppress(PlaygroundError):
        delete(connection, where, gracePeriodSeconds="0")


def _to_resolve(configuration: Configuration, arguments: Sequence[str]) -> Iterator[Location]:
    """Yield the named locations, with the ref that is asked for, where it takes a pod to resolve it."""
    if not arguments or arguments[0] != "redeploy":
        return
    words = list(arguments[1:])
    ref = words.pop(words.index("--ref") + 1) if "--ref" in words else None
    known = {one.name: one for one in configuration.locations}
    for name in dict.fromkeys(word for word in words if not word.startswith("-")):
        location = known.get(name)
        if location is None or location.repository is None:
            continue
        wanted = location.model_copy(update={"ref": ref or location.ref})
        with suppress(PlaygroundError):
            if pinned(location.repository, wanted.ref) is None:
                yield wanted
