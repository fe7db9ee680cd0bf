"""The worlds that the contract is checked in: the fake, and a real stack on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from playground_ops.clock import Clock, SystemClock
from playground_ops.model import Location
from playground_ops.targets.base import Target
from playground_ops.targets.local.target import LocalTarget
from tests import fakes, pipelines
from tests.pipelines import Pipeline, pipeline
from tests.stacks import ROOT, Stack, a_stack

GOOD, BROKEN, HANGS = "good", "broken", "hangs"


class World(Protocol):
    """A place with one code location whose ref the test moves."""

    target: Target
    clock: Clock
    location: Location

    def commit(self, behaviour: str) -> str:
        """A new commit at the location's ref; its hash."""


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


class LocalWorld:
    def __init__(self, stack: Stack, code: Pipeline) -> None:
        self._code, self._commits = code, 0
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
        self._commits += 1
        if behaviour == GOOD:
            return self._code.commit(f"asset_{self._commits}")
        text = {BROKEN: pipelines.RAISES, HANGS: pipelines.HANGS}[behaviour]
        return self._code.commit_text(f"{text}# {self._commits}\n", behaviour)


@pytest.fixture(scope="module", params=["fake", "local"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    code = pipeline(tmp_path_factory.mktemp("code") / "repository")
    code.commit("first")
    with a_stack() as stack:
        stack.configure(code_locations=[{"name": "a"}])
        stack.bootstrap()
        yield LocalWorld(stack, code)
