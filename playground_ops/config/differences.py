"""Tells by key how two configurations of a location differ. Values of its environment are not shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from playground_ops.config.digest import NOT_A_NEW_RELEASE
from playground_ops.core.model import Location, Release
from playground_ops.core.plan import Change, FieldChange
from playground_ops.core.redact import MASK, redact

if TYPE_CHECKING:
    from playground_ops.config.configuration import Configuration

_LISTED = "environment"
"""A setting that lists names of variables; here each variable has a line."""
_FIRST = ("repository", "ref")
_CONTENT = "environment_content"
OF_OPS = FieldChange(
    path="definitions",
    before="made from the configuration as it was deployed",
    after="made from this one: its locations and deployments, what is followed, `health: interval_minutes`",
)
"""What makes `ops` a new release where nothing of its process changes."""


def told_by_key(
    fields: Sequence[FieldChange],
    was: Location,
    will: Location,
    of_pod: Callable[[], Sequence[FieldChange]] = lambda: (OF_OPS,),
) -> tuple[FieldChange, ...]:
    """Return a plan's fields of a location with hashes replaced by what they stand for.

    `of_pod` tells what differs around it, which on one machine is only so for `ops`. A hash stays where
    nothing is known of what it stands for.
    """
    paths = {one.path for one in fields}
    # What was promoted to a location is desired as it is: then its settings differ, and no digest.
    named = tuple(between(was, will)) if "configuration" in paths else ()
    around = tuple(of_pod()) if "surroundings" in paths else ()
    known = {"configuration": named or around, "surroundings": around, _LISTED: named}
    covered = {one.path for one in named}
    kept = [one for one in fields if not known.get(one.path) and one.path not in covered]
    return (*named, *around, *kept)


def telling(
    configuration: Configuration, serving: Callable[[str], Release | None]
) -> Callable[[Change], tuple[FieldChange, ...]]:
    """Return a function that tells a location's change on one machine; `serving` returns what serves."""
    wanted = {location.name: location for location in configuration.all_locations}

    def told(change: Change) -> tuple[FieldChange, ...]:
        now = serving(change.component)
        return told_by_key(change.fields, now.location, wanted[change.component]) if now else change.fields

    return told


def between(was: Location, will: Location) -> Iterator[FieldChange]:
    """Yield the settings that make another release and differ, those of the code first."""
    before, after = _settings(was), _settings(will)
    for path in sorted({*before, *after}, key=lambda path: (path not in _FIRST, path)):
        if before.get(path) != after.get(path):
            if path == _CONTENT:
                yield _of_files(before, after)
            else:
                yield FieldChange(path=path, before=_shown(path, before), after=_shown(path, after))


def _of_files(before: Mapping[str, Any], after: Mapping[str, Any]) -> FieldChange:
    return FieldChange(
        path="environment_file",
        before="its content then" if _CONTENT in before else None,
        after="its content now" if _CONTENT in after else None,
    )


def _settings(location: Location) -> dict[str, Any]:
    found = location.model_dump(mode="json", exclude={*NOT_A_NEW_RELEASE, "name", "surroundings"})
    found["ref"] = found["ref"] or "HEAD"
    return dict(_leaves(found, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif value not in (None, [], ""):
        yield path, value


def _shown(path: str, settings: Mapping[str, Any]) -> str | None:
    if path not in settings:
        return None
    if "environment" in path.split("."):
        return MASK
    value = settings[path]
    return redact(value if isinstance(value, str) else json.dumps(value))
