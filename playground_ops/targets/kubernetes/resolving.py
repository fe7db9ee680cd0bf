"""What a ref means now, asked by a short pod with the location's own git credentials."""

from __future__ import annotations

import re
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.model import Location, Revision
from playground_ops.render import resolver
from playground_ops.targets import refs
from playground_ops.targets.git_failures import explain, too_slow
from playground_ops.targets.kubernetes import shortpods
from playground_ops.targets.kubernetes.connection import Connection

RESOLVE_SECONDS = 45
"""Of the pod; a pod that is not even started by then is no answer either."""
_REF = re.compile(r"^[0-9a-f]{40,64}\t", re.MULTILINE)


def resolve(
    connection: Connection, configuration: Configuration, location: Location, ref: str | None
) -> Revision:
    """Pin `ref` (None: the configured one). A full commit needs no pod. Raises PlaygroundError."""
    url, wanted = location.repository or "", ref or location.ref
    known = refs.pinned(url, wanted)
    if known is not None:
        return known
    name = f"dagster-resolve-{location.name}-{uuid4().hex[:8]}"
    pod = resolver.render(location, refs.names(wanted), configuration, name, RESOLVE_SECONDS)
    ended = shortpods.run(connection, pod, RESOLVE_SECONDS, lambda what: _not_there(url, what))
    exact, _, every = _answer(ended, url).partition(f"{resolver.ALL}\n")
    return refs.chosen(url, wanted, exact, lambda: every)


def _answer(ended: shortpods.Ended, url: str) -> str:
    """Raises PlaygroundError with what git said."""
    if ended.code == 0:
        kept = [line for line in ended.said.splitlines() if _REF.match(line) or line == resolver.ALL]
        return "\n".join(kept) + "\n"
    if ended.too_late:
        raise PlaygroundError(too_slow(refs.thing(url), RESOLVE_SECONDS, ended.said))
    raise PlaygroundError(explain(refs.thing(url), ended.said))


def _not_there(url: str, what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=refs.thing(url),
        observed=f"No answer after {RESOLVE_SECONDS} s: {what}.",
        cause="The cluster has no room, or pulls an image slowly.",
        fix="It is tried again; `kubectl get pods -l app.kubernetes.io/component=resolver` shows it.",
    )
