"""This project's own code as one immutable ConfigMap, so that no image has to be built for it.

It is named by its content, so that creating it again changes nothing; the same files give the same bytes.
"""

import base64
import bz2
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playground_ops.config import OPS
from playground_ops.core.model import Location, Revision
from playground_ops.render.names import ARCHIVE, SOURCE_FILE, an_object, labels
from playground_ops.targets.common.sources import (
    CONTENT,
    bootstrap_revision,
    content_hash,
    files_of,
    image_revision,
    sources_of,
)
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.objects.applying import apply_object

PREFIX = "dagster-code-"
OUTSIDE = (
    *("playground_ops/targets/local", "playground_ops/targets/kubernetes/outside"),
    *("playground_ops/starting", "playground_ops/shipped", "playground_ops/configvalues.schema.json"),
)
"""What no process in a cluster needs: the other target, what a person does outside, what `init` writes."""


def name_of(project: Path) -> str:
    """Return the name of the ConfigMap with the code of the clone at `project`."""
    return PREFIX + content_hash(sources_of(OPS, project), OUTSIDE).removeprefix(CONTENT)


def revision(location: Location, project: Path) -> Revision:
    """Return what a location without a repository serves; the answer is the same inside and outside."""
    if location.in_image:
        return image_revision(location.in_image)
    return bootstrap_revision(content_hash(sources_of(location, project), OUTSIDE))


def without_content(project: Path, namespace: str) -> dict[str, Any]:
    """Return the ConfigMap without its content, which takes longer to pack than to look for."""
    name = name_of(project)
    return an_object("v1", "ConfigMap", name, namespace, {**labels(name, "archive"), ARCHIVE: "true"})


def archive(project: Path, namespace: str) -> dict[str, Any]:
    data = base64.b64encode(packed(project)).decode()
    return {**without_content(project, namespace), "immutable": True, "binaryData": {SOURCE_FILE: data}}


def ensure(connection: Connection, project: Path, namespace: str, tags: Mapping[str, str]) -> str:
    """Return its name; it is created if it is missing. `tags`: more labels. Raises Refusal."""
    made = without_content(project, namespace)
    if connection.get(path(made)) is None:
        whole = archive(project, namespace)
        whole["metadata"]["labels"] |= tags
        apply_object(connection, whole)
    return str(made["metadata"]["name"])


def packed(project: Path) -> bytes:
    """Return a compressed tar file that does not depend on who made it and when."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, data in _files(project):
            found = tarfile.TarInfo(name)
            found.size, found.mode = len(data), 0o644
            made.addfile(found, io.BytesIO(data))
    return bz2.compress(raw.getvalue(), 9)  # of this much text it makes a tenth less than xz


def _files(project: Path) -> Iterator[tuple[str, bytes]]:
    for source in sources_of(OPS, project):
        for file in files_of(source, OUTSIDE):
            yield Path(source.name, file.relative_to(source)).as_posix(), file.read_bytes()
