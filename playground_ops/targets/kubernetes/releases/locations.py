"""The locations of a stack as they are in its namespaces, beside what the configuration asks for."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.config.digest import CONFIRMED, desired_settings, location_component
from playground_ops.core.component import Component
from playground_ops.core.decisions import serving
from playground_ops.core.model import Release
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.objects import inventory
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.records import Records

RUNNING = "running"
Live = tuple[Component, Release | None]
"""A location as it is, and what serves it."""


@dataclass(frozen=True)
class Locations:
    connection: Connection
    configuration: Configuration
    """The configuration that the stack was opened with."""
    project: Path
    """The clone whose packages the bootstrap releases serve."""

    def places(self) -> dict[str, tuple[str, Releases]]:
        """Return the namespace and the releases of every location that has an address or a release."""
        found: dict[str, tuple[str, Releases]] = {}
        for namespace in inventory.namespaces(self.connection, self.configuration):
            releases = Releases(self.connection, namespace)
            found |= dict.fromkeys(releases.locations(), (namespace, releases))
        return found

    def desired(self, configuration: Configuration, live: Mapping[str, Live]) -> list[Component]:
        found = []
        for location in configuration.all_locations:
            pinned = None if location.repository else archive.revision(location, self.project)
            _, release = live.get(location.name, (None, None))
            settings = desired_settings(location, pinned, release)
            settings |= {"process": RUNNING, "rollout": CONFIRMED}
            found.append(Component(name=location.name, kind="location", settings=settings))
        return found

    def live(self) -> dict[str, Live]:
        """Return the locations that serve, by name, and those with releases but no address."""
        places = sorted(self.places().items())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda one: self._live(one[0], one[1][1]), places)
            return {one[0].name: one for one in found if one is not None}

    def _live(self, name: str, place: Releases) -> Live | None:
        now = serving(place.all(name))
        if now is None and place.address.exists(name):
            return None
        if now is None:
            return Component(name=name, kind="location", settings={}), None
        records = Records(self.connection, self.configuration.kubernetes.namespace)
        last = next(reversed(records.all(name)), None)
        open_ended = last is not None and last.outcome is None and last.release == now.release
        rollout = "not ended" if open_ended else CONFIRMED
        return location_component(now.release, RUNNING, rollout), now.release
