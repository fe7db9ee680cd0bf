"""Where a location's objects lie: in the stack's namespace, or in one of an isolated location's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from playground_ops.config import Configuration
from playground_ops.render.names import OF_NAMESPACE, Object, location_service


@dataclass(frozen=True)
class Place:
    namespace: str
    account: str | None = None
    """Of its pods; None: the namespace's default one."""
    tags: dict[str, str] = field(default_factory=dict)
    """Labels of whatever is outside of the stack's namespace: to which stack it belongs."""


def place(configuration: Configuration, location: str) -> Place:
    own, namespace = configuration.kubernetes.namespace, configuration.namespace_of(location)
    if namespace == own:
        return Place(own)
    return Place(namespace, location_service(location), {OF_NAMESPACE: own})


def host(configuration: Configuration, service: str, location: str) -> str:
    """Of a location's Service, as the stack's own pods reach it."""
    namespace = configuration.namespace_of(location)
    return service if namespace == configuration.kubernetes.namespace else f"{service}.{namespace}.svc"


def as_account(where: Place) -> Object:
    """Of a pod's specification. No token of it is mounted."""
    return {"serviceAccountName": where.account} if where.account else {}
