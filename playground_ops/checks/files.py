"""Checks of what a location keeps on the volume that all share: how near its bound, and by what."""

from collections.abc import Mapping

from playground_ops.checks import room
from playground_ops.checks.causes import seen
from playground_ops.core.component import Room
from playground_ops.core.errors import Finding, capacity
from playground_ops.core.files import Kept, SharedFiles
from playground_ops.core.model import Location
from playground_ops.core.redact import redact

TOLD_FROM = 0.8
"""Part of the bound from which it is told."""
MUCH_OF_RUNS = 0.5
"""Part of the volume from which it is told what runs have left on it."""
MANY_INODES = 0.5
"""Part of the used inodes of a volume that is short of them, from which a location is what takes them."""
WORDS = {"storage": "values", ".prepared": "prepared files", "prepared": "prepared files", "logs": "logs"}
"""What lies in a location's folders, by the first one."""
OF_RUNS_OBJECT = "files/runs"


def is_beyond(location: Location, files: SharedFiles) -> bool:
    """Return whether its next rollout is refused.

    A bound that somebody has set is one. The default is a share, which counts when the volume is short of
    room: before that, nobody is kept from it.
    """
    kept = files.kept.get(location.name)
    if kept is None:
        return False
    above = 0 < files.bound(location) < kept.bytes
    if location.room:
        return above
    return bool(files.room and room.volume(files.room)) and (above or _has_most_files(kept, files))


def _has_most_files(kept: Kept, files: SharedFiles) -> bool:
    there = files.room
    if there is None or not there.inodes_total:
        return False
    short = there.inodes_free < min(room.LEAST_FREE * there.inodes_total, room.ENOUGH_INODES)
    return short and kept.files > MANY_INODES * (there.inodes_total - there.inodes_free)


def of_location(location: Location, files: SharedFiles) -> list[Finding]:
    """Return what `health` tells: from some part of the bound, and as a failure what refuses a rollout."""
    kept, bound = files.kept.get(location.name), files.bound(location)
    if kept is None:
        return []
    if is_beyond(location, files):
        return [seen(refused(location, files), urgent=True)]
    if bound and kept.bytes > TOLD_FROM * bound:
        return [_filling(location, kept, files)]
    return [_closed(location, kept)] if kept.closed else []


def of_runs(there: Room | None, kept: Kept | None) -> list[Finding]:
    """Return whether what runs have left fills the volume."""
    if there is None or kept is None or kept.bytes < MUCH_OF_RUNS * there.bytes_total:
        return []
    return [_much_of_runs(kept)]


def numbers(files: SharedFiles) -> dict[str, dict[str, int]]:
    """Return the MiB that each location keeps, by name and label."""
    return {name: {"files, MiB": one.bytes // room.MIB} for name, one in files.kept.items()}


def refused(location: Location, files: SharedFiles) -> Finding:
    """Return why its next rollout is refused, and stays refused until there is room."""
    kept = files.kept[location.name]
    return capacity(
        object=f"location/{location.name}",
        observed=f"It keeps {_told(kept)}{_of(location, files)}: {_what(kept)}.",
        cause="What its code writes stays, and all locations share the volume: what one fills, the others "
        "have not. What serves goes on; its next rollout is refused.",
        fix=_FIX + ", or force the rollout of code that keeps less.",
    )


def warnings(location: Location, files: SharedFiles) -> list[str]:
    """Return what a rollout that is not refused tells of room, a sentence each."""
    kept, told = files.kept.get(location.name), []
    bound = files.bound(location)
    if kept is not None and (is_beyond(location, files) or 0 < TOLD_FROM * bound < kept.bytes):
        told.append(f"it keeps {_told(kept)}{_of(location, files)}: {_what(kept)}")
    if files.room and (short := room.volume(files.room)):
        most = _most(files.kept)
        told.append(f"{short[0].object}: {short[0].observed}{most}")
    return told


def _filling(location: Location, kept: Kept, files: SharedFiles) -> Finding:
    default = (
        "" if location.room else " While others have room it may keep more, as it has no `room` of its own."
    )
    return capacity(
        object=f"location/{location.name}",
        observed=f"It keeps {_told(kept)}{_of(location, files)}: {_what(kept)}.",
        cause=f"What its code writes stays. Above that its next rollout is refused.{default}",
        fix=f"{_FIX}.",
    )


_FIX = "Delete what nobody needs, or raise `room` of the location"


def _closed(location: Location, kept: Kept) -> Finding:
    return capacity(
        object=f"location/{location.name}",
        observed=f"{kept.closed} of its folders and files can't be looked at: nobody knows what they take.",
        cause="Its code took the right to read them away, or their names are too long.",
        fix="Give it back, as by `chmod`, or delete them.",
    )


def _much_of_runs(kept: Kept) -> Finding:
    return capacity(
        object=OF_RUNS_OBJECT,
        observed=f"What runs have left takes {_told(kept)}: {_largest(kept)}.",
        cause="A run printed very much, or the runs of a long time are kept; on one machine the values of "
        "all locations lie there too.",
        fix="Find the run or the asset of such a folder's name in the UI, which shows its location, and "
        "delete what nobody needs. A folder with a name of neither is nobody's; it may be removed.",
    )


def _of(location: Location, files: SharedFiles) -> str:
    """Return what it may keep, as part of a sentence."""
    bound = files.bound(location)
    if not bound:
        return ""
    return (
        f" of the {room.size(bound)} that it may"
        if location.room
        else f", and its share is {room.size(bound)}"
    )


def _told(kept: Kept) -> str:
    return f"{'' if kept.is_whole else 'more than '}{room.size(kept.bytes)} in {kept.files} files"


def _what(kept: Kept) -> str:
    sums: dict[str, int] = {}
    for name, count in kept.parts.items():
        word = WORDS.get(name, "other files")
        sums[word] = sums.get(word, 0) + count
    parts = [f"{room.size(count)} of {word}" for word, count in sorted(sums.items(), key=lambda one: -one[1])]
    return f"{', '.join(parts) or 'nothing'}; most of it in {_largest(kept)}"


def _largest(kept: Kept) -> str:
    return redact(", ".join(f"{name} ({room.size(count)})" for name, count in kept.largest)) or "no folder"


def _most(kept: Mapping[str, Kept]) -> str:
    if not kept:
        return ""
    name, most = max(kept.items(), key=lambda one: one[1].bytes)
    return f" Most of the locations' files are {name}'s: {_told(most)}."
