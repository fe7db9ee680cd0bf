"""What the pods that `ops` makes have, in one namespace: the lists of an admission policy."""

from collections.abc import Iterator
from typing import Any

from playground_ops.config import Configuration
from playground_ops.diagnose.pods import INSTALLS
from playground_ops.render import admission_containers, gitsync, instance, one_shot_pods, release
from playground_ops.render.mount_places import ARCHIVES, for_any, of_claims, places
from playground_ops.render.names import Object
from playground_ops.render.namespaces import Scope


def pod_limits(configuration: Configuration, scope: Scope) -> dict[str, list[Any]]:
    """Return the lists by name, without what the configuration itself lists (`render/allowed.py`)."""
    found: dict[str, set[Any]] = {
        name: set()
        for name in ("flags", "gitPairs", "gitPlaces", "gitVariables", "packagesPlaces", "claimPlaces")
    }
    for pod in _releases(configuration, scope):
        spec = pod["spec"]
        limits = admission_containers.limits_of(spec.get("initContainers", ()), spec["volumes"], INSTALLS)
        for name, values in limits.items():
            found[name] |= set(values)
        own = places(spec["containers"][0], {one["name"]: one for one in spec["volumes"]})
        found["claimPlaces"] |= {one for one in own if "|claim/" in one}
    for location in scope.locations:
        if location.repository:
            pod = one_shot_pods.resolver_pod([location], [], configuration, "x", 1)
            for name, values in admission_containers.resolver_limits(pod).items():
                found[name] |= set(values)
    found["claimPlaces"] |= set(_claims(configuration, scope))
    if may_have_more(configuration, scope):
        for name in ("gitPlaces", "claimPlaces"):
            every = [(place, one.name) for place in found[name] for one in scope.locations]
            found[name] |= {for_any(place, location) for place, location in every}
    return {name: sorted(values) for name, values in found.items()}


def may_have_more(configuration: Configuration, scope: Scope) -> bool:
    """Return whether a commit of `ops` may add locations there: of repositories that are configured."""
    return bool(configuration.ops.repository) and scope.namespace == configuration.kubernetes.namespace


def _releases(configuration: Configuration, scope: Scope) -> Iterator[Object]:
    """Yield the pods of servers, and those that nobody starts again."""
    for location in scope.locations:
        for fetching in ((), gitsync.AGAIN):
            purpose = release.Purpose({}, fetching=fetching)
            yield release.template(release.any_release(location), configuration, f"{ARCHIVES}x", purpose)


def _claims(configuration: Configuration, scope: Scope) -> Iterator[str]:
    for pod in scope.pods.values():
        yield from of_claims(pod)
    if "postgres" in scope.pods:  # the stack's namespace; a backup's pod writes what `ops` only sees
        made = instance.backups()
        yield from places({"volumeMounts": [made.mount]}, {made.name: made.volume})
