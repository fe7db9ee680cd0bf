"""Environments that uv makes for projects: one per content, shared by the releases that lock the same."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.target import Say
from playground_ops.targets.common.atomic_folder import (
    RECENT_SECONDS,
    discard,
    locked,
    remove_unused,
    room,
    used,
)
from playground_ops.targets.common.project import Project
from playground_ops.targets.packages.dependencies import Wanted, wanted
from playground_ops.targets.packages.installed import check_copied, check_dagster, installed, lay_over
from playground_ops.targets.packages.interpreters import Interpreter, choose
from playground_ops.targets.packages.uv import Uv

_MARKER = ".complete"
_SHAPE = "1"
"""To be changed when environments are made in another way: older ones are then not reused."""


@dataclass(frozen=True)
class Environment:
    key: str
    python: Path
    dagster_version: str


def shared() -> Environment:
    """Return the environment that the stack itself runs in."""
    return Environment("shared", Path(sys.executable), version("dagster"))


@dataclass(frozen=True)
class _Recipe:
    """What the environment of `project` is made of, and its folder."""

    project: Project
    thing: str
    needs: Wanted
    interpreter: Interpreter
    place: Path


class Environments:
    """The environments in `folder`; each also holds `instance_packages`, which loading the instance needs."""

    def __init__(
        self,
        folder: Path,
        instance_packages: Sequence[str] = (),
        interpreter_for: Callable[[Project, str], Interpreter] = choose,
    ) -> None:
        self.folder = folder.absolute()
        self.instance_packages = tuple(instance_packages)
        self._interpreter_for = interpreter_for

    def find(self, project: Project) -> Environment | None:
        """Return the environment of `project` if it is there. Raises PlaygroundError (certain)."""
        return _read(self._recipe(project).place)

    def ensure(self, project: Project, say: Callable[[str], None]) -> Environment:
        """Return the environment of `project`, which is made if it is missing. An existing one needs no
        network.

        It holds what the project depends on, not the project itself: releases share it, and each reaches its
        own code by its working directory. So the project's own entry points are not registered. Raises
        PlaygroundError: certain for what the project must change, transient for the index.
        """
        recipe = self._recipe(project)
        found = _read(recipe.place)
        if found is None:
            with locked(recipe.place, say) as lock, room(recipe.thing):
                found = _read(recipe.place) or self._make(recipe, say, lock)
        used(recipe.place)
        return found

    def prune(self, keep: set[str], recent_seconds: float = RECENT_SECONDS) -> list[str]:
        """Remove every environment but those whose keys are in `keep`. Returns the removed keys.

        Environments that are being made, or were asked for within `recent_seconds`, are left alone too.
        """
        return remove_unused(self.folder, keep, recent_seconds)

    def _recipe(self, project: Project) -> _Recipe:
        thing = f"environment/{project.place}"
        if project.dependency_source is None:
            raise PlaygroundError(_nothing_declared(thing))
        needs, interpreter = wanted(project), self._interpreter_for(project, thing)
        return _Recipe(project, thing, needs, interpreter, self.folder / self._key(needs, interpreter))

    def _key(self, needs: Wanted, interpreter: Interpreter) -> str:
        parts = [
            _SHAPE,
            needs.digest,
            interpreter.version,
            str(interpreter.path.resolve()),
            f"{sys.platform}-{platform.machine()}",
            *self.instance_packages,
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def _make(self, recipe: _Recipe, say: Say, lock: int) -> Environment:
        # In place, with a mark at the end, and not renamed when complete: scripts and the links of an
        # environment hold its path. So a uv whose caller was killed keeps the lock: two would mix.
        place, thing, interpreter = recipe.place, recipe.thing, recipe.interpreter
        discard(place)
        try:
            with _sources(recipe.project, recipe.needs, place) as source:
                say(f"Making its environment from {source.dependency_source}, Python {interpreter.version}.")
                uv = Uv(thing, source.directory, say, (lock,))
                _install(source, interpreter, place, uv)
                check_copied(place, thing)
                dagster = check_dagster(installed(place), thing)
                lay_over(self.instance_packages, dagster, place, uv)
            (place / _MARKER).write_text(json.dumps({"dagster": dagster}))
        except BaseException:
            discard(place)
            raise
        return Environment(place.name, place / "bin" / "python", dagster)


def _install(project: Project, interpreter: Interpreter, place: Path, uv: Uv) -> None:
    python = ["--python", str(interpreter.path)]
    uv.run_or_raise(["venv", "--quiet", *python, str(place)])
    if project.dependency_source == "uv.lock":
        # Frozen: exactly what was locked and committed, without asking the index.
        options = ["--frozen", "--no-dev", "--no-editable", "--no-install-project"]
        uv.run_or_raise(["sync", *options, *python], environment=place)
        return
    into = ["--python", str(place / "bin" / "python")]
    uv.run_or_raise(["pip", "install", *into, "-r", str(project.dependency_file)])


@contextmanager
def _sources(project: Project, needs: Wanted, place: Path) -> Iterator[Project]:
    """Yield the project as uv is to see it.

    Building the packages of a repository writes into their folders, and a checkout never changes: they are
    built from a copy, under the name that `sweep` knows.
    """
    if not needs.has_local:
        yield project
        return
    copy = place.with_name(f".{place.name}.building")
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(
            project.checkout, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".venv")
        )
        file = project.dependency_file
        yield replace(
            project,
            checkout=copy,
            directory=copy / project.directory.relative_to(project.checkout),
            dependency_file=file and copy / file.relative_to(project.checkout),
        )
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _read(place: Path) -> Environment | None:
    try:
        dagster = json.loads((place / _MARKER).read_text())["dagster"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    python = place / "bin" / "python"
    # The Python that it was made with may have been uninstalled: then it is made again.
    return Environment(place.name, python, dagster) if os.access(python, os.X_OK) else None


def _nothing_declared(thing: str) -> Finding:
    return certain(
        object=thing,
        observed="The project declares no dependencies.",
        cause="Its folder has no `uv.lock`, no `requirements.txt` and no `dependencies` in `pyproject.toml`.",
        fix="Add one of them (with `dagster` in it), or set `dependencies: shared` for the location.",
    )


class Keeping:
    """Stored beside the environments in `folder`: a note for each release, and uv's cache.

    The cache takes no room of its own: its files are hard links to the environments' files.
    """

    def __init__(self, folder: Path) -> None:
        self._notes, self._cache = folder / ".releases", folder / ".cache"
        self._lock = folder / ".cache.lock"

    def note(self, release: str, key: str) -> None:
        """Note that the release uses that environment from now on."""
        self._notes.mkdir(exist_ok=True)
        (self._notes / release).write_text(key)

    def keys(self, live: Collection[str], as_of: float) -> set[str]:
        """Return the keys in use when `live` were all releases; notes of other releases are dropped.

        A pod that comes back after months brings a list that is as old: newer notes stay.
        """
        notes = list(self._notes.glob("*")) if self._notes.is_dir() else []
        for note in notes:
            if note.name not in live and note.stat().st_mtime < as_of - RECENT_SECONDS:
                note.unlink(missing_ok=True)
        return {note.read_text() for note in notes if note.is_file()}

    @contextmanager
    def cache(self) -> Iterator[None]:
        """Lock uv's cache while it is used."""
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def tidy(self, gone: Sequence[str], say: Say) -> None:
        """Drop the cache after environments were removed: files that only they used are of no more use."""
        if not gone:
            return
        say(f"Removed environments that no release uses: {', '.join(gone)}.")
        with self._lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody installs; the next call tidies
            if self._cache.exists():
                aside = self._cache.with_name(f".cache.gone-{os.getpid()}")
                self._cache.replace(aside)
                shutil.rmtree(aside, ignore_errors=True)
