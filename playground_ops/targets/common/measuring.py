"""What locations keep, measured in the time that a look has, and remembered where that was not enough.

A folder that can't be walked through within one look is walked on at the next, in the process that looks
every minute; others read its last result from a file, for as long as that is of use.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from playground_ops.core.files import Kept
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.targets.common.walking import Walk

REMEMBERED_SECONDS = 3600.0


@dataclass(frozen=True)
class Folders:
    """Where the files of one owner lie."""

    base: Path
    """What paths are told from."""
    roots: Sequence[Path]


class Remembered(FrozenModel):
    at: float
    """Seconds since 1970."""
    kept: Kept


_STORED = TypeAdapter(dict[str, Remembered])


@dataclass
class Measuring:
    """The walks of one stack in this process; `store` is a file that outlives it."""

    store: Path
    _walks: dict[str, Walk] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def look(self, folders: Mapping[str, Folders], seconds: float) -> dict[str, Kept]:
        """Measure for at most `seconds` in all; each has its part of them, and what another leaves.

        What was not walked through last time is last: one with very many files keeps no other from its turn.
        """
        with self._lock:
            stored, found = self._read(), {}
            before = dict(stored)
            deadline = time.monotonic() + seconds
            order = sorted(folders, key=lambda name: name in self._walks)
            for number, name in enumerate(order):
                part = max(deadline - time.monotonic(), 0.0) / (len(order) - number)
                found[name] = self._one(name, folders[name], part, stored)
            if stored != before:
                self._write({name: one for name, one in stored.items() if _is_of_use(one)})
            return found

    def _one(self, name: str, folders: Folders, seconds: float, stored: dict[str, Remembered]) -> Kept:
        is_another = name in self._walks
        walk = self._walks.setdefault(name, Walk(folders.base, folders.roots))
        if walk.go_on(seconds):
            del self._walks[name]
            kept = walk.kept.model_copy(update={"is_whole": not walk.lost})
            if is_another:
                stored[name] = Remembered(at=time.time(), kept=kept)
            else:
                stored.pop(name, None)
            return kept
        known = stored.get(name)
        if known and _is_of_use(known) and known.kept.bytes >= walk.kept.bytes:
            return known.kept
        return walk.kept

    def _read(self) -> dict[str, Remembered]:
        try:
            return _STORED.validate_json(self.store.read_bytes())
        except (OSError, ValidationError):
            return {}

    def _write(self, stored: Mapping[str, Remembered]) -> None:
        """Write it whole or not at all; where nothing can be written, it is measured anew."""
        made = self.store.with_name(f".{self.store.name}.{uuid4().hex[:8]}")
        with suppress(OSError):
            text = json.dumps({name: one.model_dump(mode="json") for name, one in stored.items()})
            made.write_text(text)
            made.replace(self.store)
        made.unlink(missing_ok=True)


def _is_of_use(one: Remembered) -> bool:
    return time.time() - one.at < REMEMBERED_SECONDS


_MEASURING: dict[Path, Measuring] = {}


def measure(store: Path, folders: Mapping[str, Folders], seconds: float) -> dict[str, Kept]:
    """Measure with what this process knows from earlier looks. `store`: a file that nobody else writes."""
    return _MEASURING.setdefault(store, Measuring(store)).look(folders, seconds)
