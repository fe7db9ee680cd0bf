"""Runs that have not ended, as each deployment's webserver and instance know them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location
from playground_ops.targets.common import awaited
from playground_ops.targets.common.webserver import WebserverDown
from playground_ops.targets.kubernetes.homes import Homes
from playground_ops.targets.kubernetes.instances import Instances
from playground_ops.targets.kubernetes.releases import runs
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.records import Records


@dataclass(frozen=True)
class InFlight:
    configuration: Configuration
    """The whole configuration."""
    instances: Instances
    homes: Homes

    def fail_lost(self, releases: Releases, records: Records, location: str) -> Sequence[str]:
        """Mark failed those of a location whose server has ended under them. Returns a sentence for each."""
        if self.configuration.runs_in_pods:
            return ()  # no server knows such a run; the daemon looks after its pod
        deployment = self.configuration.deployment_of(location)
        try:
            webserver, home = self.instances.webserver(deployment), self.homes.of(deployment)
        except (WebserverDown, PlaygroundError):
            return ()  # `health` tells of that; the runs of other deployments are looked at all the same
        return runs.fail_lost(releases, records, home, webserver, location)

    def awaited(self, releases: Releases, location: Location) -> Collection[int]:
        """Return the numbers of releases on which runs are still to start, or may be tried again."""
        name, view = location.name, self.configuration.of(location.deployment)
        on_servers, retries = not view.runs_in_pods, view.run_retries.max_retries
        rules = awaited.Rules(on_servers, location.longest_run_seconds, retries)
        try:
            pending = self.instances.webserver(location.deployment).pending(name)
            return awaited.releases_of(self.homes.of(location.deployment), pending, name, rules)
        except (WebserverDown, PlaygroundError):
            return set(releases.numbers(name))  # nobody knows: nothing ends

    def waiting_commits(self, deployment: str) -> Sequence[str]:
        """Return the commits of runs whose pods have not started: their code must be kept."""
        if not self.configuration.runs_in_pods:
            return ()
        from playground_ops.targets.common.instance import waiting_commits

        return waiting_commits(self.homes.of(deployment))
