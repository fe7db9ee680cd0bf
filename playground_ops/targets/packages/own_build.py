"""What a build of the project itself makes: its metadata, and files that are not in the tree.

It is built in a copy: a checkout never changes, and its environment, which others share, stays as it is.
"""

import filecmp
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playground_ops.core.target import Say
from playground_ops.targets.common.atomic_folder import discard, locked, room
from playground_ops.targets.common.own_metadata import declared, has_version_from_git, record_itself, write
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import is_inside
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.builder import Builder, Built, CantBuild
from playground_ops.targets.packages.copies import copy_checkout
from playground_ops.targets.packages.interpreters import Interpreter, choose
from playground_ops.targets.packages.refusals import check_builds
from playground_ops.targets.packages.uv import Uv, tail

METADATA, GENERATED = "metadata", "generated"
_MARKER = ".complete"
_VERSION_VARIABLES = (
    *("SETUPTOOLS_SCM_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION", "PBR_VERSION"),
    *("UV_DYNAMIC_VERSIONING_BYPASS", "POETRY_DYNAMIC_VERSIONING_BYPASS"),
)
"""Variables by which those that ask git's tags for a version are told one."""
_NOT_GENERATED = {".eggs", ".git", "__pycache__", ".venv", "node_modules"}


@dataclass(frozen=True)
class OwnBuild:
    """The folder of what was built."""

    place: Path

    @property
    def metadata(self) -> Path:
        """Return the folder to put on the import path."""
        return self.place / METADATA

    @property
    def generated(self) -> Path:
        """Return the folder with generated files, by their paths in the checkout; it may be missing."""
        return self.place / GENERATED

    @property
    def is_complete(self) -> bool:
        return (self.place / _MARKER).is_file()


@dataclass(frozen=True)
class How:
    """On which Python it is built, and where."""

    interpreter_for: Callable[[Project, str], Interpreter] = choose
    box: Box = Box.NONE


@dataclass(frozen=True)
class _Work:
    """One build: of `project` at `commit`, in a copy of its checkout."""

    project: Project
    commit: str
    builder: Builder
    folder: Path

    @property
    def say(self) -> Say:
        return self.builder.uv.say

    @property
    def copy(self) -> Path:
        return self.folder / "checkout"

    @property
    def source(self) -> Path:
        return self.copy / self.project.directory.relative_to(self.project.checkout)


def ensure(project: Project, commit: str, place: Path, how: How, say: Say) -> OwnBuild:
    """Return the build of `project`, made in `place` if it is missing. One that is there needs no network.

    A project that can't be built goes on with what its files declare, which is said. Raises PlaygroundError
    for what may pass: an index that is away.
    """
    made = OwnBuild(place)
    if not made.is_complete:
        thing = f"package/{project.place}"
        with locked(place, say) as lock, room(thing):
            if not made.is_complete:
                folder = place.with_name(f".{place.name}.building")
                uv = Uv(thing, say=say, keep=(lock,))
                builder = Builder(uv, how.interpreter_for(project, thing), folder / "builds", how.box)
                _make(_Work(project, commit, builder, folder), made)
    return made


def _make(work: _Work, made: OwnBuild) -> None:
    work.say("Building the project's own metadata.")
    for old in (made.place, work.folder):
        discard(old)
    made.metadata.mkdir(parents=True)
    try:
        copy_checkout(work.project, work.copy)
        built = _build(work)
        if isinstance(built, CantBuild):
            _without(work, made, built)
        else:
            _keep_what_is_new(work, made.generated)
            with zipfile.ZipFile(built.wheel) as wheel:
                _unpack(wheel, work.project, made)
        (made.place / _MARKER).write_text(work.commit)
    except BaseException:
        discard(made.place)
        raise
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)


def _build(work: _Work) -> Built | CantBuild:
    """Build the wheel, or return why that can't be done. Raises PlaygroundError for what may pass."""
    variables = {}
    if has_version_from_git(work.project):
        version = f"0.0.0+g{work.commit[:12]}"
        work.say(f"Its version comes from git's tags, which are not fetched: it is {version}.")
        variables = dict.fromkeys(_VERSION_VARIABLES, version)
    try:
        check_builds(work.builder.uv.thing, work.project.place)
        return work.builder.wheel(work.source, within=work.copy, more=variables)
    except CantBuild as error:
        return error


def _without(work: _Work, made: OwnBuild, failed: CantBuild) -> None:
    said = re.compile(r"\s*[\w.]*error: (?!Failed to build)", re.I)
    told = [line for line in tail(failed.words).splitlines() if said.match(line)]
    why = told[-1].strip() if told else str(failed)
    work.say(f"It goes on without its own metadata, which can't be built: {why}")
    if (found := declared(work.project)) is not None:
        write(found, made.metadata)


def _keep_what_is_new(work: _Work, kept: Path) -> None:
    """Copy files that the build wrote into the tree: hatch-vcs's and setuptools-scm's `_version.py`."""
    for file in _files(work.copy, {work.source / "build", work.source / "dist"}):
        place = file.relative_to(work.copy)
        there = work.project.checkout / place
        if not is_inside(work.project.checkout, there) or not _is_same(there, file):
            target = kept / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)


def _files(tree: Path, without: Collection[Path]) -> Iterator[Path]:
    for folder, below, names in os.walk(tree):
        here = Path(folder)
        below[:] = [
            name
            for name in below
            if name not in _NOT_GENERATED and not name.endswith(".egg-info") and here / name not in without
        ]
        for name in names:
            if name in _NOT_GENERATED:  # in a worktree `.git` is a file
                continue
            path = here / name
            if path.suffix != ".pyc" and path.is_file() and not path.is_symlink():
                yield path


def _unpack(archive: zipfile.ZipFile, project: Project, made: OwnBuild) -> None:
    """Take the metadata, and what the wheel has beside the project's own files: compiled modules."""
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        if member.is_dir() or path.is_absolute() or ".." in path.parts or not path.parts:
            continue
        if path.parts[0].endswith(".dist-info"):
            archive.extract(member, made.metadata)
            continue
        if path.parts[0].endswith(".data"):
            if len(path.parts) < 3 or path.parts[1] not in ("purelib", "platlib"):
                continue
            path = PurePosixPath(*path.parts[2:])
        content = archive.read(member)
        there = [root / path for root in (project.module_root, project.directory)]
        place = next((one for one in there if one.is_file()), there[0])
        if not is_inside(project.checkout, place) or not _has(place, content):
            target = made.generated / place.relative_to(project.checkout)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for folder in made.metadata.glob("*.dist-info"):
        record_itself(folder)


def _has(place: Path, content: bytes) -> bool:
    return place.is_file() and place.stat().st_size == len(content) and place.read_bytes() == content


def _is_same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
