"""What refs mean now, asked by a short pod with the locations' own git credentials."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.diagnose.gitwords import explain_in_pod, too_slow
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.model import Location, Revision
from playground_ops.render import resolver
from playground_ops.targets import refs, resolution
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.pods import shortpods

RESOLVE_SECONDS = 45
"""Of the pod; a pod that is not even started by then is no answer either."""
_REF = re.compile(r"^[0-9a-f]{40,64}\t", re.MULTILINE)


def resolve(
    connection: Connection, configuration: Configuration, location: Location, ref: str | None
) -> Revision:
    """Pin `ref` (None: the configured one). A full commit needs no pod. Raises PlaygroundError."""
    wanted = location.model_copy(update={"ref": ref or location.ref})
    return resolution.the_one(resolve_alike(connection, configuration, [wanted]))


def alike(location: Location) -> tuple[object, ...]:
    """Locations of which one pod can ask; for an isolated one it is in its own namespace."""
    own = location.name if location.isolation else ""
    return (location.repository, location.git_secret, location.pod.image_pull_secrets, own)


def resolve_alike(
    connection: Connection, configuration: Configuration, locations: Sequence[Location]
) -> list[resolution.Answer]:
    """Of locations with the same repository and credentials, by one pod."""
    url = locations[0].repository or ""

    def ask(names: Sequence[str]) -> tuple[str, Callable[[], str]]:
        name = f"dagster-resolve-{locations[0].name}-{uuid4().hex[:8]}"
        pod = resolver.render(locations, names, configuration, name, RESOLVE_SECONDS)
        ended = shortpods.run(connection, pod, RESOLVE_SECONDS, lambda what: _not_there(url, what))
        exact, _, every = _answer(ended, url).partition(f"{resolver.ALL}\n")
        return exact, lambda: every

    return resolution.each(url, [one.ref for one in locations], ask)


def _answer(ended: shortpods.Ended, url: str) -> str:
    """Raises PlaygroundError with what git said."""
    if ended.code == 0:
        kept = [line for line in ended.said.splitlines() if _REF.match(line) or line == resolver.ALL]
        return "\n".join(kept) + "\n"
    if ended.too_late:
        raise PlaygroundError(too_slow(refs.thing(url), RESOLVE_SECONDS, ended.said))
    raise PlaygroundError(explain_in_pod(refs.thing(url), ended.said))


def _not_there(url: str, what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=refs.thing(url),
        observed=f"No answer after {RESOLVE_SECONDS} s: {what}.",
        cause="The cluster has no room, or pulls an image slowly.",
        fix="It is tried again; `kubectl get pods -l app.kubernetes.io/component=resolver` shows it.",
    )
