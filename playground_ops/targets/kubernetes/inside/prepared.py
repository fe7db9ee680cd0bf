"""Gives a pod what its release has beside its commit: metadata, generated and prepared files.

The server's pod runs the commands that prepare, once for a release, in its own container: as its own user,
with its own variables, and without credentials for git or an index. What they made is kept on the claim,
where a pod that is made anew and pods of runs find it.
"""

import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from playground_ops.core.messages import PREPARING, message
from playground_ops.render.names import (
    ARTIFACTS,
    ARTIFACTS_FOLDER,
    CHOSEN_BUILD,
    ENVIRONMENTS_FOLDER,
    LIVE_NUMBERS,
    METADATA_FOLDER,
    OWN_BUILDS,
    PREPARED_FOLDER,
)
from playground_ops.targets.common import own_metadata, preparing
from playground_ops.targets.common.atomic_folder import room
from playground_ops.targets.common.prepared_by_default import steps
from playground_ops.targets.common.preparing import Preparation, Step, configured
from playground_ops.targets.common.project import Project

OPS = "ops"
"""The location that never takes files which code of others could write: it has rights of its own."""
DEFAULT_SECONDS = 150.0
"""Seconds for what is prepared without being configured: less than the startup probe leaves at least."""


@dataclass(frozen=True)
class Places:
    """Where things are in a pod; tests have them elsewhere."""

    metadata: Path = Path(METADATA_FOLDER)
    prepared: Path = Path(PREPARED_FOLDER)
    claim: Path = Path(ARTIFACTS_FOLDER)
    environments: Path = Path(ENVIRONMENTS_FOLDER)
    chosen_build: Path = Path(CHOSEN_BUILD)


@dataclass(frozen=True)
class Orders:
    """What this pod may do for its release."""

    commands: Sequence[Sequence[str]] | None
    """None: what dbt and components need."""
    seconds: float
    is_server: bool
    """Only a server prepares; pods of runs and smoke tests take what is there."""


class Prepared:
    """What the release of this pod has.

    `variables`: those of its container; `known`: returns those of a process that runs the project's code.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        environment: Path | None,
        known: Callable[[Project], Mapping[str, str]],
        places: Places | None = None,
    ) -> None:
        self._variables, self._environment, self._known = variables, environment, known
        self._places = places or Places()
        self._location = variables.get("PLAYGROUND_LOCATION", "")
        self._number = variables.get("PLAYGROUND_RELEASE", "")

    def ensure(self, project: Project, orders: Orders) -> Project:
        """Return the project as the release has it. Raises PlaygroundError."""
        if self._location in ("", OPS) or not self._number.isdigit():
            return project
        build = self._build()
        found = replace(project, metadata=self._metadata(project, build))
        generated = build / "generated" if build and (build / "generated").is_dir() else None
        kept = self._kept
        todo: Sequence[Step] = ()
        if orders.is_server:
            self._prune()
            todo = () if kept.is_file() else self._steps(found, orders)
        if generated is None and not todo and not kept.is_file():
            return found
        copy = preparing.copied(found, generated, self._places.prepared / found.checkout.name)
        if kept.is_file():
            _unpack(kept, copy.checkout)
        elif todo:
            self._prepare(copy, todo, orders.seconds)
        return copy

    @property
    def _kept(self) -> Path:
        """Return the archive of what was prepared for this release at this commit."""
        name = f"{self._number}-{self._variables.get('PLAYGROUND_COMMIT', '')}.tar"
        return self._places.claim / ".prepared" / self._location / name

    def _build(self) -> Path | None:
        try:
            return self._places.environments / OWN_BUILDS / self._places.chosen_build.read_text()
        except FileNotFoundError:
            return None

    def _metadata(self, project: Project, build: Path | None) -> Path | None:
        if build is not None:
            return build / "metadata"
        if (declared := own_metadata.declared(project)) is None:
            return None
        folder = self._places.metadata
        own_metadata.write(declared, folder)
        return folder

    def _steps(self, project: Project, orders: Orders) -> list[Step]:
        if orders.commands is not None:
            return configured(orders.commands)
        return steps(project, "python", _libraries(self._environment))

    def _prepare(self, copy: Project, todo: Sequence[Step], seconds: float) -> None:
        subject = f"release/{self._location}-{self._number}"
        variables = {**self._known(copy), "PYTHONUNBUFFERED": "1"}
        before = _seen(copy.checkout)
        preparing.prepare(copy, Preparation(subject, todo, variables, seconds), told)
        told("")
        changed = [place for place, state in _seen(copy.checkout).items() if before.get(place) != state]
        with room(f"claim/{ARTIFACTS}"):
            _pack(copy.checkout, changed, self._kept)

    def _prune(self) -> None:
        """Remove what belonged to releases of this location that are gone."""
        live = set(self._variables.get(LIVE_NUMBERS, "").split())
        for file in self._kept.parent.glob("*-*.tar") if live else ():
            if file.name.partition("-")[0] not in {*live, self._number}:
                file.unlink(missing_ok=True)


def told(line: str) -> None:
    """Tell the rollout what is being prepared."""
    print(message(PREPARING, line=line), flush=True)


def _libraries(environment: Path | None) -> list[Path]:
    if environment is not None:
        return list((environment / "lib").glob("python*/site-packages"))
    import sysconfig

    return [Path(sysconfig.get_path("purelib"))]


def _seen(tree: Path) -> dict[str, tuple[int, int]]:
    """Return every file and link by its path in the tree, with what changes when it is written."""
    found = {}
    for folder, below, names in os.walk(tree):
        below[:] = [name for name in below if name != "__pycache__"]
        links = [name for name in below if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            state = Path(folder, name).lstat()
            found[Path(folder, name).relative_to(tree).as_posix()] = (state.st_mtime_ns, state.st_size)
    return found


def _pack(tree: Path, places: Sequence[str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    writing = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tarfile.open(writing, "w") as archive:
            for place in places:
                archive.add(tree / place, place, recursive=False)
        writing.replace(target)
    finally:
        writing.unlink(missing_ok=True)


def _unpack(archive: Path, tree: Path) -> None:
    with tarfile.open(archive) as found:
        if hasattr(tarfile, "data_filter"):
            found.extractall(tree, filter="tar")
        else:
            found.extractall(tree)
