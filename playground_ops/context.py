"""Opens the stack: from a configuration file to an engine on its target, for every command and job."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.checks.collisions import sharing
from playground_ops.config import OPS, Configuration, load
from playground_ops.config.digest import with_what_ops_sees
from playground_ops.config.unsupported import must_fit
from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.progress import Progress, SilentProgress
from playground_ops.core.target import Target
from playground_ops.engine.context import Engine, Timeouts
from playground_ops.places import (
    CONFIGURATION_FILE,
    code_folder,
    configuration_file,
    load_configuration,
    state_folder,
)

if TYPE_CHECKING:
    from playground_ops.targets.kubernetes.api.connection import Connection

NAMESPACE = "PLAYGROUND_NAMESPACE"
"""This variable is set in the pods of a stack that act on it."""
INSIDE_LOCK_SECONDS = 900.0
"""How long a command in the cluster waits for another rollout of the same location: nobody is watching."""


Hear = Callable[[str], None]
RemoteCommand = Callable[[Sequence[str], Hear, Hear], int]
"""Takes a command's arguments and callbacks for its output and for waiting; returns its exit code."""


@dataclass(frozen=True)
class StackContext:
    configuration: Configuration
    engine: Engine

    @property
    def target(self) -> Target:
        return self.engine.target

    def with_progress(self, progress: Progress) -> Engine:
        """Return the engine with another progress."""
        return replace(self.engine, progress=progress)


def configuration_here() -> Configuration:
    """Return the configuration in force in a stack's pod, or the file's. Raises BadInput, PlaygroundError."""
    if NAMESPACE not in os.environ:
        return _local(load_configuration())
    from playground_ops.targets.kubernetes.objects.applied_configuration import configuration_in_force, here

    if configuration_comes_with_the_code():
        return here(load(configuration_file()), os.environ[NAMESPACE])
    return configuration_in_force(_as_ops(), os.environ[NAMESPACE])


def configuration_comes_with_the_code() -> bool:
    """Return True inside a cluster where `ops` comes from git: its configuration is in the same commit."""
    return NAMESPACE in os.environ and "PLAYGROUND_CONFIG" in os.environ


def refuse_what_needs_bootstrap(configuration: Configuration) -> None:
    """Raise PlaygroundError in a candidate of `ops` from git whose configuration needs a bootstrap.

    A release that has served is let through: it must come back, whatever was applied since.
    """
    if not configuration_comes_with_the_code():
        return
    from playground_ops.targets.kubernetes.objects.applied_configuration import (
        beyond_what_was_applied,
        has_served,
    )

    if configuration.ops.repository is None:
        raise PlaygroundError(_from_nowhere())
    connection, number = _as_ops(), os.environ.get("PLAYGROUND_RELEASE", "0")
    if not has_served(connection, configuration.kubernetes.namespace, number):
        found = beyond_what_was_applied(connection, configuration)
        if found:
            raise PlaygroundError(*found)


def _from_nowhere() -> Finding:
    return certain(
        object=f"{CONFIGURATION_FILE}:ops.repo",
        observed="This commit's configuration does not say where `ops` comes from.",
        cause="The next rollout of `ops` would bring back what a person deployed last.",
        fix="Keep `ops: repo:` there. To leave it, remove it in the stack's folder, then `deploy`.",
    )


def _local(configuration: Configuration) -> Configuration:
    """Locally `ops` always serves the clone that it is managed from."""
    ops = OPS.model_copy(update={"environment_files": configuration.ops.environment_files})
    return with_what_ops_sees(configuration.model_copy(update={"ops": ops}))


def is_inside() -> bool:
    """Return whether this process is in a stack's pod in a cluster, and acts as `ops`.

    Its pods set a variable for that: any other process in a cluster, such as a pipeline, acts for a person.
    """
    return NAMESPACE in os.environ


def _as_ops() -> Connection:
    from playground_ops.targets.kubernetes.api.connection import Connection
    from playground_ops.targets.kubernetes.api.credentials import Access

    return Connection(None, Access.OPS)


@dataclass(frozen=True)
class Reached:
    """A stack that can be opened, which on Kubernetes asks the cluster for what it depends on."""

    open: Callable[[], StackContext]
    remote_command: RemoteCommand | None = None
    """Runs a command inside the cluster. Set where this process is outside of it."""


def open_stack(
    path: Path | None = None,
    target: str | None = None,
    progress: Progress | None = None,
    lock_seconds: float = 0.0,
    context: str | None = None,
) -> StackContext:
    """Raise BadInput with every fault of the configuration, PlaygroundError when the cluster is away."""
    opened = reach(path, target, context).open()
    timeouts = opened.engine.timeouts
    engine = opened.with_progress(progress or SilentProgress())
    return replace(opened, engine=engine.waiting(lock=max(timeouts.lock, lock_seconds)))


