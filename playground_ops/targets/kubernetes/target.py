"""The Kubernetes target: releases as Deployments behind one Service whose selector is the switch."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

from playground_ops.config import Configuration
from playground_ops.core.checkout import Checkout
from playground_ops.core.clock import Clock, SystemClock
from playground_ops.core.component import Storage
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import (
    MAIN,
    LiveRelease,
    Location,
    Observation,
    Release,
    Revision,
    RolloutRecord,
    Verdict,
)
from playground_ops.core.moving import Move, Moved
from playground_ops.core.produced import Produced, Wanted
from playground_ops.core.target import Lock, Say
from playground_ops.render import release as rendering
from playground_ops.render.gitsync import InUse
from playground_ops.render.names import GRPC_PORT, location_service, release_deployment, release_service
from playground_ops.render.namespaces import host, place
from playground_ops.targets.common import carrying, runs_in_flight
from playground_ops.targets.common.code_server import import_client, inspect
from playground_ops.targets.common.produced import produced
from playground_ops.targets.common.refs import Answer, pinned, resolve_all
from playground_ops.targets.common.server_protocol import (
    Address,
    NoAnswer,
    await_server,
    repository_names,
    server_id,
)
from playground_ops.targets.common.webserver_view import WebserverView
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.snapshot import Snapshot
from playground_ops.targets.kubernetes.homes import Homes
from playground_ops.targets.kubernetes.in_flight import InFlight
from playground_ops.targets.kubernetes.objects import storage
from playground_ops.targets.kubernetes.pods.deletion import end_pods
from playground_ops.targets.kubernetes.releases import archive, leases, one_shot
from playground_ops.targets.kubernetes.releases.deployments import Releases, selector
from playground_ops.targets.kubernetes.releases.observing import Pods, answered, moved_on
from playground_ops.targets.kubernetes.releases.records import Records, StoppedAutomation
from playground_ops.targets.kubernetes.stack import KubernetesStack

REMOVE_GRACE_SECONDS = 5
PROXY_SECONDS = 2.0
"""kube-proxy writes its rules once a second at most (minSyncPeriod)."""
SHORTEST_WATCH_SECONDS = 0.5
"""Shorter waits sleep, as they are not worth a request."""


class KubernetesTarget:
    """Any number may be open at once: everything is read from the cluster.

    Methods that talk to servers and to the instance work only inside the cluster: a rollout reaches pods by
    their addresses, and `home` is a DAGSTER_HOME of this stack.
    """

    name = "kubernetes"

    def __init__(
        self,
        connection: Connection,
        configuration: Configuration,
        project: Path,
        *,
        clock: Clock | None = None,
        home: Path | None = None,
    ) -> None:
        """`project` is the clone whose packages the bootstrap releases serve."""
        self.connection, self.configuration, self.project = connection, configuration, project
        self.namespace = configuration.kubernetes.namespace
        self.clock = clock or SystemClock()
        self.home = home or Path(os.environ.get("DAGSTER_HOME", ""))
        self.stack = KubernetesStack(connection, configuration, project)
        self._places = {name: Releases(connection, name) for name in configuration.namespaces}
        self._pods_in = {name: Pods(connection, name) for name in configuration.namespaces}
        self._records = Records(connection, self.namespace)
        self._homes = Homes(configuration, self.home)
        self._in_flight = InFlight(configuration, self.stack.instances, self._homes)

    def snapshot(self) -> KubernetesTarget:
        seen = Snapshot(self.connection)
        made = KubernetesTarget(seen, self.configuration, self.project, clock=self.clock, home=self.home)
        made._places = {name: releases.through(seen) for name, releases in self._places.items()}
        return made

    def webserver(self, deployment: str = MAIN) -> WebserverView:
        has_daemon = self.configuration.of(deployment).has_daemon
        return WebserverView(partial(self.stack.instances.webserver, deployment), has_daemon=has_daemon)

    def _serving(self, location: str) -> Address:
        return Address(host(self.configuration, location_service(location), location), GRPC_PORT)

    def _releases(self, location: str) -> Releases:
        return self._places[self.configuration.namespace_of(location)]

    def _pods(self, release: Release) -> Pods:
        return self._pods_in[self.configuration.namespace_of(release.location.name)]

    def lock(self, location: str, holder: str) -> AbstractContextManager[Lock]:
        return leases.lease(self.connection, self.namespace, location, holder)

    def holder(self, location: str) -> str | None:
        return leases.holder(self.connection, self.namespace, location)

    def resolve(self, location: Location, ref: str | None) -> Revision:
        if location.repository is None:
            return archive.revision(location, self.project)
        if pinned(location.repository, ref or location.ref) is None:
            self._get_ready()  # a pod is waited for
        return one_shot.resolve(self.connection, self.configuration, location, ref)

    def resolve_all(self, locations: Sequence[Location]) -> Sequence[Answer]:
        def ask(several: Sequence[Location]) -> Sequence[Answer]:
            return one_shot.resolve_alike(self.connection, self.configuration, several)

        return resolve_all(locations, one_shot.alike, lambda one: archive.revision(one, self.project), ask)

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        return revision  # the candidate's own pod fetches

    def releases(self, location: str) -> Sequence[LiveRelease]:
        return self._releases(location).all(location)

    def next_number(self, location: str) -> int:
        recorded = [record.release.number for record in self.records(location) if record.release]
        return max([0, *self._releases(location).numbers(location), *recorded]) + 1

    def start(self, release: Release, say: Say) -> None:
        """Create the release; its code comes from the archive, or from its repository by git-sync."""
        name = release.location.name
        releases = self._releases(name)
        if releases.revive(release):
            return
        made = archive.name_of(self.project)
        if release.location.in_image is None:
            if release.revision.repository is None:
                code = archive.revision(release.location, self.project).commit
                if release.revision.commit != code:
                    raise PlaygroundError(moved_on(release.revision.commit, code))
            there = place(self.configuration, name)
            archive.ensure(self.connection, self.project, there.namespace, there.tags)
        # What is kept is a location's own: only runs of its deployment may wait for it.
        waiting = self._in_flight.waiting_commits(release.location.deployment)
        in_use = InUse(releases.everywhere(), waiting)
        releases.make(rendering.render(release, self.configuration, made, in_use))
        self._get_ready()

    def _get_ready(self) -> None:
        """Import the client for the inspection while a pod is waited for: it takes a second of CPU, once."""
        Thread(target=import_client, daemon=True).start()

    def observe(self, release: Release) -> Observation:
        return self._pods(release).observe(release)

    def wait(self, release: Release, seconds: float) -> None:
        if seconds < SHORTEST_WATCH_SECONDS:
            self.clock.sleep(seconds)
        else:
            self._pods(release).wait(release, seconds)

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        return answered(release, self._address(release), lambda there: inspect(release, there, seconds))

    def checkout(self, release: Release) -> Checkout:
        return self._pods(release).checkout(release)

    def expected_directories(self, release: Release) -> Sequence[str]:
        return rendering.directories(release)

    def smoke(self, release: Release, say: Say) -> None:
        made = archive.name_of(self.project)
        one_shot.run_smoke(self.connection, release, self.configuration, made, say)

    def decide(self, release: Release, verdict: Verdict) -> None:
        self._releases(release.location.name).mark_verdict(release, verdict)

    def verdict(self, release: Release) -> Verdict | None:
        return self._releases(release.location.name).verdict(release)

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        home = self._homes.of(release.location.deployment)
        stopped = StoppedAutomation(self.connection, self.namespace, home)
        return stopped.apply(release, self._serving(release.location.name), loaded)

    def repositories(self, release: Release) -> Sequence[str]:
        return answered(release, self._address(release), lambda there: repository_names(there.channel))

    def hold_automation(self, release: Release, move: Move) -> None:
        location = release.location
        carrying.hold(self._homes.of(location.deployment), location, self._serving(location.name), move)

    def carry_automation(self, release: Release, move: Move, *, ticking: bool = False) -> Sequence[Moved]:
        location = release.location
        home, serving = self._homes.of(location.deployment), self._serving(location.name)
        return carrying.carry(home, location, serving, move, ticking=ticking)

    def serve(self, release: Release) -> None:
        # The selector comes last: if this process dies before, the release never served and is removed.
        name = release.location.name
        self._releases(name).mark_served(release, self.clock.utc_now())
        cluster_ip = self._releases(name).address.lead_to(name, release.number)
        # Nodes learn of it a moment later; a webserver that reloads before that sees the old server.
        if (own := self._address(release)) is not None:
            where = Address(cluster_ip, GRPC_PORT)
            with suppress(NoAnswer):
                await_server(where.channel, server_id(own.channel), PROXY_SECONDS)
        # The switch is done; the confirmation checks what the webserver shows.
        self.webserver(release.location.deployment).reload(name)

    def keep(self, release: Release) -> None:
        """Do nothing: a Deployment restarts its pod from the beginning."""

    def server_id(self, release: Release) -> str:
        address = self._address(release)
        try:
            return server_id(address.channel) if address else ""
        except NoAnswer:
            return ""

    def storage(self, deployment: str = MAIN) -> Storage:
        view = self.configuration.of(deployment)
        return storage.storage(self.connection, view, self._homes.of(deployment))

    def produced(self, location: Location, wanted: Sequence[Wanted]) -> Sequence[Produced]:
        return produced(self._homes.of(location.deployment), location.name, wanted)

    def fail_lost_runs(self, location: str) -> Sequence[str]:
        return self._in_flight.fail_lost(self._releases(location), self._records, location)

    def awaited(self, location: Location) -> Collection[int]:
        return self._in_flight.awaited(self._releases(location.name), location)

    def settle(self, previous: Release, *, launched: bool = False) -> None:
        address = self._address(previous)
        if address is None:
            return
        name, deployment = previous.location.name, previous.location.deployment
        try:
            home = self._homes.of(deployment)
        except PlaygroundError:
            return  # as where its database does not answer: it is repeated when the server retires
        own = Address(host(self.configuration, release_service(name, previous.number), name), GRPC_PORT)

        def launching() -> Sequence[str]:
            return self.webserver(deployment).launching(name)

        waits = launched and not self.configuration.runs_in_pods
        now = self._serving(name).channel
        runs_in_flight.settle(home, address.channel, own, now, launching if waits else None)

    def retire(self, release: Release) -> None:
        self.settle(release)
        releases = self._releases(release.location.name)
        releases.mark_draining(release, self.connection.now().isoformat(timespec="milliseconds"))
        releases.sweep(release.location.name)

    def remove(self, release: Release) -> None:
        location = release.location.name
        releases, namespace = self._releases(location), self.configuration.namespace_of(location)
        if releases.address.serving(location) == release.number:
            releases.address.lead_to(location, None)
        name = release_deployment(location, release.number)
        end_pods(self.connection, namespace, name, selector(release), REMOVE_GRACE_SECONDS)
        releases.delete(release)

    def tail(self, release: Release, lines: int) -> str:
        return self._pods(release).tail(release, lines)

    def record(self, record: RolloutRecord) -> None:
        self._records.save(record)

    def records(self, location: str) -> Sequence[RolloutRecord]:
        return self._records.all(location)

    def recorded(self) -> Sequence[str]:
        return self._records.locations()

    def _address(self, release: Release) -> Address | None:
        host = self._pods(release).address(release)
        return Address(host, GRPC_PORT) if host else None
