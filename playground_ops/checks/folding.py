"""Folds what follows from another finding under it: one row, one message, for one cause."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from playground_ops.checks.causes import DEPLOY, Seen
from playground_ops.checks.topic import Report, Told, Topic, worst_first
from playground_ops.core.component import Deploying
from playground_ops.core.errors import Finding


@dataclass(frozen=True)
class Because:
    """A check that is not passed for a reason that lies elsewhere."""

    cause: Told | None
    """None: a deploy that is under way."""
    sentence: str
    """What the reason is, and whose."""
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Folded:
    report: Report
    """The topics that were looked at, with what is each one's own fault. What follows from something else is
    not in it: it is neither well nor to be told."""
    because: Mapping[tuple[str, Topic], Because]
    """The topics that have such findings alone."""
    consequences: Sequence[tuple[Told, Told | None]]
    """Each with the finding that it follows from; None: a deploy that is under way."""
    deploy: Deploying | None = None

    @property
    def worst(self) -> list[Told]:
        """Every finding that stands for itself, the most urgent first."""
        return worst_first(self.report)

    def also(self, cause: Told | None) -> list[Told]:
        """Return what other checks show because of a finding; None: of the deploy that is under way."""
        found = [told for told, root in self.consequences if root == cause]
        return [told for told in found if cause is None or told[:2] != cause[:2]]

    def meanwhile(self) -> str | None:
        """Return the sentence for what a deploy that is under way explains."""
        found = self.also(None)
        return f"{_deploys(self.deploy)} Not held against it: {_named(found)}." if found else None


def fold(report: Report, deploy: Deploying | None = None) -> Folded:
    """Return the report with consequences under their causes.

    `deploy`: one that is under way and explains what it is about to change.
    """
    told = worst_first(report)
    causes: dict[str, Told] = {}
    for one in told:
        for label in one[2].explains if isinstance(one[2], Seen) else ():
            causes.setdefault(label, one)
    nearest = [_nearest(one, causes, deploy is not None) for one in told]
    roots = [(one, _root(at, told, nearest)) for at, one in enumerate(told)]
    own: Report = {name: {topic: [] for topic in topics} for name, topics in report.items()}
    for (name, topic, finding), root in roots:
        if root is None:
            own[name][topic].append(finding)
    because: dict[tuple[str, Topic], Because] = {}
    for (name, topic, finding), root in roots:
        if root is None or own[name].get(topic):
            continue
        own[name].pop(topic, None)
        first = because.get((name, topic)) or Because(root.cause, _sentence(root.cause, deploy), ())
        because[name, topic] = replace(first, findings=(*first.findings, finding))
    consequences = [(one, root.cause) for one, root in roots if root is not None]
    return Folded(own, because, consequences, deploy)


class _Root(NamedTuple):
    cause: Told | None
    """None: the deploy."""


def _nearest(one: Told, causes: Mapping[str, Told], deploys: bool) -> _Root | None:
    """Return what a finding follows from directly; None where it stands for itself."""
    for label in one[2].follows if isinstance(one[2], Seen) else ():
        if label == DEPLOY and deploys:
            return _Root(None)
        cause = causes.get(label)
        if cause is not None and cause is not one:
            return _Root(cause)
    return None


def _root(at: int, told: Sequence[Told], nearest: Sequence[_Root | None]) -> _Root | None:
    """Return what a finding follows from in the end; of a circle, the first stands for itself."""
    passed = [at]
    while (found := nearest[passed[-1]]) is not None:
        if found.cause is None:
            return found
        up = next(number for number, one in enumerate(told) if one is found.cause)
        if up in passed:
            first = min(passed[passed.index(up) :])
            return None if first == at else _Root(told[first])
        passed.append(up)
    return _Root(told[passed[-1]]) if len(passed) > 1 else None


def _sentence(cause: Told | None, deploy: Deploying | None) -> str:
    if cause is None:
        return f"{_deploys(deploy)} This is looked at again when it has ended."
    name, topic, finding = cause
    return f"This follows from `{topic.value}` of `{name}`: {finding.object}: {finding.observed}"


def _deploys(deploy: Deploying | None) -> str:
    return f"A deploy by {deploy.by} is under way since {deploy.since}." if deploy else ""


def rows(folded: Folded) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of a table with COLUMNS; beneath each finding what follows from it."""
    for one in folded.worst:
        name, topic, found = one
        yield name, topic.value, f"{found.object}: {found.observed}"
        if more := folded.also(one):
            yield "", "", f"because of it also: {_named(more)}"


def _named(found: Sequence[Told]) -> str:
    return ", ".join(dict.fromkeys(f"{name} {topic.value}" for name, topic, _ in found))


def lasting(first: Report, second: Report) -> Report:
    """Return of the second look what was not well at the first one either, for itself or with its cause."""
    before, now = fold(first).report, fold(second)
    lasts = [one for one in now.worst if before.get(one[0], {}).get(one[1])]
    stays = [*lasts, *(told for told, root in now.consequences if root in lasts)]
    found: Report = {name: {topic: [] for topic in topics} for name, topics in second.items()}
    for name, topics in second.items():
        for topic, findings in topics.items():
            found[name][topic] = [one for one in findings if any(one is kept for _, _, kept in stays)]
    return found
