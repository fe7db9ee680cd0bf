"""What the main container of a release's pod mounts: its code, folders of its own, and what others made."""

import posixpath
from dataclasses import replace

from playground_ops.config import OPS, Configuration
from playground_ops.core.model import Release
from playground_ops.render import gitsync, instance, packages, reads
from playground_ops.render.names import (
    HOME,
    PREPARED_FOLDER,
    PROJECT_FOLDER,
    REPOSITORY_FOLDER,
    SOURCE_FOLDER,
)
from playground_ops.render.pod import Mounted, config_map, writable


def mounts(release: Release, configuration: Configuration, archive: str) -> list[Mounted]:
    """Return all of them. `archive`: the ConfigMap with this project's code."""
    code = [] if release.location.in_image else _code(release, archive)
    return [*code, *_found(release, configuration)]


def _code(release: Release, archive: str) -> list[Mounted]:
    """Return where the code lies; an image has its own. No mount lies in another one."""
    source = config_map(archive, SOURCE_FOLDER, "source")
    if release.revision.repository is None:
        return [source, writable("app", REPOSITORY_FOLDER)]
    own = [writable("app", place, posixpath.basename(place)) for place in (PROJECT_FOLDER, PREPARED_FOLDER)]
    return [source, gitsync.fetched(), *own]


def _found(release: Release, configuration: Configuration) -> list[Mounted]:
    """Return what its code finds: folders of its own, and read-only what others made for it."""
    own = packages.installed() if packages.has_own(release) else ()
    seen = _seen_by_ops(configuration) if release.location.name == OPS.name else []
    files = instance.files(release.location)
    others = reads.mounts(release.location)
    return [*own, *seen, *files, *others, writable("home", HOME), writable("tmp", "/tmp")]


def _seen_by_ops(configuration: Configuration) -> list[Mounted]:
    others = [instance.logs_of_others()] if configuration.deployments else []
    return [replace(instance.backups(), read_only=True), instance.all_files(), *others]
