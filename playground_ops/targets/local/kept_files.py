"""What the releases of locations keep in the state folder, and what runs leave there.

Values and what runs print lie in one folder, by asset and by run: nobody can tell whose a value is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground_ops.core.component import Room
from playground_ops.core.files import Kept, SharedFiles, together
from playground_ops.core.model import MAIN
from playground_ops.targets.common.captured import cut_runs
from playground_ops.targets.common.measuring import Folders, measure
from playground_ops.targets.local.folder import StateFolder

STORE = "measured.json"
OF_RUNS = "of runs"


@dataclass(frozen=True)
class KeptFiles:
    folder: StateFolder

    @property
    def storages(self) -> list[Path]:
        """Return the folders of Dagster's LocalArtifactStorage, by its default, of all deployments."""
        return [one.dagster_home / "storage" for one in self.folder.instances]

    def kept(self, locations: Sequence[str], seconds: float) -> SharedFiles:
        root = self.folder.root
        room = Room.seen(f"disk of {root}", root)
        if room is None:
            return SharedFiles()
        folders = {name: Folders(root, list(self._of(name))) for name in locations}
        kept = measure(root / STORE, folders, seconds)
        return SharedFiles(room=room, share=room.bytes_total // 2, kept=kept)

    def of_runs(self, seconds: float) -> Kept | None:
        """Return what runs of all deployments leave; of those that were taken out too."""
        names = [one.deployment for one in self.folder.instances]
        known = [OF_RUNS if name == MAIN else f"{OF_RUNS} of {name}" for name in names]
        folders = {name: Folders(one, [one]) for name, one in zip(known, self.storages, strict=True)}
        return together(list(measure(self.folder.root / STORE, folders, seconds).values()))

    def cut_logs(self, most: int) -> Sequence[str]:
        return [
            said
            for one in self.folder.instances
            for said in cut_runs(one.dagster_home, one.dagster_home / "storage", most)
        ]

    def _of(self, location: str) -> Iterator[Path]:
        """Yield what lies there of its releases, by their names."""
        release = re.compile(rf"{re.escape(location)}-\d+(\.log(\.1)?)?")
        for folder in (self.folder.prepared, self.folder.root / "logs"):
            yield from (one for one in folder.glob(f"{location}-*") if release.fullmatch(one.name))
