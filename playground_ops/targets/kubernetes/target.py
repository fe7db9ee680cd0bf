"""The Kubernetes target: releases as Deployments behind one Service whose selector is the switch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread

from playground_ops.clock import Clock, SystemClock
from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.model import (
    LiveRelease,
    LoadedCode,
    Location,
    Observation,
    Release,
    Revision,
    RolloutRecord,
    Shown,
)
from playground_ops.render import release as rendering
from playground_ops.render.names import GRPC_PORT, location_service, release_deployment, release_service
from playground_ops.targets.address import Address
from playground_ops.targets.base import Lock, Say
from playground_ops.targets.codeserver import import_client, inspect
from playground_ops.targets.kubernetes import archive, automation, leases, smoking
from playground_ops.targets.kubernetes.connection import Connection
from playground_ops.targets.kubernetes.hastening import end_pods
from playground_ops.targets.kubernetes.observing import Pods
from playground_ops.targets.kubernetes.records import Records
from playground_ops.targets.kubernetes.releases import Releases, selector
from playground_ops.targets.kubernetes.resolving import resolve
from playground_ops.targets.kubernetes.stack import KubernetesStack
from playground_ops.targets.serverwire import NoAnswer, current_runs, server_id
from playground_ops.targets.webserver import WebserverDown

REMOVE_GRACE_SECONDS = 5
SHORTEST_WATCH_SECONDS = 0.5
"""What is waited for shorter is not worth a request."""


class KubernetesTarget:
    """Opened by whoever needs it, any number at once: everything is read from the cluster.

    The verbs that talk to servers and to the instance are for the inside of the cluster: a rollout asks
    pods by their addresses, and `home` is a DAGSTER_HOME of this stack.
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
        """`project`: the clone whose packages the bootstrap releases serve."""
        self.connection, self.configuration, self.project = connection, configuration, project
        self.namespace = configuration.kubernetes.namespace
        self.clock = clock or SystemClock()
        self.home = home or Path(os.environ.get("DAGSTER_HOME", ""))
        self.stack = KubernetesStack(connection, configuration, project)
        self._releases = Releases(connection, self.namespace)
        self._pods = Pods(connection, self.namespace)
        self._records = Records(connection, self.namespace)

    def lock(self, location: str, holder: str) -> AbstractContextManager[Lock]:
        return leases.lease(self.connection, self.namespace, location, holder)

    def resolve(self, location: Location, ref: str | None) -> Revision:
        if location.repository is None:
            return archive.revision(location, self.project)
        return resolve(self.connection, self.configuration, location, ref)

    def fetch(self, location: Location, revision: Revision, say: Say) -> Revision:
        # The candidate's own pod fetches. Whatever is started is inspected: importing that takes a while.
        Thread(target=import_client, daemon=True).start()
        return revision

    def releases(self, location: str) -> Sequence[LiveRelease]:
        return self._releases.all(location)

    def next_number(self, location: str) -> int:
        recorded = [record.release.number for record in self.records(location) if record.release]
        return max([0, *self._releases.numbers(location), *recorded]) + 1

    def start(self, release: Release, say: Say) -> None:
        """Its code comes with it: this project's own from the archive, a repository's by git-sync."""
        if self._releases.revive(release):
            return
        self._releases.sweep(release.location.name)
        made = archive.name_of(self.project)
        if release.location.in_image is None:
            if release.revision.repository is None:
                self._must_be_this_code(release)
            self._releases.make([archive.archive(self.project, self.namespace)])
        live = [found.release.revision.commit for found in self._releases.all(release.location.name)]
        self._releases.make(rendering.render(release, self.configuration, made, live))

    def observe(self, release: Release) -> Observation:
        return self._pods.observe(release)

    def wait(self, release: Release, seconds: float) -> None:
        if seconds < SHORTEST_WATCH_SECONDS:
            self.clock.sleep(seconds)
        else:
            self._pods.wait(release, seconds)

    def inspect(self, release: Release) -> LoadedCode:
        address = self._address(release)
        if address is None:
            raise PlaygroundError(_no_address(release))
        try:
            return inspect(release, address, server_id(address.channel))
        except NoAnswer as error:
            raise PlaygroundError(_no_answer(release, str(error))) from error

    def expected_directory(self, release: Release) -> str:
        return rendering.directory(release)

    def smoke(self, release: Release, say: Say) -> None:
        made = archive.name_of(self.project)
        smoking.run(self.connection, release, self.configuration, made, say)

    def other_asset_keys(self, location: str) -> dict[str, Sequence[str]]:
        try:
            found = self.stack.webserver().asset_keys()
        except WebserverDown:
            return {}
        return {name: keys for name, keys in found.items() if name != location}

    def set_automation(self, release: Release, loaded: LoadedCode) -> Sequence[str]:
        address = Address(location_service(release.location.name), GRPC_PORT)
        return automation.apply(self.connection, self.namespace, self.home, release, address, loaded)

    def serve(self, release: Release) -> None:
        # The selector last: whoever dies on the way leaves a release that never served, and is removed.
        self._releases.mark_served(release, self.clock.utc_now())
        self._releases.lead_to(release.location.name, release.number)
        try:
            self.stack.webserver().reload(release.location.name)
        except WebserverDown:
            return  # the switch is done; what the webserver shows is for the confirmation to find out

    def keep(self, release: Release) -> None:
        """Nothing to do: a Deployment's pod comes back by itself from its first moment."""

    def shown(self, release: Release) -> tuple[Shown, str]:
        name = release.location.name
        try:
            shown = (
                self.stack.webserver().locations().get(name, Shown(error="it does not know this location"))
            )
        except WebserverDown as error:
            shown = Shown(error=f"it does not answer ({error})")
        address = self._address(release)
        try:
            return shown, server_id(address.channel) if address else ""
        except NoAnswer:
            return shown, ""

    def settle(self, previous: Release) -> None:
        address = self._address(previous)
        try:
            runs = current_runs(address.channel) if address else []
        except NoAnswer:
            return  # nothing runs on a server that is gone
        if runs:
            from playground_ops.targets.instance import point_runs_at

            own = release_service(previous.location.name, previous.number)
            point_runs_at(self.home, runs, Address(own, GRPC_PORT))

    def retire(self, release: Release) -> None:
        self.settle(release)
        self._releases.mark_draining(release, self.clock.utc_now())
        self._releases.sweep(release.location.name)

    def remove(self, release: Release) -> None:
        if self._releases.serving(release.location.name) == release.number:
            self._releases.lead_to(release.location.name, None)
        name = release_deployment(release.location.name, release.number)
        end_pods(self.connection, self.namespace, name, selector(release), REMOVE_GRACE_SECONDS)
        self._releases.delete(release)

    def tail(self, release: Release, lines: int) -> str:
        return self._pods.tail(release, lines)

    def record(self, record: RolloutRecord) -> None:
        self._records.save(record)

    def records(self, location: str) -> Sequence[RolloutRecord]:
        return self._records.all(location)

    def _address(self, release: Release) -> Address | None:
        host = self._pods.address(release)
        return Address(host, GRPC_PORT) if host else None

    def _must_be_this_code(self, release: Release) -> None:
        there = archive.revision(release.location, self.project).commit
        if release.revision.commit != there:
            raise PlaygroundError(_moved_on(release.revision.commit, there))


def _moved_on(commit: str, found: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"code/{commit}",
        observed=f"The project's own files are {found} here.",
        cause="The release was made by another version of this project, whose files are gone.",
        fix="Redeploy the location instead: it gets the files of this version.",
    )


def _no_address(release: Release) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed="Its pod has no address any more.",
        cause="It was deleted, or its node went away, since it was ready.",
        fix="Redeploy.",
    )


def _no_answer(release: Release, told: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed=f"Its pod is ready, and does not answer from here: {told}.",
        cause="The server died just now, or a network policy lets nobody but the stack reach it.",
        fix="Redeploy; a rollout has to run inside the cluster.",
    )
