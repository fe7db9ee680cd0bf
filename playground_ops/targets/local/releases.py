"""Releases of a local stack as files: what was made, what served, the records, stopped automation.

A release file is written once and never changed. That a release served is a second, small file beside it, and
which one serves now is the link that the workspace's address is: state is read from there and never
remembered.

With automation off, everything that would tick by itself is stopped before the location can tick, once. What
a person then starts in the UI stays started. Switched on again, what was stopped here is reset to the code's
own default.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import Release, RolloutRecord, Verdict
from playground_ops.targets.common.server_protocol import Address
from playground_ops.targets.local.folder import (
    StateFolder,
    read_value,
    reading,
    set_aside,
    write_atomically,
    write_value,
    writing,
)

_NUMBERED = re.compile(r"^(\d+)\.json$")
KEPT_RECORDS = 100
"""Per location. Every status of a stack reads them."""
_RECORD = re.compile(r"^(\d+)-([0-9a-f]+)\.json$")


class ReleaseFiles:
    """The releases of one location that exist now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "releases"

    def numbers(self) -> list[int]:
        try:
            with reading(self._folder):
                found = [_NUMBERED.match(path.name) for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for match in found if match)

    def read(self, number: int) -> Release | None:
        return read_value(self._folder / f"{number}.json", Release)

    def all(self) -> list[Release]:
        return [release for number in self.numbers() if (release := self.read(number)) is not None]

    def add(self, release: Release) -> None:
        """Store a release. Raises ValueError when another release has its number."""
        found = self.read(release.number)
        if found is None:
            write_value(self._folder / f"{release.number}.json", release)
        elif found != release:
            raise ValueError(f"release {release.name} is there and is another one")

    def mark_served(self, release: Release, at: str) -> None:
        """Note that it serves from now on: the time, and the switch's number at this location, from 1."""
        order = 1 + max((self.served_order(found) for found in self.all()), default=0)
        write_atomically(self._mark(release, "served"), f"{at}\n{order}\n")

    def mark_draining(self, release: Release, at: str) -> None:
        write_atomically(self._mark(release, "draining"), at)

    def mark_verdict(self, release: Release, verdict: Verdict) -> None:
        write_value(self._mark(release, "verdict"), verdict)

    def verdict(self, release: Release) -> Verdict | None:
        return read_value(self._mark(release, "verdict"), Verdict)

    def served_at(self, release: Release) -> str | None:
        """Return when it last began to serve (UTC, ISO 8601); None when it never did."""
        return self._served(release)[0]

    def served_order(self, release: Release) -> int:
        return self._served(release)[1]

    def _served(self, release: Release) -> tuple[str | None, int]:
        try:
            at, _, order = self._mark(release, "served").read_text(errors="replace").partition("\n")
        except FileNotFoundError:
            return None, 0
        return at, int(order) if order.strip().isdigit() else 0

    def is_draining(self, release: Release) -> bool:
        return self._mark(release, "draining").exists()

    def unmark_draining(self, release: Release) -> None:
        self._delete(self._mark(release, "draining"))

    def remove(self, release: Release) -> None:
        for mark in ("draining", "served", "verdict"):
            self._delete(self._mark(release, mark))
        self._delete(self._folder / f"{release.number}.json")

    @staticmethod
    def _delete(path: Path) -> None:
        with writing(path):
            path.unlink(missing_ok=True)

    def _mark(self, release: Release, mark: str) -> Path:
        return self._folder / f"{release.number}.{mark}"


class RecordFiles:
    """The rollout records of one location, in the order in which they began; the last hundred."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "records"

    def all(self) -> Sequence[RolloutRecord]:
        found = (read_value(path, RolloutRecord) for path in self._paths())
        return [record for record in found if record is not None]

    def last(self) -> RolloutRecord | None:
        for path in reversed(self._paths()):
            if (record := read_value(path, RolloutRecord)) is not None:
                return record
        return None

    def save(self, record: RolloutRecord) -> None:
        paths = self._paths()
        same = next((path for path in paths if path.name.endswith(f"-{record.id}.json")), None)
        number = int(paths[-1].name.split("-")[0]) + 1 if paths else 1
        write_value(same or self._folder / f"{number:06}-{record.id}.json", record)
        if same is None:
            for old in paths[: max(0, len(paths) + 1 - KEPT_RECORDS)]:
                with writing(old):
                    old.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        try:
            with reading(self._folder):
                found = [path for path in self._folder.iterdir() if _RECORD.match(path.name)]
        except FileNotFoundError:
            return []
        return sorted(found)


def apply_automation(
    folder: StateFolder, home: Path, release: Release, address: Address, loaded: LoadedCode
) -> Sequence[str]:
    """Stop automation, or reset it, in the instance at `home`. Returns a name for each that changed."""
    path = folder.location(release.location.name) / "automation.json"
    known = _stopped_before(path)
    from playground_ops.targets.common import instance

    name = release.location.name
    if release.location.automation == "off":
        now = instance.stop_automations(home, name, address, loaded, known)
        if now != known:
            write_atomically(path, json.dumps(now))
        return [f"{found} is stopped" for found in now if found not in known]
    if not known:
        return []
    instance.release_automations(home, name, address, loaded, known)
    path.unlink()
    return [f"{found} is as the code says again" for found in known]


def _stopped_before(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(path.read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        set_aside(path)
        return []
