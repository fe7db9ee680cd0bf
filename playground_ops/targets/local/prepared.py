"""What a release has beside its commit: its own metadata, and where needed a copy of the checkout.

`prepared/LOCATION-NUMBER/` is made once for a release, before its first start, and removed with it. There,
`metadata/` is on the import path; `COMMIT/` is loaded instead of the checkout where a build generated files
or commands prepared it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.config.dagster_plus import dagster_plus_variables
from playground_ops.core.model import Location, Release
from playground_ops.core.target import Say
from playground_ops.targets.common import preparing
from playground_ops.targets.common.atomic_folder import discard, locked, remove_unused, room, used
from playground_ops.targets.common.prepared_by_default import steps
from playground_ops.targets.common.preparing import Preparation, configured
from playground_ops.targets.common.process_variables import Given, variables
from playground_ops.targets.common.project import Project
from playground_ops.targets.local import environment_files
from playground_ops.targets.local.own_variables import own_variables

if TYPE_CHECKING:
    from playground_ops.targets.packages.environments import Environment

_MARKER = ".complete"
Inherited = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Caller:
    """Whoever starts a release."""

    say: Say
    inherited: Inherited = lambda: os.environ
    """Returns the variables that the release's server inherits."""


@dataclass(frozen=True)
class Prepared:
    """The folders of releases in `folder`. `home`: the DAGSTER_HOME that commands of a location see."""

    folder: Path
    home: Callable[[Location], Path]

    def checkout(self, release: Release) -> Path | None:
        """Return the copy that the release is loaded from; None where that is the commit's own checkout."""
        copy = (self.folder / release.name / release.revision.commit).resolve()
        return copy if copy.is_dir() else None

    def ensure(
        self, release: Release, project: Project, environment: "Environment", caller: Caller
    ) -> Project:
        """Return the project as the release has it; what is missing is made. Raises PlaygroundError."""
        say = caller.say
        place = self.folder.resolve() / release.name
        if not _is_whole(place, release):
            with locked(place, say), room(f"release/{release.name}"):
                if not _is_whole(place, release):
                    discard(place)
                    place.mkdir(parents=True)
                    self._make(release, project, environment, caller)
                    (place / _MARKER).write_text(release.revision.commit)
        used(place)
        copy, metadata = self.checkout(release), place / "metadata"
        found = project.moved(copy) if copy else project
        return replace(found, metadata=metadata if metadata.is_dir() else None)

    def prune(self, live: set[str]) -> None:
        """Remove what belonged to other releases than these, by their names."""
        remove_unused(self.folder, live, recent_seconds=0.0)

    def _make(self, release: Release, project: Project, environment: "Environment", caller: Caller) -> None:
        # In place, with a mark at the end: what commands write, such as dbt's manifest, may hold its path.
        place, commit = self.folder.resolve() / release.name, release.revision.commit
        generated = _own(project, release, environment, place, caller.say)
        todo = _steps(release, project, environment)
        if not todo and generated is None:
            return
        copy = preparing.copied(project, generated, place / commit)
        there = replace(copy, metadata=place / "metadata")
        seconds = float(release.location.prepare_timeout_seconds)
        found = self._variables(release, there, environment, caller.inherited())
        preparing.prepare(there, Preparation(f"release/{release.name}", todo, found, seconds), caller.say)

    def _variables(
        self, release: Release, project: Project, environment: "Environment", inherited: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return those that the release's server gets."""
        from_files = environment_files.given(release.location)
        own = own_variables(release, self.home(release.location))
        configured = {**dagster_plus_variables(release), **from_files, **own}
        given = Given(inherited=inherited, configured=configured)
        return {**inherited, **variables(given, project, environment.python)}


def _own(
    project: Project, release: Release, environment: "Environment", place: Path, say: Say
) -> Path | None:
    """Make the project's own metadata in `place`. Returns the folder of generated files, if there are any."""
    from playground_ops.targets.common import own_metadata  # here: a read-only command has 0.4 s in all

    # Without an environment of its own nothing is ever asked of an index.
    if environment.key != "shared" and own_metadata.needs_build(project):
        from playground_ops.targets.packages import own_build

        built = own_build.ensure(project, release.revision.commit, place / "built", own_build.How(), say)
        built.metadata.rename(place / "metadata")
        return built.generated if built.generated.is_dir() else None
    if (found := own_metadata.declared(project)) is not None:
        own_metadata.write(found, place / "metadata")
    return None


def _steps(release: Release, project: Project, environment: "Environment") -> list[preparing.Step]:
    if release.location.prepare is not None:
        return configured(release.location.prepare)
    libraries = list((environment.python.parent.parent / "lib").glob("python*/site-packages"))
    return steps(project, str(environment.python), libraries)


def _is_whole(place: Path, release: Release) -> bool:
    try:
        return (place / _MARKER).read_text() == release.revision.commit
    except OSError:
        return False
