"""Kubernetes objects by their fields: what differs, and who owns what. Pure.

Rules: Kubernetes documentation, "Server-Side Apply"; meta/v1 ManagedFieldsEntry and FieldsV1.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.core.plan import FieldChange
from playground_ops.core.redact import MASK

_SERVERS = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
}
"""Metadata that the API server writes."""
_KEYS = ("name", "mountPath", "containerPort", "port", "ip", "host", "key", "type")
"""By which entries of a list are told apart, where all of them have one."""
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kubelet", "k3s", "rke2")
"""Managers whose fields are nobody's change."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Field by field, in order of their paths. Values of a Secret are masked."""
    masked = after.get("kind") == "Secret"
    was, will = dict(_leaves(_own(before), "")), dict(_leaves(_own(after), ""))
    return tuple(
        FieldChange(path=path, before=_text(was, path, masked), after=_text(will, path, masked))
        for path in sorted({*was, *will})
        if was.get(path) != will.get(path)
    )


def missing(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Where `live` is not as `wanted` says; what it has besides is not looked at."""
    masked = wanted.get("kind") == "Secret"
    was, will = dict(_leaves(_own(live), "")), dict(_leaves(_own(wanted), ""))
    return tuple(
        FieldChange(path=path, before=_text(was, path, masked), after=_text(will, path, masked))
        for path in sorted(will)
        if was.get(path) != will[path] and will[path] not in ({}, [])
    )


def foreign(found: Mapping[str, Any], managers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Fields that somebody else set: (path, who). `managers` are the stack's own."""
    return tuple(
        (path, manager)
        for path, manager in owners(found)
        if manager not in managers and not manager.startswith(CONTROLLERS)
    )


def owners(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Fields, without those of the status, and who set them: (path, who)."""
    return tuple(
        sorted(
            (path, entry.get("manager", ""))
            for entry in found.get("metadata", {}).get("managedFields", ())
            if entry.get("subresource", "") in ("", "scale")
            for path in _owned(entry.get("fieldsV1", {}), "")
            if path
        )
    )


def _own(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in _SERVERS}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for name, inner in zip(_names(value), value, strict=True):
            yield from _leaves(inner, f"{path}[{name}]")
    else:
        yield path, value


def _names(entries: list[Any]) -> list[Any]:
    for key in _KEYS:
        found = [entry.get(key) if isinstance(entry, Mapping) else None for entry in entries]
        if None not in found and len(set(map(str, found))) == len(found):
            return found
    return list(range(len(entries)))


def _text(leaves: Mapping[str, Any], path: str, masked: bool) -> str | None:
    if path not in leaves:
        return None
    if masked and path.split(".", maxsplit=1)[0] in ("data", "stringData"):
        return MASK
    value = leaves[path]
    return value if isinstance(value, str) else json.dumps(value)


def _owned(fields: Mapping[str, Any], path: str) -> Iterator[str]:
    """Paths of the leaves of FieldsV1: `f:` a field, `k:` an entry by its key, `v:` by its value."""
    inner = {key: value for key, value in fields.items() if key != "."}
    if not inner:
        yield path
    for key, value in inner.items():
        kind, _, name = key.partition(":")
        if kind == "f":
            yield from _owned(value, f"{path}.{name}" if path else name)
        elif kind == "k":
            entry = "/".join(str(part) for part in json.loads(name).values())
            yield from _owned(value, f"{path}[{entry}]")
        else:
            yield f"{path}[{name}]"
