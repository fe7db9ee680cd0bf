"""A stack in one namespace of a cluster: plan, apply, observe and end it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.config import Configuration
from playground_ops.core.clock import SystemClock
from playground_ops.core.component import Backup, Component, ComponentStatus, Deploying
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.formats import StoredFormat
from playground_ops.core.model import MAIN
from playground_ops.core.plan import Change, FieldChange, Plan, explained, plan
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.render.names import ARTIFACTS_FOLDER, LOCATION, RELEASE
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.streaming import changes
from playground_ops.targets.kubernetes.homes import Homes
from playground_ops.targets.kubernetes.instances import Instances
from playground_ops.targets.kubernetes.logs.collect import collect
from playground_ops.targets.kubernetes.logs.reading import Wanted, last_lines, namespace_of, selector_of
from playground_ops.targets.kubernetes.objects import (
    certificates,
    database_mark,
    database_role,
    deploy_mark,
    format_mark,
    inventory,
    migration,
    needed,
    references,
    value_mark,
)
from playground_ops.targets.kubernetes.objects.applied_configuration import beyond_what_was_applied
from playground_ops.targets.kubernetes.objects.applying import apply_changes
from playground_ops.targets.kubernetes.objects.components import (
    OURS,
    location_status,
    standing,
    status_of,
    used,
    workloads,
)
from playground_ops.targets.kubernetes.objects.database import dump_all
from playground_ops.targets.kubernetes.objects.kept_files import KeptFiles
from playground_ops.targets.kubernetes.objects.planning import plan_objects
from playground_ops.targets.kubernetes.pods.selection import collected
from playground_ops.targets.kubernetes.releases.differences import told_of_release
from playground_ops.targets.kubernetes.releases.locations import Locations
from playground_ops.targets.kubernetes.releases.runs import launcher_may_change

if TYPE_CHECKING:
    from playground_ops.targets.kubernetes.outside.deploying import DeployFromOutside


class KubernetesStack:
    def __init__(self, connection: Connection, configuration: Configuration, project: Path) -> None:
        self._connection, self._configuration, self._project = connection, configuration, project
        self._namespace = configuration.kubernetes.namespace
        self.files = KeptFiles(configuration, Homes(configuration, Path(os.environ.get("DAGSTER_HOME", ""))))
        self._locations = Locations(connection, configuration, project)
        self.instances = Instances(connection, configuration)
        self._is_wide = False
        """Whether this process has widened limits for its deploy, and not narrowed them yet."""
        self._version = ""
        """The version of the last list of pods, from which a wait watches."""

    def plan(self, configuration: Configuration) -> Plan:
        with ThreadPoolExecutor(1) as beside:
            live = beside.submit(self._locations.live)
            objects = plan_objects(self._connection, configuration)
            found = live.result()
        locations = plan(
            self._locations.desired(configuration, found), [component for component, _ in found.values()]
        )

        def explain(change: Change) -> tuple[FieldChange, ...]:
            return told_of_release(configuration, change, self._locations.places()[change.component][1])

        marks = (format_mark.planned, value_mark.planned, database_role.planned, database_mark.planned)
        once = [one for planned in marks for one in planned(self._connection, configuration)]
        return Plan(changes=(*objects, *once, *explained(locations, explain).changes))

    def components(self) -> Sequence[Component]:
        found = []
        for name, workload in workloads(self._connection, self._namespace).items():
            if (known := standing(name)) is not None:
                found.append(Component(name=name, kind=known.kind, settings=_settings(workload)))
        return [*found, *(component for component, _ in self._locations.live().values())]

    def deploying(self, by: str) -> AbstractContextManager[None]:
        return deploy_mark.marked(self._connection, self._namespace, by, lambda: self._is_wide)

    def deploy_under_way(self) -> Deploying | None:
        return deploy_mark.under_way(self._connection, self._namespace)

    def stored_format(self) -> StoredFormat | None:
        found = format_mark.stored(self._connection, self._namespace)
        return None if found is None else StoredFormat.of(found, format_mark.STEPS)

    def migrate(self, say: Say) -> None:
        if not self._connection.is_ops:
            format_mark.migrate(format_mark.Place(self._connection, self._configuration), say)

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Say) -> None:
        """Apply; from outside after preflight checks, and with the foundation and the database's passwords.

        Raises PlaygroundError before anything is written, or with the first refusal.
        """
        outside = None if self._connection.is_ops else self._outside(configuration, say)
        if outside is not None:
            outside.begin(whole, changed)
            self.migrate(say)
            changed = needed.with_needed(whole, changed)
        elif found := beyond_what_was_applied(self._connection, configuration):
            raise PlaygroundError(*found)
        launcher_may_change(self._connection, configuration)
        if due := migration.due(configuration, changed):
            migration.migrate(self._connection, configuration, due, say)
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
        there = workloads(self._connection, self._namespace)
        found = [status_of(name, workload, pods, collect, uses) for name, workload in there.items()]
        for name, (namespace, releases) in sorted(self._locations.places().items()):
            number = releases.address.serving(name)
            own = {LOCATION: name, RELEASE: str(number)}
            at_home = namespace == self._namespace
            near = pods if at_home else self._pods(namespace)[0]
            mine = [pod for pod in near if own.items() <= pod.labels.items()]
            near_uses = uses if at_home else used(self._connection, namespace)
            told = location_status(name, number, mine, near_uses, collect)
            deployment = self._configuration.deployment_of(name)
            found.append(told.model_copy(update={"deployment": deployment}))
        return found

    def artifacts(self) -> Path:
        return Path(ARTIFACTS_FOLDER)

    def collect(self) -> Iterator[tuple[str, str]]:
        return collect(self._connection, self._namespaces())

    def wait_for_change(self, seconds: float) -> None:
        next(changes(self._connection, Selection(self._namespace, OURS), self._version, seconds), None)

    def withdraw(self, location: str) -> None:
        """Delete all its releases; their pods have as long as their runs need."""
        if location in (places := self._locations.places()):
            places[location][1].clear(location)

    def ui_address(self, deployment: str = MAIN) -> str | None:
        return self.instances.ui_address(deployment)

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        selector = selector_of(self._configuration, component)
        wanted = Wanted(Selection(namespace_of(self._configuration, selector), selector))
        read = last_lines
        if follow:
            from playground_ops.targets.kubernetes.logs.following import follow as read
        return (line.text for line in read(self._connection, wanted, lines, lambda message: None))

    def back_up(self, say: Say) -> Sequence[Backup]:
        return dump_all(self._connection, self._configuration, SystemClock().utc_now(), say)

    def down(self, say: Say, grace_seconds: float | None) -> None:
        from playground_ops.targets.kubernetes.outside import ending

        ending.down(self._connection, self._namespaces(), say, grace_seconds)

    def delete_data(self) -> None:
        from playground_ops.targets.kubernetes.outside import ending

        ending.delete_data(self._connection, self._namespaces())

    def _namespaces(self) -> tuple[str, ...]:
        return inventory.namespaces(self._connection, self._configuration)

    def _pods(self, namespace: str) -> tuple[list[Pod], str]:
        """Return the stack's pods in a namespace, and the version of the list to watch from."""
        chosen = Selection(namespace, OURS)
        listed = self._connection.request("GET", chosen.path, query=chosen.query)
        return list(map(Pod.read, listed["items"])), str(listed["metadata"]["resourceVersion"])


def _settings(workload: Mapping[str, Any]) -> dict[str, str]:
    template = workload["spec"]["template"]
    container = template["spec"]["containers"][0]
    return {"image": str(container["image"]), "resources": str(container.get("resources", {}))}