def reach(path: Path | None = None, target: str | None = None, context: str | None = None) -> Reached:
    """Find the stack. Raises BadInput with every fault of the configuration, and for a context."""
    if path is None and is_inside():
        return Reached(
            lambda: _stack_context(*_on_kubernetes(_as_ops(), configuration_here()), INSIDE_LOCK_SECONDS)
        )
    configuration = load_configuration(path)
    must_fit(configuration, target or configuration.target)
    if (target or configuration.target) == "local":
        return Reached(lambda: _on_this_machine(configuration))
    from playground_ops.targets.kubernetes.api.connection import Connection, chosen_context

    connection = Connection(chosen_context(context, configuration.kubernetes.context))
    return Reached(
        lambda: _stack_context(*_on_kubernetes(connection, configuration)),
        _remote_command(connection, configuration),
    )


def _on_this_machine(configuration: Configuration) -> StackContext:
    found = _local(configuration)
    if any(one.environment_files for one in found.all_locations):
        from playground_ops.targets.local import environment_files

        found = environment_files.with_content(found, state_folder(found))
    return _stack_context(found, local_target(found))


def open_cluster(
    path: Path | None, target: str | None, context: str | None
) -> tuple[Connection, Configuration]:
    """Return what a person's own work on a cluster needs, unasked. Raises BadInput, also on target local.

    Who writes asks `must_be_of_this_version` first.
    """
    configuration = load_configuration(path)
    if (target or configuration.target) == "local":
        raise BadInput(_no_cluster())
    from playground_ops.targets.kubernetes.api.connection import Connection, chosen_context

    return Connection(chosen_context(context, configuration.kubernetes.context)), configuration


def must_be_of_this_version(connection: Connection, configuration: Configuration) -> None:
    """Raise PlaygroundError where the stack is of a version too new for this one. One request."""
    from playground_ops.targets.kubernetes.objects import format_mark

    format_mark.must_fit(connection, configuration.kubernetes.namespace)


def _no_cluster() -> Finding:
    return certain(
        object="option/--target",
        observed="The target is local.",
        cause="There are no Secrets and no Postgres there, but your own git and a SQLite file.",
        fix="Add --target kubernetes, or set `target: kubernetes` in the configuration.",
    )


def _remote_command(connection: Connection, configuration: Configuration) -> RemoteCommand:
    def run(arguments: Sequence[str], hear: Hear, say: Hear) -> int:
        from playground_ops.render.jobs import Command
        from playground_ops.targets.kubernetes.outside import ops_pod
        from playground_ops.targets.kubernetes.pods import remote_job

        command, project, code = Command(arguments, whoever_is_at_the_keyboard()), code_folder(), None
        if ops_pod.fits(arguments):
            code = ops_pod.run(connection, configuration, project, command, hear)
        if code is None:
            listener = remote_job.Listener(hear, say)
            code = remote_job.run(connection, configuration, project, command, listener)
        return code

    return run


def _stack_context(configuration: Configuration, target: Target, lock_seconds: float = 0.0) -> StackContext:
    timeouts = Timeouts(
        transient=configuration.rollout.transient_timeout_seconds,
        capacity=configuration.rollout.capacity_timeout_seconds,
        confirm=configuration.rollout.confirm_timeout_seconds,
        watch=configuration.rollout.confirm_seconds,
        lock=lock_seconds,
    )
    may_share = sharing(configuration.locations)
    engine = Engine(target, SilentProgress(), SystemClock(), timeouts, sharing=may_share)
    return StackContext(configuration, engine)


def local_target(configuration: Configuration) -> Target:
    from playground_ops.targets.local.target import LocalTarget

    return LocalTarget(state_folder(configuration), code_folder())


def _on_kubernetes(connection: Connection, found: Configuration) -> tuple[Configuration, Target]:
    from playground_ops.config.cluster import ClusterFacts, in_cluster
    from playground_ops.render.pod_fingerprint import with_fingerprints
    from playground_ops.targets.kubernetes.objects import format_mark
    from playground_ops.targets.kubernetes.objects.secret_versions import versions
    from playground_ops.targets.kubernetes.releases.runs import contexts
    from playground_ops.targets.kubernetes.target import KubernetesTarget

    with ThreadPoolExecutor(1) as beside:
        fits = beside.submit(format_mark.must_fit, connection, found.kubernetes.namespace)
        facts = ClusterFacts(
            secret_versions=versions(connection, found),
            allowed=_allowed(connection, found),
            live_runs=contexts(connection, found),
        )
        fits.result()
    configuration = with_fingerprints(in_cluster(found, facts))
    return configuration, KubernetesTarget(connection, configuration, code_folder())


def _allowed(connection: Connection, found: Configuration) -> dict[str, list[str]]:
    """Return what was applied for `ops`; for a person outside, what is about to be applied."""
    from playground_ops.render import allowed
    from playground_ops.targets.kubernetes.objects.applied_configuration import allowed_as_applied

    if found.ops.repository is None:
        return {}
    if connection.is_ops:
        return allowed_as_applied(connection, found.kubernetes.namespace)
    return allowed.lists(found) if found.kubernetes.admission_policy else {}


def whoever_is_at_the_keyboard() -> str:
    """Return the user and host; inside the cluster, those of whoever runs the command outside."""
    if asker := os.environ.get("PLAYGROUND_BY"):
        return asker
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
