"""Where the dependencies of a project are declared, as a value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal[
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "requirements.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
]
LOCKS: tuple[Kind, ...] = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock")
"""Files that hold exact versions, the preferred first."""


class NotTaken(NamedTuple):
    file: str
    why: str


@dataclass(frozen=True)
class Selection:
    """What the configuration of a location says about its dependencies."""

    file: str | None = None
    """Relative to the project's folder; None: the first that is exact, else what declares ranges."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


AS_FOUND = Selection()
_TOLD = 4
"""Names of other files that are told."""


@dataclass(frozen=True)
class Declared:
    kind: Kind | None
    """None: nothing is declared that can be used."""
    file: Path | None
    """The lock of a workspace's member lies above the project's own folder."""
    is_exact: bool
    not_taken: tuple[NotTaken, ...]
    """Other files that say which packages the project needs."""
    selection: Selection
    place: str
    """The file, relative to the project's folder; empty without one."""
    outdated: tuple[str, ...] = ()
    """What a compiled `requirements.txt` lacks that would have been taken, as phrases."""

    @property
    def is_nothing(self) -> bool:
        """Return whether neither the project nor the configuration says anything of dependencies."""
        return self.kind is None and self.selection == AS_FOUND

    def told(self) -> str:
        """Return which file is taken and which are not, as sentences; empty where there is none."""
        others = "; ".join(f"`{one.file}` ({one.why})" for one in self.not_taken[:_TOLD])
        if len(self.not_taken) > _TOLD:
            others += f"; {len(self.not_taken) - _TOLD} more"
        if self.file is None:
            return f"Not used: {others}." if others else ""
        more = [f"extra {name}" for name in self.selection.extras]
        more += [f"group {name}" for name in self.selection.groups]
        parts = [f"Its packages are those of `{self.place}`", *([f"with {', '.join(more)}"] if more else [])]
        taken = " ".join(parts) + (", which pins them." if self.is_exact else ".")
        return f"{taken} Not taken: {others}." if others else taken
