"""Turns a revision into a folder and a Python that can run it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.core.checkout import Checkout, pointers
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain, transient
from playground_ops.core.model import Dependencies, Location, Release, Revision
from playground_ops.core.target import Say
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.common.sources import bootstrap_revision, content_hash, sources_of
from playground_ops.targets.local import git, large_files
from playground_ops.targets.local.checkouts import Checkouts
from playground_ops.targets.local.folder import StateFolder

if TYPE_CHECKING:
    from playground_ops.targets.packages.environments import Environment, Environments


class Code:
    def __init__(self, folder: StateFolder, project: Path) -> None:
        self._checkouts = Checkouts(folder.checkouts, folder.repositories)
        self._environments_folder = folder.environments
        self.project = project

    def bootstrap_revision(self, location: Location) -> Revision:
        """Return the revision of this project's code. Raises BadInput for code that is in an image."""
        if location.in_image:
            raise BadInput(_in_an_image(location.name, location.in_image.image))
        return bootstrap_revision(content_hash(sources_of(location, self.project)))

    def checkout_of(self, release: Release) -> Path:
        return self._checkouts.path(release.revision.commit)

    def prepare(self, release: Release, say: Say) -> tuple[Project, Environment]:
        """Fetch, check out and build what is missing. Raises PlaygroundError."""
        from playground_ops.targets.packages.environments import shared

        project = self.project_of(release, self._check_out(release, say))
        if self._is_shared(release.location, project):
            if release.location.dependencies is Dependencies.AUTO and project.declared.not_taken:
                say(f"It has the stack's packages. {project.declared.told()}")
            return project, shared()
        say(project.declared.told())
        return project, self._environments().ensure(project, say)

    def project_of(self, release: Release, checkout: Path) -> Project:
        location = release.location
        selection = Selection(location.dependencies_from, location.extras, location.groups)
        return read_project(checkout, location.subdirectory, location.module, location.attribute, selection)

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        """Check the commit out and return it with subject and author. Raises PlaygroundError."""
        if location.repository is None:
            return revision
        checkout = self._checkouts.complete(location.repository, revision.commit, say)
        described = git.describe(checkout, revision.commit)
        return revision.model_copy(update={"subject": described.subject, "author": described.author})

    def told(self, release: Release) -> Checkout:
        """Return what the release's checkout tells."""
        revision = release.revision
        checkout, missing = self.checkout_of(release), list[str]()
        if revision.repository is not None and checkout.is_dir():
            missing = large_files.pointers(checkout, release.location.subdirectory)
        warnings = pointers(missing, len(missing), large_files.MISSING)
        return Checkout(subject=revision.subject, author=revision.author, warnings=tuple(warnings))

    def prune(self, commits: set[str], pythons: Sequence[Path]) -> None:
        """Remove checkouts and environments that nothing live uses."""
        self._checkouts.prune(commits)
        folder = self._environments_folder
        used = [python for python in pythons if python.is_relative_to(folder)]
        self._environments().prune({python.relative_to(folder).parts[0] for python in used})

    def _environments(self) -> Environments:
        """Import them only here: a read-only command has 0.4 s in all."""
        from playground_ops.targets.packages.environments import Environments

        return Environments(self._environments_folder)

    def _check_out(self, release: Release, say: Say) -> Path:
        commit, repository = release.revision.commit, release.location.repository
        if repository is not None:
            return self._checkouts.ensure(repository, commit, say)
        kept = self._checkouts.path(commit)
        if kept.is_dir():
            return kept
        found, path = self._checkouts.ensure_content(sources_of(release.location, self.project), say)
        if found != commit:
            raise PlaygroundError(_moved_on(commit, found))
        return path

    @staticmethod
    def _is_shared(location: Location, project: Project) -> bool:
        if location.repository is None or location.dependencies is Dependencies.SHARED:
            return True
        return location.dependencies is Dependencies.AUTO and project.declared.is_nothing


def _moved_on(commit: str, found: str) -> Finding:
    return transient(
        object=f"code/{commit}",
        observed=f"The files of this project are {found} by now.",
        cause="They were edited between the plan and the start.",
        fix="Run the command again.",
    )


def _in_an_image(name: str, image: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed=f"Its code is in the image {image}.",
        cause="The target local runs processes and no images.",
        fix="Deploy it to a cluster, or give it a repository.",
    )
