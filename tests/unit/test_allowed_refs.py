"""What a launch may ask for, where the configuration limits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.config import Configuration, read
from playground_ops.core.errors import BadInput
from playground_ops.core.progress import SilentProgress
from playground_ops.engine import redeploy
from playground_ops.engine.context import Asker, Engine, Request
from playground_ops.engine.redeploy import Wish
from playground_ops.engine.rollback import promote
from playground_ops.engine.rollout import roll_out
from tests.fakes import FakeTarget, World

COMMIT = "1" * 40
TEXT = """
code_locations:
  - {name: a, repo: {url: "https://git.internal/x.git", ref: main, allowed_refs: ["release-*", "v?"]}}
  - {name: b, repo: {url: "https://git.internal/x.git", ref: next}}
"""


@pytest.fixture
def configuration() -> Configuration:
    return read(TEXT, Path("x.yaml"))


@pytest.fixture
def engine() -> Engine:
    world = World(heads={"a": COMMIT, "b": COMMIT})
    return Engine(FakeTarget(world), SilentProgress(), world.clock)


@pytest.mark.parametrize("ref", ["main", "release-1", "v1", None])
def test_these_are(engine: Engine, configuration: Configuration, ref: str | None) -> None:
    wish = Wish(locations=["a"], ref=ref, asker=Asker("me"))
    assert [found.ref for found in redeploy.requests(engine, configuration, wish)] == [ref]


@pytest.mark.parametrize("ref", ["next", "v10", "refs/heads/release-1x/../main", COMMIT])
def test_these_are_not(engine: Engine, configuration: Configuration, ref: str) -> None:
    with pytest.raises(BadInput) as told:
        redeploy.requests(engine, configuration, Wish(locations=["a"], ref=ref, asker=Asker("me")))
    assert told.value.finding.observed == f"It may not go to {ref}."
    assert "release-*, v?" in told.value.finding.cause
    assert redeploy.requests(engine, configuration, Wish(locations=["b"], ref=ref, asker=Asker("me")))


def test_nor_by_way_of_another_location(engine: Engine, configuration: Configuration) -> None:
    a, b = configuration.locations
    roll_out(engine, Request(location=b, configuration="c", by="me"))
    with pytest.raises(BadInput, match="may not go to next"):
        promote(engine, Request(location=a, configuration="c", by="me"), "b")
