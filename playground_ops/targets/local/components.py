"""The components of a local stack: starting them, observing them, ending them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import OPS, Configuration
from playground_ops.config.differences import telling
from playground_ops.config.digest import CONFIRMED, desired_settings, location_component
from playground_ops.core.component import Backup, Component, ComponentStatus, Deploying, kind_of
from playground_ops.core.errors import BadInput, Finding, PlaygroundError
from playground_ops.core.formats import StoredFormat
from playground_ops.core.model import MAIN, Location, Release, Revision
from playground_ops.core.plan import Change, Plan, explained, plan
from playground_ops.core.target import Say
from playground_ops.targets.local import deploy_mark, environment_files, formats, logs, stack
from playground_ops.targets.local.addresses import Addresses, serving_number
from playground_ops.targets.local.code import Code
from playground_ops.targets.local.control import (
    Control,
    end_leftovers,
    ensure_supervisor,
    leftovers,
    shut_down,
)
from playground_ops.targets.local.folder import (
    InstanceFolder,
    StateFolder,
    no_backups,
    no_log,
    not_deployed,
    open_to_others,
    writing,
)
from playground_ops.targets.local.instances import Instances, folders
from playground_ops.targets.local.kept_files import KeptFiles
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import ProcessSpec, ProcessState, names, read_state
from playground_ops.targets.local.releases import RecordFiles, ReleaseFiles
from playground_ops.targets.local.statuses import Named, process_statuses, status, supervisor_status

RUNNING = "running"


@dataclass(frozen=True)
class LocalStack:
    folder: StateFolder
    code: Code

    @property
    def addresses(self) -> Addresses:
        with writing(self.folder.root):
            return Addresses(runtime_folder(self.folder.root))

    @property
    def instances(self) -> Instances:
        return Instances(self.folder)

    @property
    def files(self) -> KeptFiles:
        return KeptFiles(self.folder)

    def components(self) -> Sequence[Component]:
        applied = stack.read_applied(self.folder)
        if applied is None:
            return ()
        processes = [
            Component(name=name, kind=kind_of(name), settings={**settings, "process": self._seen(name)})
            for name, settings in applied.components.items()
            if self.process(name) is not None
        ]
        names = self.location_names()
        serving = {name: release for name in names if (release := self.serving(name))}
        left = [name for name in names if name not in serving and self._is_left(name, applied)]
        return [
            *processes,
            *map(self._location, serving.values()),
            *(Component(name=name, kind="location", settings={}) for name in left),
        ]

    def _is_left(self, name: str, applied: stack.Applied) -> bool:
        """Return whether a location that left still has a server that nobody told to end."""
        files = ReleaseFiles(self.folder.location(name))
        return name not in applied.all_locations and any(
            self.is_running(release.name) and not files.is_draining(release) for release in files.all()
        )

    def _location(self, release: Release) -> Component:
        last = RecordFiles(self.folder.location(release.location.name)).last()
        open_ended = last is not None and last.outcome is None and last.release == release
        return location_component(release, self._seen(release.name), "not ended" if open_ended else CONFIRMED)

    def plan(self, configuration: Configuration) -> Plan:
        environment_files.must_be_readable(configuration.all_locations)
        return explained(
            plan(self._desired(configuration), self.components()), telling(configuration, self.serving)
        )

    def _desired(self, configuration: Configuration) -> Sequence[Component]:
        locations = [
            Component(
                name=location.name,
                kind="location",
                settings={
                    **desired_settings(location, self._pinned(location), self.serving(location.name)),
                    "process": RUNNING,
                    "rollout": CONFIRMED,
                },
            )
            for location in configuration.all_locations
        ]
        processes = [
            found.model_copy(update={"settings": {**found.settings, "process": RUNNING}})
            for found in stack.desired_processes(configuration)
        ]
        return [*processes, *locations]

    def deploying(self, by: str) -> AbstractContextManager[None]:
        # Before the first deploy there is nothing that anybody could look at.
        there = stack.read_applied(self.folder) is not None
        return deploy_mark.marked(self.folder, by) if there else nullcontext()

    def deploy_under_way(self) -> Deploying | None:
        return deploy_mark.under_way(self.folder)

    def finish(self, configuration: Configuration, changed: Sequence[Change], say: Say) -> None:
        """Do nothing: processes of one machine have no limits that a configuration sets."""

    def stored_format(self) -> StoredFormat | None:
        return formats.told(self.folder)

    def migrate(self, say: Say) -> None:
        if formats.stored(self.folder) is not None:
            formats.migrate(self.folder, say)

    def apply(self, configuration: Configuration, whole: Plan, changed: Sequence[Change], say: Say) -> None:
        formats.migrate(self.folder, say)
        names = [change.component for change in changed]
        current = stack.read_applied(self.folder)
        ports = stack.choose_ports(configuration, current)
        if configuration.webserver.port is None and current is None and ports[MAIN] != stack.PREFERRED_PORT:
            say(f"port {stack.PREFERRED_PORT} is taken; the UI will be at port {ports[MAIN]}")
        applied = stack.write_stack(self.folder, configuration, self.addresses, ports)
        for folder, _ in folders(self.folder, applied):
            self.instances.make_tables(folder.deployment, say)
            for spec in stack.specs(folder, applied):
                self._start(spec, spec.name in names, say)
        self.instances.reload(current, applied)
        for name in {*(current.components if current else ())} - {*applied.components}:
            say(f"ending {name}")
            self._end(name)

    def _start(self, spec: ProcessSpec, is_changed: bool, say: Say) -> None:
        if is_changed or not self.is_running(spec.name):
            say(f"starting {spec.name}")
            self._end(spec.name)
            self.control().start(spec)

    def _end(self, name: str) -> None:
        control = self.control()
        control.stop(name, stack.GRACE_SECONDS)
        control.wait_gone(name, stack.GRACE_SECONDS * 2)

    def component_status(self) -> Sequence[ComponentStatus]:
        applied = stack.read_applied(self.folder)
        if applied is None:
            return ()
        # A removed location still has records: it exists as long as a server of it runs.
        running = {name.rpartition("-")[0] for name in names(self.folder.root) if self.is_running(name)}
        there = [name for name in self.location_names() if name in {*applied.all_locations, *running}]
        instances = folders(self.folder, applied)
        with ThreadPoolExecutor(len(instances)) as pool:  # one that hangs takes seconds to be found so
            standing = list(pool.map(lambda found: self._statuses_of(*found), instances))
        return [
            *supervisor_status(self.folder.root),
            *(one for several in standing for one in several),
            *map(self._location_status, there),
        ]

    def _statuses_of(
        self, folder: InstanceFolder, applied: stack.AppliedInstance
    ) -> Sequence[ComponentStatus]:
        daemon = Named(folder.daemon, self.process(folder.daemon)) if applied.has_daemon else None
        webserver = Named(folder.webserver, self.process(folder.webserver))
        found = process_statuses(applied.url, webserver, daemon)
        return [one.model_copy(update={"deployment": folder.deployment}) for one in found]

    def artifacts(self) -> Path:
        return self.folder.root

    def collect(self) -> Iterator[tuple[str, str]]:
        return logs.collect(self.folder)

    def missing(self, configuration: Configuration) -> Mapping[str, Sequence[Finding]]:
        found = open_to_others(self.folder.root)
        return {OPS.name: found} if found else {}  # processes get nothing that somebody else keeps

    def wait_for_change(self, seconds: float) -> None:
        self.control().any_change(seconds)

    def withdraw(self, location: str) -> None:
        applied = stack.read_applied(self.folder)
        for folder, own in folders(self.folder, applied) if applied else ():
            stack.write_workspace(folder, own.locations, self.addresses)
        control = self.control()
        self.addresses.serving(location).unlink(missing_ok=True)
        files = ReleaseFiles(self.folder.location(location))
        for release in files.all():
            files.mark_draining(release, "")
            control.stop(release.name, float(release.location.longest_run_seconds))

    def ui_address(self, deployment: str = MAIN) -> str | None:
        return self.instances.ui_address(deployment)

    def logs(self, component: str, lines: int, follow: bool) -> Iterator[str]:
        release = self.serving(component)
        path = self.folder.log(release.name if release else component)
        if not path.exists():
            raise BadInput(no_log(component, path.parent))
        return logs.follow(path, lines) if follow else logs.last_lines(path, lines)

    def back_up(self, say: Say) -> Sequence[Backup]:
        raise BadInput(no_backups(self.folder.root))

    def down(self, say: Say, grace_seconds: float | None) -> None:
        shut_down(self.folder.root, say, grace_seconds)
        if found := leftovers(self.folder.root):
            say(f"ending {len(found)} process(es) that outlived their server")
            end_leftovers(self.folder.root)

    def delete_data(self) -> None:
        runtime = runtime_folder(self.folder.root)
        shutil.rmtree(self.folder.root, ignore_errors=True)
        if runtime.is_symlink():
            runtime.unlink()

    # What the target's other methods need of the stack.

    def must_be_deployed(self) -> None:
        """Raise PlaygroundError where there is no stack, or its files can't be read."""
        if stack.read_applied(self.folder) is None:
            raise PlaygroundError(not_deployed(self.folder.stack))

    def control(self) -> Control:
        return ensure_supervisor(self.folder.root)

    def process(self, name: str) -> ProcessState | None:
        return read_state(self.folder.root, name)

    def is_running(self, name: str) -> bool:
        return (process := self.process(name)) is not None and process.running

    def _seen(self, name: str) -> str:
        process = self.process(name)
        if process is None:
            return "not there"
        return RUNNING if process.running else process.exit_text or "ended"

    def process_numbers(self, location: str) -> list[int]:
        """Return the numbers of a location's releases that have a process, running or not."""
        found = (name.rpartition("-") for name in names(self.folder.root))
        return [int(number) for prefix, _, number in found if prefix == location and number.isdigit()]

    def restarts(self, name: str) -> int:
        process = self.process(name)
        return process.restarts if process else 0

    def wait_for_process(self, name: str, seconds: float) -> None:
        process = self.process(name)
        self.control().changed(name, process.serial if process else -1, seconds)

    def serving(self, location: str) -> Release | None:
        number = serving_number(self.addresses, location)
        return ReleaseFiles(self.folder.location(location)).read(number) if number else None

    def environment_of(self, location: Location) -> dict[str, str]:
        """Return the variables about the stack for a location's server; only `ops` gets any."""
        applied = stack.read_applied(self.folder)
        if location.name != OPS.name or applied is None:
            return {}
        return stack.variables_of_ops(self.folder, applied, self.code.project)

    def _pinned(self, location: Location) -> Revision | None:
        if location.repository is not None or location.in_image is not None:
            return None
        return self.code.bootstrap_revision(location)

    def location_names(self) -> list[str]:
        if not self.folder.locations.is_dir():
            return []
        return sorted(folder.name for folder in self.folder.locations.iterdir() if folder.is_dir())

    def _location_status(self, name: str) -> ComponentStatus:
        release = self.serving(name)
        if release is None:
            return ComponentStatus(name=name, kind="location", ready=False, message="serves no release")
        return status(name, "location", self.process(release.name))
