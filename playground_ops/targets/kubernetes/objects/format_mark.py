"""The format of what a stack stores in a cluster: its mark, a ConfigMap that a person's deploy writes.

`ops` reads it. It works in the format that is there until a person's deploy has migrated it.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core import formats
from playground_ops.core.errors import LockHeld
from playground_ops.core.formats import BEFORE_MARKS, OWN, Mark, Say, Step
from playground_ops.core.plan import Change, FieldChange
from playground_ops.render.admission import FORMAT
from playground_ops.render.names import CONFIGURATION, an_object, labels
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.objects.applying import apply_object
from playground_ops.targets.kubernetes.releases import leases

COMPONENT, KEY = "format", "mark"
OBJECT = f"configmap/{FORMAT}"
LOCK = "stored.format"
"""No location has a dot in its name."""
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.5


@dataclass(frozen=True)
class Place:
    connection: Connection
    configuration: Configuration


STEPS: Sequence[Step[Place]] = (
    Step(2, f"it has a mark, the ConfigMap {FORMAT}; nothing else changes", lambda place: None),
)


def _noted(connection: Connection, namespace: str) -> Mark | None:
    found = connection.get(path_of("v1", "ConfigMap", FORMAT, namespace))
    if found is None:
        return None
    return formats.parsed(str((found.get("data") or {}).get(KEY, "")), f"{OBJECT} in {namespace}")


def stored(connection: Connection, namespace: str) -> Mark | None:
    """Return the mark; None where no stack is. Raises PlaygroundError for one that is illegible."""
    if (noted := _noted(connection, namespace)) is not None:
        return noted
    there = connection.metadata(path_of("v1", "ConfigMap", CONFIGURATION, namespace))
    return BEFORE_MARKS if there is not None else None


def must_fit(connection: Connection, namespace: str, own: Mark = OWN) -> None:
    """Raise PlaygroundError where the stack is of a version too new for this one. One request."""
    if (noted := _noted(connection, namespace)) is not None:
        formats.must_fit(noted, f"stack/{namespace}", own)


def planned(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return the change of the format, where it is another; a version alone is noted by the next deploy."""
    found = stored(connection, configuration.kubernetes.namespace)
    if found is None or found.model_copy(update={"version": OWN.version}) == formats.after(found):
        return []
    field = FieldChange(path="format", before=str(found.format), after=str(OWN.format))
    return [
        Change(
            component="configuration",
            kind="stack",
            object=OBJECT,
            action="update",
            fields=(field,),
            needs_bootstrap=connection.is_ops,
        )
    ]


def migrate(place: Place, say: Say, own: Mark = OWN, steps: Sequence[Step[Place]] = STEPS) -> None:
    """Bring what is stored to this program's format, once, whoever else does so too. Raises PlaygroundError.

    The mark is written last: what is killed halfway is repeated.
    """
    namespace = place.configuration.kubernetes.namespace
    found = stored(place.connection, namespace)
    if found is None:
        _write(place.connection, namespace, own)
    elif formats.due(steps, found, own):
        with _alone(place.connection, namespace):
            _bring(place, stored(place.connection, namespace) or found, say, own, steps)
    else:
        _bring(place, found, say, own, steps)


def _bring(place: Place, found: Mark, say: Say, own: Mark, steps: Sequence[Step[Place]]) -> None:
    namespace = place.configuration.kubernetes.namespace
    formats.must_fit(found, f"stack/{namespace}", own)
    wanted = formats.migrated(steps, found, place, say, own)
    if wanted != found:
        _write(place.connection, namespace, wanted)


def _write(connection: Connection, namespace: str, mark: Mark) -> None:
    tags = labels(FORMAT, COMPONENT)
    made = an_object("v1", "ConfigMap", FORMAT, namespace, tags, data={KEY: formats.as_text(mark)})
    apply_object(connection, made)


@contextmanager
def _alone(connection: Connection, namespace: str) -> Iterator[None]:
    """Lock out other migrations, by a lease that expires. Raises LockHeld after a while."""
    with ExitStack() as held:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                held.enter_context(leases.lease(connection, namespace, LOCK, f"{FORMAT} {os.getpid()}"))
                break
            except LockHeld:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(LOOK_SECONDS)
        yield
