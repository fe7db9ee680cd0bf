"""The namespaces of a stack, and its objects that the configuration no longer has.

Claims, Secrets and the namespace are never among them; releases and records belong to the rollouts.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.plan import Change
from playground_ops.render.foundation import namespaces as rendered
from playground_ops.render.names import LOCATION, MANAGER, OF_NAMESPACE, PREFIX, RELEASE, Object
from playground_ops.render.stack import FOUNDATION
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.components import kind_of

MADE = f"{PREFIX}made-by"
"""Annotation of an isolated location's namespace that the stack created."""
FORBIDDEN = 403


def namespaces(connection: Connection, configuration: Configuration) -> tuple[str, ...]:
    """Return all namespaces, the stack's own first. `ops` may only know the configured ones."""
    known = configuration.namespaces
    if connection.is_ops:
        return known
    query = {"labelSelector": f"{OF_NAMESPACE}={configuration.kubernetes.namespace}"}
    try:
        found = connection.request("GET", collection("v1", "Namespace", ""), query=query)["items"]
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return known  # who may not list namespaces has those that are configured
    return tuple(dict.fromkeys((*known, *(one["metadata"]["name"] for one in found))))


def make_namespaces(connection: Connection, configuration: Configuration) -> None:
    """Create the missing namespaces of isolated locations, marked as ours: existing ones stay somebody's."""
    for wanted in rendered(configuration)[1:]:
        if connection.get(path(wanted)) is None:
            noted = {**wanted["metadata"], "annotations": {MADE: MANAGER}}
            connection.request("POST", collection("v1", "Namespace", ""), {**wanted, "metadata": noted})


Kind = tuple[str, str]
"""The API version and the kind."""
STACK = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
)
OF_FOUNDATION = (
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
)
OURS = f"app.kubernetes.io/managed-by={MANAGER}"
COMPONENT = "app.kubernetes.io/component"
ELSEWHERE = (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap"))
FOUNDATION_ELSEWHERE = (*OF_FOUNDATION, ("v1", "ResourceQuota"))
"""Kinds in the namespaces of isolated locations."""
LEFT_BEHIND = ("NetworkPolicy", "ResourceQuota")
"""Kinds that stay in the namespace of a removed location: they restrict what still drains, and data."""
_NOT_APPLIED = ("record", "automation", "archive", "lock", "format")


@dataclass(frozen=True)
class Found:
    """A live object of the stack."""

    content: Object
    kind: Kind

    @property
    def title(self) -> str:
        return title(self.content)


def found(connection: Connection, configuration: Configuration) -> list[Found]:
    """Return the live objects that a deploy of the stack owns."""
    rollouts = f",!{RELEASE},{COMPONENT} notin ({','.join(_NOT_APPLIED)})"

    def listed(place: tuple[str, Kind]) -> list[Found]:
        namespace, kind = place
        left = namespace not in configuration.namespaces
        # A location that was removed gets no more rollouts: its releases go too.
        query = {"labelSelector": OURS + ("" if left else rollouts)}
        items = connection.request("GET", collection(*kind, namespace), query=query)["items"]
        return [
            Found({**one, "apiVersion": kind[0], "kind": kind[1]}, kind)
            for one in items
            if not (left and kind[1] in LEFT_BEHIND)
        ]

    home, *others = namespaces(connection, configuration)
    places = [(home, kind) for kind in (*STACK, *OF_FOUNDATION)]
    places += [(other, kind) for other in others for kind in (*ELSEWHERE, *FOUNDATION_ELSEWHERE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for several in pool.map(listed, places) for one in several]


def superfluous(
    connection: Connection, configuration: Configuration, there: Sequence[Found], wanted: Collection[str]
) -> list[Change]:
    """Return what a deploy would delete of what is `there`; `wanted`: the titles of what it would keep."""
    gone = [
        _deleted(one.content, one.kind in FOUNDATION_ELSEWHERE, connection)
        for one in there
        if one.title not in wanted
    ]
    _must_not_move(configuration, gone)
    return gone


def _must_not_move(configuration: Configuration, gone: Collection[Change]) -> None:
    """Raises PlaygroundError if a location changes namespace: it would end before the new one serves."""
    names = {one.name for one in configuration.all_locations}
    addresses = [one for one in gone if one.component in names and str(one.object).startswith("service/")]
    moved = dict.fromkeys(one.component for one in addresses)
    if moved:
        raise PlaygroundError(*(_moved(name, configuration.namespace_of(name)) for name in moved))


def _deleted(found: Mapping[str, Any], foundation: bool, connection: Connection) -> Change:
    tags = found["metadata"]["labels"]
    component = str(tags.get(LOCATION) or tags.get(COMPONENT))
    return Change(
        component=FOUNDATION[0] if foundation else component,
        kind="location" if LOCATION in tags else kind_of(component),
        object=title(found),
        action="delete",
        needs_bootstrap=foundation and connection.is_ops,
        manifest=found,
    )


def _moved(name: str, namespace: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed=f"It serves in another namespace than {namespace}, where the configuration has it now.",
        cause="A location does not change its namespace while it serves: its address would change too.",
        fix="Give the isolated one another name and run it beside this one; or take the location out of the "
        "configuration, deploy, put it in again, and deploy: it is away in between.",
    )
