"""The topics of the health check: each topic of a component is an asset check of its own."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from playground_ops.checks.causes import DAEMON, WEBSERVER, Seen
from playground_ops.core.component import component_of
from playground_ops.core.errors import Finding


class Topic(str, Enum):
    """Topics, the most urgent first. The values are names of asset checks."""

    HEALTHY = "healthy"
    TICKS = "ticks"
    LAST_ROLLOUT = "last_rollout"
    RUNS = "runs_go_on"
    ROOM = "has_room"
    SOURCE = "source"
    AS_CONFIGURED = "as_configured"
    TIDY = "tidy"

    @property
    def is_urgent(self) -> bool:
        """Return whether all its findings are failures now; other topics warn of later ones, or of
        deviations."""
        return self in (Topic.HEALTHY, Topic.TICKS)


MEANING = {
    Topic.HEALTHY: "It runs, answers, does not keep ending, the webserver shows what serves, and no other "
    "location of its deployment serves its asset keys.",
    Topic.TICKS: "No schedule or sensor of it fails, stands still, or is on in two locations.",
    Topic.LAST_ROLLOUT: "Its last rollout went well; one that failed is told until the next good one.",
    Topic.RUNS: "No run of it waits, starts or ends for longer than such a thing takes.",
    Topic.ROOM: "Its database, its volume, its disk, its memory or its part of them is not about to be full.",
    Topic.SOURCE: "Its repository answers, and the ref that is configured is there.",
    Topic.AS_CONFIGURED: "What runs is what the configuration says: a deploy would change nothing.",
    Topic.TIDY: "Nothing is left of rollouts that ended, none died under way, and what serves is on record.",
}

FOUNDATION = "foundation"
"""What a stack is built on: in a cluster its namespace, rights, settings, policies and claim; locally its
folder and disk."""
_KEEPS = (Topic.HEALTHY, Topic.ROOM, Topic.AS_CONFIGURED)
_LOCATION = (
    *(Topic.HEALTHY, Topic.TICKS, Topic.LAST_ROLLOUT),
    *(Topic.RUNS, Topic.AS_CONFIGURED, Topic.TIDY, Topic.ROOM),
)


def parts(
    locations: Mapping[str, bool], deployments: Mapping[str, bool], keeps: Sequence[str], has_limits: bool
) -> dict[str, tuple[Topic, ...]]:
    """Return the topics that are checked for each component.

    `locations`: names, and whether they come from a repository. `deployments`: names, and whether they have a
    daemon. `keeps`: components that hold the stack's data. `has_limits`: whether processes have resource
    limits.
    """
    limited = (Topic.ROOM,) if has_limits else ()
    watched = [name for name, has_daemon in deployments.items() if has_daemon]
    webserver = (Topic.HEALTHY, *limited, Topic.AS_CONFIGURED)
    daemon = (Topic.HEALTHY, Topic.RUNS, *limited, Topic.AS_CONFIGURED)
    return {
        **dict.fromkeys((component_of(WEBSERVER, name) for name in deployments), webserver),
        **dict.fromkeys(keeps, _KEEPS),
        **dict.fromkeys((component_of(DAEMON, name) for name in watched), daemon),
        **{
            name: (*_LOCATION, *((Topic.SOURCE,) if from_git else ())) for name, from_git in locations.items()
        },
    }


Report = dict[str, dict[Topic, list[Finding]]]
"""By component: every topic that was checked, also those without findings."""
Told = tuple[str, Topic, Finding]
"""A finding with its component and topic."""


def is_urgent(topic: Topic, finding: Finding) -> bool:
    """Return whether it is a failure now."""
    return topic.is_urgent or (isinstance(finding, Seen) and finding.urgent)


def worst_first(report: Mapping[str, Mapping[Topic, Sequence[Finding]]]) -> list[Told]:
    """Return every finding with its component and topic, the urgent ones and the most urgent topics first."""
    order = list(Topic)
    found = [
        (name, topic, finding)
        for name, topics in report.items()
        for topic, findings in topics.items()
        for finding in findings
    ]
    return sorted(found, key=lambda one: (not is_urgent(one[1], one[2]), order.index(one[1])))


COLUMNS = ("component", "check", "seen")
"""The columns of a table of findings."""


def add(report: Report, topic: Topic, found: Mapping[str, Iterable[Finding]]) -> None:
    """Add findings under a topic, which thereby counts as checked."""
    for name, findings in found.items():
        report.setdefault(name, {}).setdefault(topic, []).extend(findings)


def merge(report: Report, more: Report) -> None:
    """Add the topics that were checked separately."""
    for name, topics in more.items():
        report.setdefault(name, {}).update(topics)


def is_looked_at(report: Report, name: str, topic: Topic) -> bool:
    """Return True also for a component missing from the report: it is new and waits for a reload of `ops`."""
    return topic in report.get(name, {topic: []})
