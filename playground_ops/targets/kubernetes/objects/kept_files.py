"""What locations keep on the claim for artifacts, as the pods of `ops` see it; what runs print there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.component import Room
from playground_ops.core.files import Kept, SharedFiles
from playground_ops.core.pod_settings import amount
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, FILES_FOLDER, LOGS_FOLDER
from playground_ops.targets.common.captured import cut_runs
from playground_ops.targets.common.measuring import Folders, measure

STORE = "measured.json"
"""A file in the folder of `ops`, which no location's pods have."""
OF_RUNS = "of runs"


@dataclass(frozen=True)
class KeptFiles:
    configuration: Configuration
    home: Path
    """A DAGSTER_HOME of this stack."""
    files: Path = Path(FILES_FOLDER)
    own: Path = Path(ARTIFACTS_FOLDER)
    logs: Path = Path(LOGS_FOLDER)

    def kept(self, locations: Sequence[str], seconds: float) -> SharedFiles:
        """Measure; nothing where the claim is not mounted. An isolated location has another one."""
        if not self.files.is_dir():
            return SharedFiles()
        isolated = {one.name for one in self.configuration.isolated}
        asked = [name for name in locations if name not in isolated]
        folders = {name: Folders(self.files / name, [self.files / name]) for name in asked}
        return SharedFiles(
            room=Room.seen(f"persistentvolumeclaim/{ARTIFACTS}", self.files),
            share=int(amount(self.configuration.kubernetes.artifacts)) // 2,
            kept=measure(self.own / STORE, folders, seconds),
        )

    def of_runs(self, seconds: float) -> Kept | None:
        if not self.files.is_dir():
            return None
        return measure(self.own / STORE, {OF_RUNS: Folders(self.logs, [self.logs])}, seconds)[OF_RUNS]

    def cut_logs(self, most: int) -> Sequence[str]:
        return cut_runs(self.home, self.logs, most)
