"""Asset keys that several locations of one deployment serve: what that does, and what to do about it.

To Dagster a key is one asset of an instance. What can't be materialized (a source, an external asset) may be
defined in any number of locations, and is in none of these lists.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from playground_ops.core.errors import Finding, certain
from playground_ops.core.model import MAIN, Location

SHOWN_KEYS = 5
_WHAT_DAGSTER_DOES = (
    "To Dagster a key is one asset of an instance. Its UI materializes none that two locations define, in "
    'neither of them: "Multiple asset definitions found ... Rename these assets" (dagster-io/dagster issue '
    "18534)."
)
_RENAME = "rename the keys, or begin them with the variable PLAYGROUND_LOCATION"


def shared(
    mine: Collection[str], served: Mapping[str, Sequence[str]], name: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield each other location with the keys of `mine` that it serves; `name` is one's own."""
    for other, keys in sorted(served.items()):
        if other != name and (common := sorted({*mine}.intersection(keys))):
            yield other, common


def sharing(locations: Sequence[Location]) -> frozenset[str]:
    """Return the names of the locations that may share keys: a pair may where one of both is such."""
    return frozenset(one.name for one in locations if one.shared_assets == "warn")


def refused(name: str, release: str, other: str, keys: Sequence[str], deployment: str) -> Finding:
    """Return why a candidate may not serve beside another location, which has done nothing wrong."""
    return certain(
        object=f"release/{release}",
        observed=f"{_counted(keys)} served by location {other} too, in deployment {deployment}: "
        f"{listed(keys)}.",
        cause=_WHAT_DAGSTER_DOES,
        fix=f"Put {name} into a deployment of its own: `deployments: [{{name: NAME}}]`, and in the location "
        f"`deployment: NAME`. Or {_RENAME}. `shared_assets: warn` of one of both lets it serve all the same.",
        whose="surroundings",
    )


def warned(other: str, keys: Sequence[str], why: str) -> str:
    """Return what a rollout says that goes on all the same; `why` it does is a sentence."""
    return (
        f"{_counted(keys)} served by location {other} too: {listed(keys)}. Dagster's UI materializes such "
        f"assets in neither location. {why}"
    )


def check(served: Mapping[str, Sequence[str]], deployment: str = MAIN) -> dict[str, list[Finding]]:
    """Return a finding for each pair of locations of a deployment that serve the same keys.

    It is told once, of the later one in the order of `served`, which lacks those that may share keys.
    """
    found: dict[str, list[Finding]] = {}
    for other, name in combinations(served, 2):
        if common := sorted({*served[other]}.intersection(served[name])):
            found.setdefault(name, []).append(_pair(name, other, common, deployment))
    return found


def _pair(name: str, other: str, keys: Sequence[str], deployment: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed=f"{_counted(keys)} served by {name} and by {other}, in deployment {deployment}: "
        f"{listed(keys)}.",
        cause=_WHAT_DAGSTER_DOES,
        fix="Put one of both into a deployment of its own: `deployments: [{name: NAME}]`, in the location "
        f"`deployment: NAME`, and `deploy --force`. Or {_RENAME}, and redeploy. With `shared_assets: warn` "
        "of one of both this is not told.",
        whose="surroundings",
    )


def listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return f"{', '.join(keys[:SHOWN_KEYS])}{more}"


def _counted(keys: Sequence[str]) -> str:
    return "1 asset key is" if len(keys) == 1 else f"{len(keys)} asset keys are"
