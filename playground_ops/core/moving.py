"""What moves to another repository of its location, as the code goes from one release to another.

To Dagster a job, a schedule or a sensor is what its repository and its name say: the same one in a repository
of another name is a new one, switched off or on by its default, without a cursor. `@repository def sales()`
that becomes `defs = Definitions(...)` is such a change: the repository is `__repository__` from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.loaded import Automation, LoadedCode


class Known(Protocol):
    """A definition, by what Dagster knows it by."""

    @property
    def repository(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...


K = TypeVar("K", bound=Known)


@dataclass(frozen=True)
class Matched(Generic[K]):
    """The definitions of two releases, laid side by side."""

    pairs: Sequence[tuple[K, K]]
    """Before and after: of one repository, or else the only one of its kind and name on either side."""
    removed: Sequence[K]
    added: Sequence[K]

    @property
    def ambiguous(self) -> list[tuple[K, list[str]]]:
        """Return what was removed while others of its kind and name were added: with their repositories."""
        found = []
        for one in self.removed:
            others = [new.repository for new in self.added if (new.kind, new.name) == (one.kind, one.name)]
            if others:
                found.append((one, others))
        return found


def match(before: Sequence[K], after: Sequence[K]) -> Matched[K]:
    mine, theirs = ({(one.repository, one.kind, one.name): one for one in side} for side in (before, after))
    pairs = [(mine[key], theirs[key]) for key in mine if key in theirs]
    removed = [mine[key] for key in mine if key not in theirs]
    added = [theirs[key] for key in theirs if key not in mine]
    olds, news = _by_name(removed), _by_name(added)
    moved = [
        (old[0], news[name][0]) for name, old in olds.items() if len(old) == len(news.get(name, ())) == 1
    ]
    gone, come = ({id(pair[side]) for pair in moved} for side in (0, 1))
    return Matched(
        pairs=[*pairs, *moved],
        removed=[one for one in removed if id(one) not in gone],
        added=[one for one in added if id(one) not in come],
    )


def _by_name(side: Sequence[K]) -> dict[tuple[str, str], list[K]]:
    found: dict[tuple[str, str], list[K]] = {}
    for one in side:
        found.setdefault((one.kind, one.name), []).append(one)
    return found


class Moved(FrozenModel):
    """One schedule or sensor, as it was known and as it is known now."""

    before: Automation
    after: Automation


class Move(FrozenModel):
    """All that Dagster knows by another name once the address leads to the other release."""

    automations: tuple[Moved, ...] = ()
    repositories: tuple[str, str] | None = None
    """The one repository that is gone, and the one that came for it."""

    def __bool__(self) -> bool:
        return bool(self.automations or self.repositories)

    @property
    def turned_round(self) -> "Move":
        return Move(
            automations=tuple(Moved(before=one.after, after=one.before) for one in self.automations),
            repositories=self.repositories and (self.repositories[1], self.repositories[0]),
        )


def move(before: LoadedCode, after: LoadedCode) -> Move:
    matched = match(before.automations, after.automations)
    gone = sorted({*before.repositories} - {*after.repositories})
    come = sorted({*after.repositories} - {*before.repositories})
    return Move(
        automations=tuple(
            Moved(before=one, after=other)
            for one, other in matched.pairs
            if one.repository != other.repository
        ),
        repositories=(gone[0], come[0]) if len(gone) == len(come) == 1 else None,
    )
