"""The Dagster shell over the fake target, as its tests use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from playground_ops.config import read
from playground_ops.context import StackContext
from playground_ops.core.model import RolloutRecord
from playground_ops.core.progress import Progress, SilentProgress
from playground_ops.defs.assembly import definitions
from playground_ops.defs.resources import StackOpener
from playground_ops.engine.context import Engine
from tests.fakes import BROKEN, FakeTarget, World

FILE = """
code_locations:
  - {name: a, repo: {url: https://github.com/acme/pipelines.git, ref: main}, follow: true}
  - {name: b, repo: {url: https://github.com/acme/pipelines.git, ref: main}}
"""
FIRST, SECOND, BAD = "1" * 40, "2" * 40, "bad0" * 10


class FakeOpener(StackOpener):
    """Opens the fake target instead of the one that the configuration names."""

    def __init__(self, world: World, file: Path) -> None:
        self.world, self.file = world, file

    def open(self, progress: Progress | None = None) -> StackContext:
        target = FakeTarget(self.world)
        engine = Engine(target, progress or SilentProgress(), self.world.clock)
        return StackContext(read(self.file.read_text(), self.file), engine)

    def records(self, location: str) -> list[RolloutRecord]:
        return list(self.world.records.get(location, {}).values())


def an_opener(file: Path) -> FakeOpener:
    file.write_text(FILE)
    world = World(heads={"a": FIRST, "b": FIRST, "ops": FIRST}, behaviour={BAD: BROKEN})
    return FakeOpener(world, file)


def launch(
    opener: FakeOpener, instance: dg.DagsterInstance, job: str, **config: object
) -> dg.ExecuteInProcessResult:
    found = definitions(opener).resolve_job_def(job)
    return found.execute_in_process(run_config=config, raise_on_error=False, instance=instance)


def told(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]


def tick(opener: FakeOpener, instance: dg.DagsterInstance, name: str, cursor: str | None = None) -> Any:
    repository = definitions(opener).get_repository_def()
    context = dg.build_sensor_context(
        instance=instance, repository_def=repository, cursor=cursor, resources={"stack": opener}
    )
    return repository.get_sensor_def(name).evaluate_tick(context)
