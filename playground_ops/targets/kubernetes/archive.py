"""This project's own code as one immutable ConfigMap: no image has to be built for it.

Named by its content, so that making it again changes nothing; the same files give the same bytes.
"""

from __future__ import annotations

import base64
import io
import lzma
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playground_ops.config import OPS
from playground_ops.model import Location, Revision
from playground_ops.render.names import ARCHIVE, SOURCE_FILE, an_object, labels
from playground_ops.targets.sources import (
    CONTENT,
    bootstrap_revision,
    content_hash,
    files_of,
    image_revision,
    sources_of,
)

PREFIX = "dagster-code-"
ELSEWHERE = ("playground_ops/targets/local",)
"""Folders that are of no use in a cluster."""


def name_of(project: Path) -> str:
    """Of the ConfigMap that holds the code of the clone at `project`."""
    return PREFIX + content_hash(sources_of(OPS, project), ELSEWHERE).removeprefix(CONTENT)


def revision(location: Location, project: Path) -> Revision:
    """Of a location without a repository: the same whether asked inside the cluster or outside."""
    if location.in_image:
        return image_revision(location.in_image)
    return bootstrap_revision(location, project, ELSEWHERE)


def archive(project: Path, namespace: str) -> dict[str, Any]:
    """The ConfigMap."""
    sources = sources_of(OPS, project)
    name = name_of(project)
    tags = {**labels(name, "archive"), ARCHIVE: "true"}
    data = base64.b64encode(packed(sources)).decode()
    return an_object(
        *("v1", "ConfigMap", name, namespace, tags), immutable=True, binaryData={SOURCE_FILE: data}
    )


def packed(sources: Sequence[Path]) -> bytes:
    """A compressed tar file; who made it and when is not in it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as made:
        for source in sources:
            for file in files_of(source, ELSEWHERE):
                data = file.read_bytes()
                found = tarfile.TarInfo(Path(source.name, file.relative_to(source)).as_posix())
                found.size, found.mode = len(data), 0o644
                made.addfile(found, io.BytesIO(data))
    return lzma.compress(raw.getvalue(), preset=9)
