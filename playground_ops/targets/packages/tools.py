"""What an installation of one project works with: its folder, uv, downloads and builds."""

import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.project import Project
from playground_ops.targets.packages import dependencies, refusals
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.builder import Builder, Built, CantBuild, read_wheel
from playground_ops.targets.packages.downloads import Downloads, unpacked
from playground_ops.targets.packages.exact import Entry, File
from playground_ops.targets.packages.indexes import Indexes, configured, without_indexes
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.uv import Uv


@dataclass(frozen=True)
class Tools:
    """`folder`: room of its own. `copy`: the project in a copy, which builds write to."""

    uv: Uv
    interpreter: Interpreter
    folder: Path
    copy: Project
    box: Box

    @property
    def thing(self) -> str:
        return self.uv.thing

    @cached_property
    def indexes(self) -> Indexes:
        return configured(os.environ, self.uv.public_index())

    @cached_property
    def downloads(self) -> Downloads:
        return Downloads(self.thing, self.folder / "downloads", self.indexes)

    @cached_property
    def builder(self) -> Builder:
        return Builder(self.uv, self.interpreter, self.folder / "builds", self.box)

    @cached_property
    def _built(self) -> dict[Path, Built]:
        return {}

    def uv_in(self, folder: Path) -> Uv:
        """Return uv as it works in a folder of ours, with the indexes."""
        return replace(self.uv, folder=folder)

    @property
    def uv_of_the_project(self) -> Uv:
        """Return uv as it reads the project, without credentials or settings."""
        return replace(self.uv, folder=self.copy.directory, surroundings=without_indexes)

    @contextmanager
    def folder_of(self, purpose: str) -> Iterator[Path]:
        """Yield an empty folder of ours."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=self.folder) as place:
            yield Path(place)

    def check_addresses(self, urls: Iterable[str]) -> None:
        """Raise PlaygroundError (certain) for one that a client would send the stack's credentials to."""
        for url in urls:
            if not re.fullmatch(r"https?://\S+", url):
                raise PlaygroundError(refusals.no_requirement(self.copy, url))
            if self.indexes.would_be_given(url):
                raise PlaygroundError(refusals.not_configured(self.copy, url))

    def check_lines(self, lines: Iterable[str]) -> None:
        """Raise PlaygroundError (certain) for one that is more than a requirement in a requirements file."""
        for line in lines:
            if len(line.splitlines()) != 1 or not re.match(r"[A-Za-z0-9]", line):
                raise PlaygroundError(refusals.no_requirement(self.copy, line))

    def wheel(self, file: Path) -> Built:
        """Return what a wheel that others made says of itself. Raises PlaygroundError."""
        try:
            return read_wheel(file)
        except (OSError, KeyError, StopIteration, ValueError, zipfile.BadZipFile) as error:
            told = refusals.cant_build(self.thing, file.name, f"It is no wheel: {error!r}", "")
            raise PlaygroundError(told) from error

    def built_tree(self, place: str) -> Built:
        """Return the wheel of a folder of the repository, by its path there. Raises PlaygroundError."""
        return self._wheel(self.copy.checkout / place, self.copy.checkout, place)

    def told_by(self, place: str) -> list[str]:
        """Return what the build of a folder of the repository tells that it needs. Raises PlaygroundError."""
        if place not in self._told:
            refusals.check_builds(self.thing, place)
            try:
                told = self.builder.requires(self.copy.checkout / place, within=self.copy.checkout)
            except CantBuild as error:
                raise PlaygroundError(refusals.not_told(self.copy, str(error), error.words)) from error
            self._told[place] = [one.replace(self.copy.checkout.as_uri(), "file://{root}") for one in told]
        return self._told[place]

    def told_if_computed(self, project: Project) -> tuple[str, ...] | None:
        """Return what the project's build tells, if that alone knows its needs. Raises PlaygroundError."""
        return tuple(self.told_by(project.place)) if dependencies.has_computed(project) else None

    @cached_property
    def _told(self) -> dict[str, list[str]]:
        return {}

    def built_from(self, name: str, source: File, subdirectory: str = ".") -> Built:
        """Return the wheel of a source's archive, which is here. Raises PlaygroundError."""
        refusals.check_builds(self.thing, name)
        place = self.folder / "sources" / hashlib.sha256(str(source.path).encode()).hexdigest()[:12]
        try:
            tree = unpacked(source, place) if not place.exists() else next(place.iterdir())
        except (OSError, ValueError, EOFError) as error:
            raise PlaygroundError(
                refusals.cant_build(self.thing, name, f"Its archive: {error}", "")
            ) from error
        return self._wheel(_below(tree, subdirectory), tree, name)

    def built_repository(self, git: Entry, subdirectory: str = ".") -> Built:
        """Return the wheel of a commit of another repository. Raises PlaygroundError."""
        name = re.sub(r"^.*?//(?:[^@/]*@)?", "", str(git.get("url")))
        refusals.check_builds(self.thing, name)
        tree = self.downloads.repository(git)
        return self._wheel(_below(tree, subdirectory), tree, name)

    def _wheel(self, tree: Path, within: Path, name: str) -> Built:
        if tree not in self._built:
            refusals.check_builds(self.thing, name)
            try:
                self._built[tree] = self.builder.wheel(tree, within=within)
            except CantBuild as error:
                told = refusals.cant_build(self.thing, name, str(error), error.words)
                raise PlaygroundError(told) from error
        return self._built[tree]


def _below(tree: Path, subdirectory: str) -> Path:
    found = (tree / subdirectory).resolve()
    return found if found.is_relative_to(tree.resolve()) else tree
