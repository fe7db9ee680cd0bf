"""The worlds in which the contract is checked: the fake, and real stacks."""

from __future__ import annotations

import base64
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import psutil
import pytest
import yaml

from playground_ops.config import Configuration, read
from playground_ops.core.clock import Clock, SystemClock
from playground_ops.core.model import Location, Release
from playground_ops.core.target import Target
from playground_ops.render.names import LOCATION, release_deployment
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.releases.records import OF_ROLLOUTS
from playground_ops.targets.kubernetes.target import KubernetesTarget
from playground_ops.targets.local.processes import read_state
from playground_ops.targets.local.target import LocalTarget
from tests import fakes, pipelines
from tests.asking import eventually
from tests.cluster.access import Access
from tests.kubernetes.connections import connected
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline, pipeline
from tests.projects import git
from tests.stacks import ROOT, Stack

GOOD, BROKEN, HANGS = "good", "broken", "hangs"


STACK_OF = {"local": "local_stack", "kubernetes": "shared_stack"}
"""The fixture with the shared stack of a world."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the stack's fixture to each test, so that its use is known, and by which tests.

    The tests of one function share one list of fixtures: each gets its own.
    """
    for item in items:
        params = getattr(item, "callspec", None)
        name = STACK_OF.get(str(params.params.get("world"))) if params else None
        if name and isinstance(item, pytest.Function):
            item.fixturenames = [*item.fixturenames, name]


class World(Protocol):
    """A target with one code location whose ref the test moves."""

    target: Target
    clock: Clock
    location: Location

    def commit(self, behaviour: str) -> str:
        """Make a new commit at the location's ref. Returns its hash."""

    def subject(self, commit: str) -> str:
        """Return the first line of its message."""

    def forget(self, location: str) -> None:
        """Remove records of an invented location: others use this stack after these tests."""

    def lose_records(self) -> None:
        """Delete the records of the location, as somebody might by hand."""

    def harm(self, release: Release) -> Callable[[], None]:
        """Make its server stop answering for good. Returns a function after which it can end as usual."""


class FakeWorld:
    def __init__(self) -> None:
        self.world = fakes.World()
        self.target = fakes.FakeTarget(self.world)
        self.clock = self.world.clock
        self.location = Location(name="a", repository="/fake", ref="main")
        self._commits = 0

    def commit(self, behaviour: str) -> str:
        self._commits += 1
        made = f"{self._commits:040x}"
        self.world.heads["a"] = made
        self.world.behaviour[made] = {BROKEN: fakes.BROKEN, HANGS: fakes.HANGS}.get(behaviour, fakes.GOOD)
        return made

    def subject(self, commit: str) -> str:
        return f"subject of {commit[:12]}"

    def forget(self, location: str) -> None:
        del self.world.records[location]

    def lose_records(self) -> None:
        self.world.records["a"].clear()

    def harm(self, release: Release) -> Callable[[], None]:
        self.world.dead.add(release.name)
        return lambda: None


class Commits:
    """Commits of a pipeline in a real repository."""

    def __init__(self, code: Pipeline) -> None:
        self._code, self._made = code, 0

    def make(self, behaviour: str) -> str:
        self._made += 1
        if behaviour == GOOD:
            return self._code.commit(f"asset_{self._made}")
        text = {BROKEN: pipelines.RAISES, HANGS: pipelines.HANGS}[behaviour]
        return self._code.commit_text(f"{text}# {self._made}\n", behaviour)

    def subject(self, commit: str) -> str:
        return git(self._code.folder, "show", "-s", "--format=%s", commit)


class LocalWorld:
    def __init__(self, stack: Stack, code: Pipeline) -> None:
        self._commits = Commits(code)
        self._state = stack.state
        self.target = LocalTarget(stack.state, ROOT)
        self.clock = SystemClock()
        self.location = Location(
            name="a",
            repository=str(code.folder),
            ref="main",
            module="pipeline",
            dependencies="shared",
        )

    def commit(self, behaviour: str) -> str:
        return self._commits.make(behaviour)

    def subject(self, commit: str) -> str:
        return self._commits.subject(commit)

    def forget(self, location: str) -> None:
        shutil.rmtree(self._state / "locations" / location)

    def lose_records(self) -> None:
        shutil.rmtree(self._state / "locations" / "a" / "records")

    def harm(self, release: Release) -> Callable[[], None]:
        """Stop it by SIGSTOP; a process that ended would be started again."""
        process = read_state(self._state, release.name)
        assert process is not None
        assert process.pid is not None
        stopped = psutil.Process(process.pid)
        stopped.send_signal(signal.SIGSTOP)
        # On a busy machine its threads go on answering for a moment.
        eventually("it to stop", lambda: stopped.status() == psutil.STATUS_STOPPED)
        return partial(os.kill, process.pid, signal.SIGCONT)


class KubernetesWorld:
    """The engine's process is on this machine, from where the test cluster's pods can be reached."""

    def __init__(
        self, connection: Connection, configuration: Configuration, code: Pipeline, home: Path, access: Access
    ) -> None:
        self._commits = Commits(code)
        self._access = access
        self.target = KubernetesTarget(connection, configuration, ROOT, home=home)
        self.clock = SystemClock()
        (self.location,) = [one for one in configuration.locations if one.name == "a"]

    def commit(self, behaviour: str) -> str:
        return self._commits.make(behaviour)

    def subject(self, commit: str) -> str:
        return self._commits.subject(commit)

    def forget(self, location: str) -> None:
        selector = f"playground.dagster/location={location}"
        self._access.kubectl("delete", "configmaps", "-l", selector, namespace=self.target.namespace)

    def lose_records(self) -> None:
        selector = f"{OF_ROLLOUTS},{LOCATION}=a"
        self._access.kubectl("delete", "configmaps", "-l", selector, namespace=self.target.namespace)

    def harm(self, release: Release) -> Callable[[], None]:
        """Delete its Deployment; a server that hangs would be started again by its probe."""
        name = release_deployment(release.location.name, release.number)
        self._access.kubectl("delete", "deployment", name, namespace=self.target.namespace)
        return lambda: None


@pytest.fixture(
    scope="module", params=["fake", "local", pytest.param("kubernetes", marks=pytest.mark.cluster)]
)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    if request.param == "kubernetes":
        yield on_kubernetes(request.getfixturevalue("shared_stack"), tmp_path_factory.mktemp("home"))
        return
    code = pipeline(tmp_path_factory.mktemp("code") / "repository")
    code.commit("first")
    with request.getfixturevalue("local_stack").having({"name": "a"}) as stack:
        yield LocalWorld(stack, code)


def on_kubernetes(shared: Pool, home: Path) -> KubernetesWorld:
    """Return location `a` of the shared stack, with the engine on this machine."""
    stack = shared.take("a")
    configuration = with_fingerprints(read(stack.config.read_text(), stack.config))
    write_instance(home, stack)
    return KubernetesWorld(connected(stack.access), configuration, shared.code("a"), home, stack.access)


def write_instance(home: Path, stack: ClusterStack) -> None:
    """Write the settings of the stack's instance, as this machine reaches it."""
    secret = stack.get("secret", "dagster-postgres")["data"]
    found = {
        "username": "dagster",
        "password": base64.b64decode(secret["password"]).decode(),
        "hostname": stack.get("service", "dagster-postgres")["spec"]["clusterIP"],
        "db_name": "dagster",
        "port": 5432,
        "scheme": "postgresql+psycopg2",
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_db": found}}}))
