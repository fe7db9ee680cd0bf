"""Compares Kubernetes objects field by field, and finds who owns which field. Pure.

Rules: Kubernetes documentation, "Server-Side Apply"; meta/v1 ManagedFieldsEntry and FieldsV1.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from playground_ops.core.plan import FieldChange
from playground_ops.core.redact import MASK, redact
from playground_ops.targets.kubernetes.objects.embedded import LAYOUT, mapping_in

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


class Changed(NamedTuple):
    path: str
    before: Any
    """None where there is nothing."""
    after: Any
    is_within: bool = False
    """Whether it is within a text that is a document, as `configvalues.yaml:code_locations[a].repo.ref`."""


def missing(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return where `live` is not as `wanted` says; fields that only `live` has are ignored."""
    return tuple(change for change, value in _compared(live, wanted) if value not in ({}, []))


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[FieldChange, Any]]:
    """Yield each changed field with its value in `after`; `{}` where it has none there."""
    masked = after.get("kind") == "Secret"
    for found in changed_leaves(_own(before), _own(after)):
        was, will = (_text(found, value, masked) for value in (found.before, found.after))
        # What is gone from a text is a change of that text.
        value = found.is_within or ({} if found.after is None else found.after)
        yield FieldChange(path=found.path, before=was, after=will), value


def changed_leaves(before: Any, after: Any) -> Iterator[Changed]:
    """Yield the values that differ by path; of two texts that are documents, those within them."""
    was, will = dict(_leaves(before, "")), dict(_leaves(after, ""))
    for path in sorted({*was, *will}):
        old, new = was.get(path), will.get(path)
        if old == new:
            continue
        olds, news = mapping_in(old), mapping_in(new)
        if olds is None or news is None:
            yield Changed(path, old, new)
        else:
            yield from _within(path.removeprefix("data."), olds, news)


def _within(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Changed]:
    if before == after:
        yield Changed(name, "as applied", LAYOUT, is_within=True)
    for found in changed_leaves(before, after):
        yield Changed(f"{name}:{found.path}", found.before, found.after, is_within=True)


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


def _text(found: Changed, value: Any, masked: bool) -> str | None:
    if value is None:
        return None
    of_code = found.is_within and ".environment." in found.path  # it may be a secret, though it should not
    if of_code or (masked and (found.is_within or found.path.partition(".")[0] in ("data", "stringData"))):
        return MASK
    text = value if isinstance(value, str) else json.dumps(value)
    return redact(text) if found.is_within else text


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
