"""This project's own code, which a location without a repository serves: pinned by its content."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from playground_ops.config import OPS
from playground_ops.core.model import InImage, Location, Revision

CONTENT, IMAGE = "content-", "image-"
_NOT_CONTENT = {"__pycache__", ".git"}


def sources_of(location: Location, project: Path) -> list[Path]:
    """Return the packages of this project that a location without a repository serves."""
    names = ["playground_ops", "playground"] if location.name == OPS.name else ["playground"]
    return [project / name for name in names]


def bootstrap_revision(content: str) -> Revision:
    """Return the revision; `content` is a hash of this project's files (`content_hash`)."""
    return Revision(repository=None, commit=content, subject="the bootstrap package of this project")


def image_revision(image: InImage) -> Revision:
    """Pin an image by its name: a digest never changes, a tag only while nobody moves it."""
    digest = hashlib.sha256(image.image.encode()).hexdigest()[:16]
    return Revision(repository=None, commit=f"{IMAGE}{digest}", subject=image.image)


def content_hash(
    sources: Sequence[Path], without: Collection[str] = (), wanted: Callable[[Path], bool] = lambda file: True
) -> str:
    """Return `content-` and 16 digits for names and bytes of files in `sources`, less bytecode and `.git`.

    `wanted`: asked of each file.
    """
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda path: path.name):
        for file in filter(wanted, files_of(source, without)):
            name = Path(source.name, file.relative_to(source)).as_posix()
            with file.open("rb") as content:
                # A name may be no UTF-8, and a file larger than the memory.
                size = os.fstat(content.fileno()).st_size
                digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
                while part := content.read(1 << 20):
                    digest.update(part)
    return CONTENT + digest.hexdigest()[:16]


def files_of(source: Path, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield files but bytecode, `.git`, and those in `without`, whose paths begin with the source's name."""
    if source.is_file():
        yield source
        return
    for folder, below, files in os.walk(source):
        place = Path(folder).relative_to(source.parent)
        below[:] = sorted(
            name for name in below if name not in _NOT_CONTENT and (place / name).as_posix() not in without
        )
        for name in sorted(files):
            path = Path(folder, name)
            wanted = path.suffix not in (".pyc", ".pyo") and (place / name).as_posix() not in without
            if wanted and path.is_file():
                yield path
