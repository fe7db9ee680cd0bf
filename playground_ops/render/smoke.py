"""A short pod that is like the candidate's, and tries a job or an asset check in place of serving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from playground_ops.config import Configuration
from playground_ops.model import InImage, Release
from playground_ops.render import release as rendering
from playground_ops.render.names import LOCATION, Object, an_object, labels, location_service
from playground_ops.render.places import place
from playground_ops.render.versions import with_versions

COMPONENT = "smoke"
IN_FOLDER = 'cd "$0" && exec "$@"'


def render(
    release: Release,
    configuration: Configuration,
    archive: str,
    name: str,
    wanted: tuple[str, str],
    script: str,
    seconds: int,
) -> Object:
    """`wanted`: kind and name. The pod ends by itself: well, badly, or after `seconds`.

    It is of the location, and no address leads to it: it is of no release.
    """
    where, app = place(configuration, release.location.name), location_service(release.location.name)
    tags = {**labels(app, COMPONENT), LOCATION: release.location.name, **where.tags}
    command = _command(release, [*wanted, release.name], script)
    template = rendering.template(release, configuration, archive, tags, command, {})
    whole = with_versions(template, configuration, where.namespace)
    made = an_object("v1", "Pod", name, where.namespace, whole["metadata"]["labels"])
    made["metadata"] = {**whole["metadata"], **made["metadata"]}
    own = {"activeDeadlineSeconds": seconds, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {**made, "spec": {**whole["spec"], **own}}


def _command(release: Release, wanted: Sequence[str], script: str) -> list[str]:
    if release.revision.repository is not None:
        return [*rendering.reading(release), "--script", script, "--", *wanted]
    folder, module = rendering.directory(release), rendering.own_module(release)
    if release.location.in_image:
        folder, module = _in_image(release.location.in_image, release.location.module)
    path = f"PYTHONPATH={rendering.directory(release)}"
    return ["sh", "-c", IN_FOLDER, folder, "env", path, "python", "-c", script, module, *wanted]


def _in_image(image: InImage, module: str | None) -> tuple[str, str]:
    """Folder, and module to import from there."""
    if image.python_file is None:
        return image.working_directory, str(module)
    file = PurePosixPath(image.python_file)
    return str(file.parent), file.stem
