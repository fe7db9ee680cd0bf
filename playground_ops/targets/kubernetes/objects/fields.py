"""Compares Kubernetes objects field by field, and finds who owns which field. Pure.

Rules: Kubernetes documentation, "Server-Side Apply"; meta/v1 ManagedFieldsEntry and FieldsV1.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.core.plan import FieldChange
from playground_ops.core.redact import MASK

_SERVERS = {
    *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation"),
    *("managedFields", "resourceVersion", "selfLink", "uid"),
}
"""Metadata that the API server writes."""
_KEYS = ("name", "mountPath", "containerPort", "port", "ip", "host", "key", "type")
"""Keys by which the entries of a list are told apart, where every entry has one."""
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kubelet", "k3s", "rke2")
"""Field managers whose fields no person changed."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return the changed fields in order of their paths. Values of a Secret are masked."""
    return tuple(change for change, _ in _compared(before, after))


def missing(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return where `live` is not as `wanted` says; fields that only `live` has are ignored."""
    return tuple(change for change, value in _compared(live, wanted) if value not in ({}, []))


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[FieldChange, Any]]:
    """Yield each changed field with its value in `after`; `{}` where it has none there."""
    masked = after.get("kind") == "Secret"
    was, will = dict(_leaves(_own(before), "")), dict(_leaves(_own(after), ""))
    for path in sorted({*was, *will}):
        if was.get(path) != will.get(path):
            texts = (_text(leaves, path, masked) for leaves in (was, will))
            yield FieldChange(path=path, before=next(texts), after=next(texts)), will.get(path, {})


def foreign(found: Mapping[str, Any], managers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the fields that somebody else set, as (path, manager). `managers` are the stack's own."""
    return tuple(
        (path, manager)
        for path, manager in owners(found)
        if manager not in managers and not manager.startswith(CONTROLLERS)
    )


def owners(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return all fields outside of the status, as (path, manager)."""
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
    """Yield the leaves of FieldsV1: `f:` is a field, `k:` an entry by its key, `v:` one by its value."""
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
