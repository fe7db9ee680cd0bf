"""Where the configured refs of several locations lead: one question for a repository and its credentials."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias, TypeVar

from playground_ops.errors import Finding, PlaygroundError
from playground_ops.model import Location, Revision
from playground_ops.targets import refs

T = TypeVar("T")
Answer: TypeAlias = "Revision | Finding"
Asked = Callable[[Sequence[str]], tuple[str, Callable[[], str]]]
"""Names of refs to what `git ls-remote` says of them, and to all names there are."""


def resolve_all(
    locations: Sequence[Location],
    alike: Callable[[Location], Hashable],
    own: Callable[[Location], Revision],
    ask: Callable[[Sequence[Location]], Sequence[Answer]],
) -> list[Answer]:
    """In the order of `locations`, all asked at once. `own`: of those without a repository."""
    groups: dict[Hashable, list[Location]] = {}
    for one in locations:
        groups.setdefault(alike(one) if one.repository else one.name, []).append(one)

    def answered(several: list[Location]) -> Sequence[Answer]:
        if several[0].repository is None:
            return [_tried(partial(own, one)) for one in several]
        found = _tried(partial(ask, several))
        return [found] * len(several) if isinstance(found, Finding) else found

    with ThreadPoolExecutor(max_workers=max(1, len(groups))) as pool:
        answers = list(pool.map(answered, groups.values()))
    found = {
        one.name: answer
        for several, given in zip(groups.values(), answers, strict=True)
        for one, answer in zip(several, given, strict=True)
    }
    return [found[one.name] for one in locations]


def each(url: str, wanted: Sequence[str | None], ask: Asked) -> list[Answer]:
    """What every ref means. Full commits need no question, and what can't be a ref is not asked for."""
    known: list[Answer | None] = [_tried(partial(refs.pinned, url, ref)) for ref in wanted]
    names = [name for ref, found in zip(wanted, known, strict=True) if not found for name in refs.names(ref)]
    if not names:
        return [found for found in known if found]
    try:
        answer, listed = ask(list(dict.fromkeys(names)))
    except PlaygroundError as error:
        return [found or error.finding for found in known]
    return [
        _tried(partial(refs.chosen, url, ref, answer, listed)) if found is None else found
        for ref, found in zip(wanted, known, strict=True)
    ]


def the_one(answers: Sequence[Answer]) -> Revision:
    """Raises PlaygroundError for a finding."""
    (answer,) = answers
    if isinstance(answer, Finding):
        raise PlaygroundError(answer)
    return answer


def _tried(attempt: Callable[[], T]) -> T | Finding:
    try:
        return attempt()
    except PlaygroundError as error:
        return error.finding
