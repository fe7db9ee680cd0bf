"""What locations keep on the claim for artifacts, as the pods of `ops` see it; what runs print there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.component import Room
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.files import Kept, SharedFiles, together
from playground_ops.core.model import MAIN
from playground_ops.core.pod_settings import amount
from playground_ops.render.deployments import FOLDER
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, FILES_FOLDER, LOGS, LOGS_FOLDER
from playground_ops.targets.common.captured import cut_runs
from playground_ops.targets.common.measuring import Folders, measure
from playground_ops.targets.kubernetes.homes import Homes

STORE = "measured.json"
"""A file in the folder of `ops`, which no location's pods have."""
OF_RUNS = "of runs"


@dataclass(frozen=True)
class KeptFiles:
    configuration: Configuration
    homes: Homes
    files: Path = Path(FILES_FOLDER)
    own: Path = Path(ARTIFACTS_FOLDER)
    logs: Path = Path(LOGS_FOLDER)
    """The folder of what runs of the main deployment print."""
    logs_of_others: Path = Path(FOLDER)
    """The folder with one of each other deployment."""

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
        """Return what runs of all deployments have printed; of those that were taken out too."""
        if not self.files.is_dir():
            return None
        others = sorted(self.logs_of_others.iterdir()) if self.logs_of_others.is_dir() else []
        logs = {OF_RUNS: self.logs, **{f"{OF_RUNS} of {one.name}": one / LOGS for one in others}}
        folders = {name: Folders(where, [where]) for name, where in logs.items()}
        return together(list(measure(self.own / STORE, folders, seconds).values()))

    def cut_logs(self, most: int) -> Sequence[str]:
        told: list[str] = []
        findings: list[Finding] = []
        for name in self.configuration.deployment_names:
            try:
                told += cut_runs(self.homes.of(name), self._logs_of(name), most)
            except PlaygroundError as error:
                findings += error.findings  # the others are cut all the same
        if findings and not told:
            raise PlaygroundError(*findings)
        return told

    def _logs_of(self, deployment: str) -> Path:
        return self.logs if deployment == MAIN else self.logs_of_others / deployment / LOGS
