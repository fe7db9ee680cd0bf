"""What locations keep on the one volume that all of them share, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pydantic import Field

from playground_ops.core.component import Room
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import Location
from playground_ops.core.pod_settings import amount


class Kept(FrozenModel):
    """What lies in the folders of one location, as far as it was measured."""

    parts: Mapping[str, int] = Field(default_factory=dict)
    """Bytes on the disk by the first folder, as `storage`."""
    largest: tuple[tuple[str, int], ...] = ()
    """The largest folders with their bytes, the largest first."""
    files: int = 0
    closed: int = 0
    """Folders and files that could not be looked at: what they hold is not counted."""
    is_whole: bool = True
    """Whether all was counted; otherwise it is more than that."""

    @property
    def bytes(self) -> int:
        return sum(self.parts.values())


def together(several: Sequence[Kept]) -> Kept:
    """Return what lies in several folders, with as many of the largest as one of them has."""
    parts: Counter[str] = Counter()
    for one in several:
        parts.update(one.parts)
    largest = sorted((each for one in several for each in one.largest), key=lambda one: -one[1])
    return Kept(
        parts=dict(parts),
        largest=tuple(largest[: max((len(one.largest) for one in several), default=0)]),
        files=sum(one.files for one in several),
        closed=sum(one.closed for one in several),
        is_whole=all(one.is_whole for one in several),
    )


class SharedFiles(FrozenModel):
    """The volume, and what of it belongs to whom."""

    room: Room | None = None
    """None where it can't be measured from here."""
    share: int = 0
    """Bytes that a location may keep which has no `room` of its own; 0: nobody knows."""
    kept: Mapping[str, Kept] = Field(default_factory=dict)
    """By location; one is missing where its files can't be seen from here, or lie on a volume of its own."""

    def bound(self, location: Location) -> int:
        """Return the bytes that the location may keep; 0 where nobody knows."""
        return int(Decimal(amount(location.room))) if location.room else self.share
