"""Turns a revision into a folder and a Python that can run it."""

from __future__ import annotations

import os
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
from playground_ops.targets.local.prepared import Caller, Inherited, Prepared

if TYPE_CHECKING:
    from playground_ops.targets.packages.environments import Environment, Environments


class Code:
    def __init__(self, folder: StateFolder, project: Path) -> None:
        self._checkouts = Checkouts(folder.checkouts, folder.repositories)
        self._environments_folder = folder.environments
        self._prepared = Prepared(
            folder.prepared, lambda location: folder.instance(location.deployment).dagster_home
        )
        self.project = project

    def bootstrap_revision(self, location: Location) -> Revision:
        """Return the revision of this project's code. Raises BadInput for code that is in an image."""
        if location.in_image:
            raise BadInput(_in_an_image(location.name, location.in_image.image))
        return bootstrap_revision(content_hash(sources_of(location, self.project)))

    def checkout_of(self, release: Release) -> Path:
        """Return the folder that the release is loaded from."""
        return self._prepared.checkout(release) or self._checkouts.path(release.revision.commit)

    def prepare(
        self, release: Release, say: Say, inherited: Inherited = lambda: os.environ
    ) -> tuple[Project, Environment]:
        """Fetch, check out, build and prepare what is missing. Raises PlaygroundError.

        `inherited` returns the variables that the release's server inherits.
        """
        project = self.project_of(release, self._check_out(release, say))
        environment = self._environment_of(release.location, project, say)
        if release.location.repository is None:
            return project, environment
        return self._prepared.ensure(release, project, environment, Caller(say, inherited)), environment

    def _environment_of(self, location: Location, project: Project, say: Say) -> Environment:
        from playground_ops.targets.packages.environments import shared

        if not self._is_shared(location, project):
            say(project.declared.told())
            return self._environments().ensure(project, say)
        if location.dependencies is Dependencies.AUTO and project.declared.not_taken:
            say(f"It has the stack's packages. {project.declared.told()}")
        return shared()

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
        warnings = pointers(missing, len(missing), large_files.missing_for(release.location.name))
        return Checkout(subject=revision.subject, author=revision.author, warnings=tuple(warnings))

    def prune(self, live: Sequence[Release], pythons: Sequence[Path]) -> None:
        """Remove checkouts and environments that no live release uses, and what others were prepared with."""
        self._checkouts.prune({release.revision.commit for release in live})
        self._prepared.prune({release.name for release in live})
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
