"""A stack in one namespace of a cluster: plan, apply, observe and end it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.config import Configuration
from playground_ops.config.digest import CONFIRMED, desired_settings, location_component
from playground_ops.core.clock import SystemClock
from playground_ops.core.component import Backup, Component, ComponentStatus, Deploying
from playground_ops.core.decisions import serving
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import Release
from playground_ops.core.plan import Change, FieldChange, Plan, explained, plan
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.render.names import (
    ARTIFACTS_FOLDER,
    LOCATION,
    MANAGER,
    RELEASE,
    STANDING,
    WEBSERVER,
    WEBSERVER_PORT,
)
from playground_ops.render.stack import FOUNDATION
from playground_ops.render.webserver import prefix
from playground_ops.targets.common.webserver import Webserver, WebserverDown
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import Selection, path_of
from playground_ops.targets.kubernetes.api.streaming import changes
from playground_ops.targets.kubernetes.logs.collect import collect
from playground_ops.targets.kubernetes.logs.reading import Wanted, last_lines, namespace_of, selector_of
from playground_ops.targets.kubernetes.objects import (
    certificates,
    deploy_mark,
    inventory,
    references,
    value_mark,
)
from playground_ops.targets.kubernetes.objects.applied_configuration import beyond_what_was_applied
from playground_ops.targets.kubernetes.objects.applying import apply_changes
from playground_ops.targets.kubernetes.objects.components import (
    KINDS,
    WORKLOADS,
    location_status,
    status_of,
    used,
)
from playground_ops.targets.kubernetes.objects.database import dump, is_due, migrate
from playground_ops.targets.kubernetes.objects.database_role import planned as planned_role
from playground_ops.targets.kubernetes.objects.kept_files import KeptFiles
from playground_ops.targets.kubernetes.objects.planning import plan_objects
from playground_ops.targets.kubernetes.pods.selection import collected
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.differences import told_of_release
from playground_ops.targets.kubernetes.releases.records import Records
from playground_ops.targets.kubernetes.releases.runs import launcher_may_change

if TYPE_CHECKING:
    from playground_ops.targets.kubernetes.outside.deploying import DeployFromOutside

OURS = f"app.kubernetes.io/managed-by={MANAGER}"
RUNNING = "running"
Live = tuple[Component, Release | None]
"""A location as it is, and what serves it."""


class KubernetesStack:
    def __init__(self, connection: Connection, configuration: Configuration, project: Path) -> None:
        self._connection, self._configuration, self._project = connection, configuration, project
        self._namespace = configuration.kubernetes.namespace
        self.files = KeptFiles(configuration, Path(os.environ.get("DAGSTER_HOME", "")))
        self._records = Records(connection, self._namespace)
        self._is_wide = False
        """Whether this process has widened limits for its deploy, and not narrowed them yet."""
        self._version = ""
        """The version of the last list of pods, from which a wait watches."""

    def plan(self, configuration: Configuration) -> Plan:
        with ThreadPoolExecutor(1) as beside:
            live = beside.submit(self._live_locations)
            objects = plan_objects(self._connection, configuration)
            found = live.result()
        locations = plan(
            self._desired_locations(configuration, found), [component for component, _ in found.values()]
        )

        def explain(change: Change) -> tuple[FieldChange, ...]:
            return told_of_release(configuration, change, self._places()[change.component][1])

        marks = (value_mark.planned, planned_role)
        once = [one for planned in marks for one in planned(self._connection, configuration)]
        return Plan(changes=(*objects, *once, *explained(locations, explain).changes))

    def components(self) -> Sequence[Component]:
        found = [
            Component(name=name, kind=name, settings=_settings(workload))
            for name in KINDS
            if (workload := self._workload(name)) is not None
        ]
        return [*found, *(component for component, _ in self._live_locations().values())]

    def deploying(self, by: str) -> AbstractContextManager[None]:
        return deploy_mark.marked(self._connection, self._namespace, by, lambda: self._is_wide)

    def deploy_under_way(self) -> Deploying | None:
        return deploy_mark.under_way(self._connection, self._namespace)

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Say) -> None:
        """Apply; from outside after preflight checks, and with the foundation and the database's passwords.

        Raises PlaygroundError before anything is written, or with the first refusal.
        """
        outside = None if self._connection.is_ops else self._outside(configuration, say)
        if outside is not None:
            outside.begin(whole, changed)
            changed = _with_orders(whole, changed)
        elif found := beyond_what_was_applied(self._connection, configuration):
            raise PlaygroundError(*found)
        launcher_may_change(self._connection, configuration)
        if is_due(changed):
            migrate(self._connection, configuration, say)
        if outside is not None:
            from playground_ops.targets.kubernetes.outside import widening

            self._is_wide = widening.has_limits(changed)
            changed = list(widening.widened(self._connection, changed))
        apply_changes(self._connection, changed, say)
        if outside is not None:
            outside.settle(changed)

    def finish(self, configuration: Configuration, changed: Sequence[Change], say: Say) -> None:
        rolled_out = any(change.kind == "location" and change.object is None for change in changed)
        if rolled_out and not self._connection.is_ops:
            self._outside(configuration, say).move_values(changed)  # what was written meanwhile
        if self._is_wide:
            from playground_ops.targets.kubernetes.outside import widening

            space, text = self._namespace, configuration.text
            self._is_wide = not widening.narrow(self._connection, space, text, changed, say)

    def _outside(self, configuration: Configuration, say: Say) -> "DeployFromOutside":
        from playground_ops.targets.kubernetes.outside.deploying import DeployFromOutside

        return DeployFromOutside(self._connection, configuration, self._project, say)

    def missing(self, configuration: Configuration) -> Mapping[str, Sequence[Finding]]:
        found = references.missing(self._connection, configuration)
        expiring = certificates.expiring(self._connection, configuration, self._connection.now())
        for name, told in expiring.items():
            found.setdefault(name, []).append(told)
        return found

    def component_status(self) -> Sequence[ComponentStatus]:
        pods, self._version = self._pods(self._namespace)
        uses, collect = used(self._connection, self._namespace), partial(collected, self._connection)
        found = [
            status_of(name, workload, pods, collect, uses)
            for name in KINDS
            if (workload := self._workload(name)) is not None
        ]
        for name, (namespace, releases) in sorted(self._places().items()):
            number = releases.address.serving(name)
            own = {LOCATION: name, RELEASE: str(number)}
            at_home = namespace == self._namespace
            near = pods if at_home else self._pods(namespace)[0]
            mine = [pod for pod in near if own.items() <= pod.labels.items()]
            there = uses if at_home else used(self._connection, namespace)
            found.append(location_status(name, number, mine, there, collect))
        return found

    def _places(self) -> dict[str, tuple[str, Releases]]:
        """Return the namespace and the releases of every location that has an address or a release."""
        found: dict[str, tuple[str, Releases]] = {}
        for namespace in self._namespaces():
            releases = Releases(self._connection, namespace)
            found |= dict.fromkeys(releases.locations(), (namespace, releases))
        return found

    def artifacts(self) -> Path:
        return Path(ARTIFACTS_FOLDER)

    def collect(self) -> Iterator[tuple[str, str]]:
        return collect(self._connection, self._namespaces())

    def wait_for_change(self, seconds: float) -> None:
        next(changes(self._connection, Selection(self._namespace, OURS), self._version, seconds), None)

    def withdraw(self, location: str) -> None:
        """Delete all its releases; their pods have as long as their runs need."""
        if location in (places := self._places()):
            places[location][1].clear(location)

    def ui_address(self) -> str | None:
        ingress = self._configuration.kubernetes.ingress
        if self._connection.get(path_of("v1", "Service", WEBSERVER, self._namespace)) is None:
            return None
        if ingress is not None:
            scheme = "https" if ingress.tls_secret else "http"
            return f"{scheme}://{ingress.host}{ingress.path}"
        return f"http://{WEBSERVER}.{self._namespace}:{WEBSERVER_PORT} (in the cluster; `ui` leads there)"

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        selector = selector_of(self._configuration, component)
        wanted = Wanted(Selection(namespace_of(self._configuration, selector), selector))
        read = last_lines
        if follow:
            from playground_ops.targets.kubernetes.logs.following import follow as read
        return (line.text for line in read(self._connection, wanted, lines, lambda message: None))

    def back_up(self, say: Say) -> Backup:
        return dump(self._connection, self._configuration, SystemClock().utc_now(), say)

    def down(self, say: Say, grace_seconds: float | None) -> None:
        from playground_ops.targets.kubernetes.outside import ending

        ending.down(self._connection, self._namespaces(), say, grace_seconds)

    def delete_data(self) -> None:
        from playground_ops.targets.kubernetes.outside import ending

        ending.delete_data(self._connection, self._namespaces())

    def _namespaces(self) -> tuple[str, ...]:
        return inventory.namespaces(self._connection, self._configuration)

    def webserver(self) -> Webserver:
        """Raises WebserverDown when there is none."""
        if self._address is None:
            raise WebserverDown("no webserver is deployed here")
        return Webserver(self._address)

    @cached_property
    def _address(self) -> str | None:
        """Return the URL by cluster IP, which also works on a machine that reaches the cluster's Services."""
        service = self._connection.get(path_of("v1", "Service", WEBSERVER, self._namespace))
        if service is None:
            return None
        return f"http://{service['spec']['clusterIP']}:{WEBSERVER_PORT}{prefix(self._configuration)}"

    def _desired_locations(self, configuration: Configuration, live: Mapping[str, Live]) -> list[Component]:
        found = []
        for location in configuration.all_locations:
            pinned = None if location.repository else archive.revision(location, self._project)
            _, release = live.get(location.name, (None, None))
            settings = desired_settings(location, pinned, release)
            settings |= {"process": RUNNING, "rollout": CONFIRMED}
            found.append(Component(name=location.name, kind="location", settings=settings))
        return found

    def _live_locations(self) -> dict[str, Live]:
        """Return the locations that serve, by name, and those with releases but no address."""
        places = sorted(self._places().items())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda one: self._live_location(one[0], one[1][1]), places)
            return {one[0].name: one for one in found if one is not None}

    def _live_location(self, name: str, place: Releases) -> Live | None:
        now = serving(place.all(name))
        if now is None and place.address.exists(name):
            return None
        if now is None:
            return Component(name=name, kind="location", settings={}), None
        last = next(reversed(self._records.all(name)), None)
        open_ended = last is not None and last.outcome is None and last.release == now.release
        rollout = "not ended" if open_ended else CONFIRMED
        return location_component(now.release, RUNNING, rollout), now.release

    def _workload(self, name: str) -> dict[str, Any] | None:
        where = path_of("apps/v1", WORKLOADS[KINDS[name]], STANDING[name], self._namespace)
        found: dict[str, Any] | None = self._connection.get(where)
        return found

    def _pods(self, namespace: str) -> tuple[list[Pod], str]:
        """Return the stack's pods in a namespace, and the version of the list to watch from."""
        chosen = Selection(namespace, OURS)
        listed = self._connection.request("GET", chosen.path, query=chosen.query)
        return list(map(Pod.read, listed["items"])), str(listed["metadata"]["resourceVersion"])


def _with_orders(whole: Plan, changed: Sequence[Change]) -> Sequence[Change]:
    """Add, where rollouts follow, the changes of what makes them, even if other components were named."""
    if all(change.object or change.kind != "location" for change in changed):
        return changed
    orders = [one for one in whole.changed() if one.component == FOUNDATION[1]]
    return [one for one in whole.changes if one in changed or one in orders]


def _settings(workload: dict[str, Any]) -> dict[str, str]:
    template = workload["spec"]["template"]
    container = template["spec"]["containers"][0]
    return {"image": str(container["image"]), "resources": str(container.get("resources", {}))}
