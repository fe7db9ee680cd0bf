"""Environments that uv makes for projects: one per content, shared by the releases that declare the same."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.target import Say
from playground_ops.targets.common.atomic_folder import (
    RECENT_SECONDS,
    discard,
    locked,
    members,
    remove_unused,
    room,
    used,
)
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import reading
from playground_ops.targets.packages import dependencies, refusals
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.copies import copied
from playground_ops.targets.packages.exact import Machine
from playground_ops.targets.packages.installed import check_dagster, installed
from playground_ops.targets.packages.installing import Installing, install
from playground_ops.targets.packages.interpreters import Interpreter, choose
from playground_ops.targets.packages.sealed import ASKED, MARKER, seal
from playground_ops.targets.packages.sought import Environment, Made, Sought, shared
from playground_ops.targets.packages.tools import Tools
from playground_ops.targets.packages.uv import Uv

__all__ = ["Environment", "Environments", "shared"]


class Environments:
    """The environments in `folder`; each also holds `instance_packages`, which loading the instance needs."""

    def __init__(
        self,
        folder: Path,
        instance_packages: Sequence[str] = (),
        interpreter_for: Callable[[Project, str], Interpreter] = choose,
        box: Box = Box.NONE,
    ) -> None:
        self.folder = folder.absolute()
        self.instance_packages = tuple(instance_packages)
        self._interpreter_for = interpreter_for
        self._box = box

    def find(self, project: Project) -> Environment | None:
        """Return the environment of `project` if it is there. Raises PlaygroundError (certain)."""
        return self._find(self._sought(project))

    def ensure(self, project: Project, say: Say) -> Environment:
        """Return the environment of `project`, which is made if it is missing. An existing one needs no
        network.

        It holds what the project depends on, not the project itself: releases share it, and each reaches its
        own code by its working directory. So the project's own entry points are not registered. Raises
        PlaygroundError: certain for what the project must change, transient for the index.
        """
        sought = self._sought(project)
        found = self._find(sought)
        if found is None:
            with room(sought.thing):
                found = self._ensure(sought, say)
        used(self.folder / found.key)
        return found

    def prune(self, keep: set[str], recent_seconds: float = RECENT_SECONDS) -> list[str]:
        """Remove every environment but those whose keys are in `keep`. Returns the removed keys.

        Environments that are being made, or were asked for within `recent_seconds`, are left alone too.
        """
        return remove_unused(self.folder, keep, recent_seconds)

    def _sought(self, project: Project) -> Sought:
        thing = f"environment/{project.place}"
        if project.declared.kind is None:
            raise PlaygroundError(refusals.nothing_declared(project))
        interpreter = self._interpreter_for(project, thing)
        with reading(thing):
            dependencies.check(project, interpreter)
        return Sought(project, thing, interpreter, self.instance_packages)

    def _find(self, sought: Sought) -> Environment | None:
        if not dependencies.needs_backend(sought.project):
            found = self._matching(sought)
            if found is not None or not self._itself_computed(sought):
                return found
        places = [place for place in members(self.folder) if (place / ASKED / sought.content).exists()]
        return next((made.environment for made in map(_read, places) if made), None)

    def _itself_computed(self, sought: Sought) -> bool:
        """Return whether the file names the project itself, whose dependencies its build tells."""
        made = [_read(place) for place in self._candidates(sought)]
        return dependencies.has_computed(sought.project) and any(
            one.has_itself(sought) for one in made if one
        )

    def _matching(self, sought: Sought) -> Environment | None:
        made = [_read(place) for place in self._candidates(sought)]
        return next((one.environment for one in made if one and sought.has(one)), None)

    def _candidates(self, sought: Sought) -> list[Path]:
        return [place for place in members(self.folder) if place.name.startswith(f"{sought.key}-")]

    def _ensure(self, sought: Sought, say: Say) -> Environment:
        if dependencies.needs_backend(sought.project):
            sought = self._asked(sought, say)
        with locked(self.folder / sought.key, say) as lock:
            if self._itself_computed(sought):
                sought = self._asked(sought, say)
            found = self._matching(sought)
            if found is None:
                place = self.folder / f"{sought.key}-{sought.content[:8]}"
                with locked(place, say) as another:
                    found = self._make(sought, place, say, (lock, another))
        _remember(sought, self.folder / found.key)
        return found

    def _asked(self, sought: Sought, say: Say) -> Sought:
        """Ask the build of the project, in a copy, what it depends on; once."""
        if sought.told is not None or not dependencies.has_computed(sought.project):
            return sought
        place = self.folder / sought.content
        say("Asking the project's build which packages it needs.")
        with locked(place, say) as lock, copied(sought.project, place) as copy:
            tools = self._tools(sought, copy, say, (lock,))
            return replace(sought, told=tuple(tools.told_by(copy.place)))

    def _tools(self, sought: Sought, copy: Project, say: Say, locks: Sequence[int]) -> Tools:
        room_ = copy.checkout.parent / "room"
        return Tools(Uv(sought.thing, say=say, keep=locks), sought.interpreter, room_, copy, self._box)

    def _make(self, sought: Sought, place: Path, say: Say, locks: Sequence[int]) -> Environment:
        # In place, with a mark at the end, and not renamed when complete: scripts and the links of an
        # environment hold its path. So a uv whose caller was killed keeps the locks: two would mix.
        discard(place)
        try:
            with copied(sought.project, place) as copy:
                made_from = copy.declared.place
                say(f"Making its environment from {made_from}, Python {sought.interpreter.version}.")
                tools = self._tools(sought, copy, say, locks)
                chosen = copy.declared.selection
                machine = Machine(sought.interpreter, chosen.extras, chosen.groups)
                with _of_the_author(copy):
                    installing = Installing(sought.project, tools, machine)
                    content = installing.content(sought.told)
                    content = installing.with_instance(content, self.instance_packages)
                    install(content, sought.interpreter, place, tools)
                dagster = check_dagster(installed(place), sought.thing)
                if sought.project.place in content.trees:
                    sought = replace(sought, told=sought.told or tools.told_if_computed(sought.project))
            _remember(sought, place)
            hashes = {path: sought.hash(path) for path in content.trees}
            made = {"dagster": dagster, "trees": hashes, "seal": seal(place)}
            (place / MARKER).write_text(json.dumps(made))
        except BaseException:
            discard(place)
            raise
        return Environment(place.name, place / "bin" / "python", dagster)


def _remember(sought: Sought, place: Path) -> None:
    """Note that the build of this very checkout declares what is in it: it is not asked again."""
    if sought.told is not None:
        (place / ASKED).mkdir(exist_ok=True)
        (place / ASKED / sought.content).touch()


@contextmanager
def _of_the_author(copy: Project) -> Iterator[None]:
    """Tell of paths as the repository's author knows them, and not of the copy's."""
    try:
        yield
    except PlaygroundError as error:
        found = error.finding
        told = {name: getattr(found, name).replace(f"{copy.checkout}/", "") for name in ("cause", "evidence")}
        raise PlaygroundError(found.model_copy(update=told)) from error


def _read(place: Path) -> Made | None:
    try:
        content = json.loads((place / MARKER).read_text())
        dagster, trees = content["dagster"], dict(content["trees"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    python = place / "bin" / "python"
    # The Python that it was made with may have been uninstalled: then it is made again.
    return Made(Environment(place.name, python, dagster), trees) if os.access(python, os.X_OK) else None
