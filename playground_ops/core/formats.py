"""The format of what a stack stores: who can still work on it, and what brings it to this program's own.

A format is an integer. It is raised when an older program could not read, or would harm, what a newer one
stores. A step from N-1 to N leaves what a program of N-1 can still work with: that is how a stack goes back
by one version. What version 0.1.0 stored has no mark; it is format 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import Field, ValidationError

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.version import __version__

FORMAT, WORKS_WITH = 2, 1


class Mark(FrozenModel):
    """What is noted with what is stored, and what a program says of itself."""

    format: int = Field(ge=1)
    works_with: int = Field(ge=1)
    """The lowest format whose programs can work with it."""
    version: str
    """The program's version."""


OWN = Mark(format=FORMAT, works_with=WORKS_WITH, version=__version__)
BEFORE_MARKS = Mark(format=1, works_with=1, version="0.1.0")
PlaceT = TypeVar("PlaceT")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step(Generic[PlaceT]):
    """Brings what is stored from the format before to `to`. It is repeated where it was killed halfway."""

    to: int
    told: str
    """What it does, in a sentence."""
    do: Callable[[PlaceT], None]


class StoredFormat(FrozenModel):
    """The format of a stack, and what an upgrade by this program does to what is stored."""

    mark: Mark
    steps: tuple[str, ...] = ()

    @staticmethod
    def of(mark: Mark, steps: Sequence[Step[PlaceT]], own: Mark = OWN) -> StoredFormat:
        told = tuple(f"format {one.to}: {one.told}" for one in due(steps, mark, own))
        return StoredFormat(mark=mark, steps=told)


def parsed(text: str, where: str) -> Mark:
    """Raises PlaygroundError for a mark that is none: what is stored is unknown then, and is not guessed."""
    try:
        return Mark.model_validate(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise PlaygroundError(_illegible(where, text)) from error


def must_fit(mark: Mark, what: str, own: Mark = OWN) -> None:
    """Raise PlaygroundError where this program is too old for what is stored. `what`: which stack."""
    if own.format < mark.works_with:
        raise PlaygroundError(_too_new(mark, what, own))


def due(steps: Sequence[Step[PlaceT]], mark: Mark, own: Mark = OWN) -> list[Step[PlaceT]]:
    """Return the steps from what is stored to this program's format, in order."""
    return sorted((one for one in steps if mark.format < one.to <= own.format), key=lambda one: one.to)


def after(mark: Mark, own: Mark = OWN) -> Mark:
    """Return the mark of what this program has worked on.

    One that is a format behind writes its own, so that the steps are made again later; programs that could
    not work with what was there still can't.
    """
    return own.model_copy(update={"works_with": max(own.works_with, min(mark.works_with, own.format))})


def migrated(steps: Sequence[Step[PlaceT]], mark: Mark, place: PlaceT, say: Say, own: Mark = OWN) -> Mark:
    """Do the steps that are due, tell each, and return the mark to write, which is to be written last."""
    for step in due(steps, mark, own):
        step.do(place)
        say(f"format {step.to} of what is stored: {step.told}")
    if own.format < mark.format:
        say(
            f"what is stored was brought to format {mark.format} by version {mark.version}; version "
            f"{own.version} goes on with it in format {own.format}"
        )
    return after(mark, own)


def as_text(mark: Mark) -> str:
    return json.dumps(mark.model_dump())


def _too_new(mark: Mark, what: str, own: Mark) -> Finding:
    return certain(
        object=what,
        observed=f"What it stores has format {mark.format}, by version {mark.version} of playground-ops. "
        f"This is version {own.version}, which knows format {own.format}.",
        cause=f"Version {mark.version} is needed, or one that works with format {mark.works_with}; this one "
        "could misread or harm it.",
        fix=f"Raise the pin to `playground-ops[local]=={mark.version}` in pyproject.toml and run `uv sync`; "
        f"in a clone of the project: `git checkout v{mark.version}`. Nothing was touched.",
        whose="surroundings",
    )


def _illegible(where: str, text: str) -> Finding:
    return certain(
        object=where,
        observed=f"It is not the mark of a format: {text[:100]!r}.",
        cause="Somebody edited it, or the disk lost a part of it. So it is not known which version may work "
        "with what is stored, and nothing was touched.",
        fix=f"Write what a program of this stack wrote: `{as_text(OWN)}` where version {OWN.version} "
        "deployed it last.",
        whose="surroundings",
    )
