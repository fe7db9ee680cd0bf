"""The images of the test cluster: what each is made from, and the archive it becomes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.binaries import module
from tests.cluster.images import archive, dagster, debian, gitsync_image, postgres
from tests.cluster.images.archive import Settings
from tests.cluster.node import PAUSE_IMAGE
from tests.cluster.places import HERE, cached, key_of

IMAGES = HERE / "images"


@dataclass(frozen=True)
class Image:
    name: str
    short: str
    build: Callable[[Path], None]
    settings: Settings
    sources: tuple[Path, ...]
    """Files whose content decides what the image holds."""

    @property
    def key(self) -> str:
        return key_of(self.name, repr(self.settings), *(path.read_bytes() for path in sorted(self.sources)))

    def archive(self) -> Path:
        """Return its file, which is made if it is missing."""

        def make(out: Path) -> None:
            print(f"making the image {self.name} (once; a minute)", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=out.parent) as folder:
                root = Path(folder) / "root"
                root.mkdir(mode=0o755)
                self.build(root)
                archive.write(out, self.name, root, self.settings)

        return cached("images", self.short, self.key, make)


def _pause(root: Path) -> None:
    (root / "pause").write_bytes((module("kubernetes") / "pause").read_bytes())
    (root / "pause").chmod(0o755)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def catalog() -> list[Image]:
    common = (Path(archive.__file__), Path(debian.__file__))
    go = HERE / "go" / "kubernetes"
    return [
        Image(
            PAUSE_IMAGE,
            "pause",
            _pause,
            Settings(entrypoint=("/pause",)),
            (go / "pause" / "main.go", go / "go.mod", *common),
        ),
        Image(
            postgres.NAME,
            "postgres",
            postgres.build,
            postgres.SETTINGS,
            (Path(postgres.__file__), postgres.ENTRYPOINT, *common),
        ),
        Image(
            gitsync_image.NAME,
            "git-sync",
            gitsync_image.build,
            gitsync_image.SETTINGS,
            (Path(gitsync_image.__file__), *_files(gitsync_image.SOURCES), *common),
        ),
        Image(
            dagster.name(),
            "dagster",
            dagster.build,
            dagster.SETTINGS,
            (Path(dagster.__file__), dagster.CONSTRAINTS, *common),
        ),
    ]
