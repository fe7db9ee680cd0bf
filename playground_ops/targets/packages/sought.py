"""What the environment of a project is made of, and whether one that is there is made of the same."""

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from playground_ops.targets.common.project import Project
from playground_ops.targets.packages import dependencies
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.trees import tree_hash

_SHAPE = "2"
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
class Made:
    """An environment, and the trees of the repository that are in it."""

    environment: Environment
    trees: Mapping[str, str]
    """Hashes of their content by their paths in the checkout; of the project's own, of what it declares."""

    def has_itself(self, sought: "Sought") -> bool:
        """Return whether the file named the project itself as a package."""
        return sought.project.place in self.trees


@dataclass(frozen=True)
class Sought:
    """The environment of `project`. `told`: what its build tells, once it was asked."""

    project: Project
    thing: str
    interpreter: Interpreter
    extra: Sequence[str]
    told: Sequence[str] | None = None

    @cached_property
    def key(self) -> str:
        """Return the key of what is declared, by which an environment's name begins."""
        return self._key(dependencies.digest(self.project, self.told or ()))

    @cached_property
    def content(self) -> str:
        """Return a key of the complete checkout: a build computes the same from the same files."""
        project = self.project
        chosen = json.dumps([project.place, project.declared.place, *_choices(project)])
        return self._key(f"{tree_hash(project.checkout, project.checkout)}{chosen}")

    def _key(self, what: str) -> str:
        where = f"{sys.platform}-{platform.machine()}"
        python = (self.interpreter.version, str(self.interpreter.path.resolve()))
        parts = [_SHAPE, what, *python, where, *self.extra]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def has(self, made: Made) -> bool:
        """Return whether its trees are as they are in the checkout."""
        return all(self.hash(path) == kept for path, kept in made.trees.items())

    def hash(self, path: str) -> str | None:
        """Return the hash of a tree; None where it is gone, or only the build of the project tells it."""
        project, place = self.project, self.project.checkout / path
        if path != project.place:
            return tree_hash(place, project.checkout) if place.exists() else None
        if self.told is None and dependencies.has_computed(project):
            return None
        return dependencies.of_itself(project, self.told or ())


def _choices(project: Project) -> list[Sequence[str]]:
    return [project.declared.selection.extras, project.declared.selection.groups]
