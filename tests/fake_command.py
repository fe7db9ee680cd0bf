"""The command line over the fake target in its own process, for what ends a process: signals, pipes.

`python -m tests.fake_command BEHAVIOURS FOLDER COMMAND...`, where BEHAVIOURS is JSON, such as `{"orders":
"hangs"}`; its key `serving` lists, by commas, the locations in which another commit serves already. In FOLDER
a file named after a location says that its server was started, and `world.json` what is left at the end.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from playground_ops import context
from playground_ops.cli.main import cli, guarded
from playground_ops.core.model import Location, Release
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Asker, Engine
from playground_ops.engine.rollout import roll_out
from tests.fakes import FakeTarget, World


class TimedTarget(FakeTarget):
    """Takes real time to wait, so that a signal arrives during a wait."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(world)
        self._folder = folder

    def start(self, release: Release, say: Any) -> None:
        super().start(release, say)
        (self._folder / release.location.name).touch()

    def wait(self, release: Release, seconds: float) -> None:
        time.sleep(0.01)


def _serve(world: World, name: str) -> None:
    """Serve a first commit; the ref then leads to another one."""
    new, world.heads[name] = world.heads[name], f"{15:040x}"
    engine = Engine(FakeTarget(world), SilentProgress(), world.clock)
    roll_out(engine, Asker("somebody").request(Location(name=name, repository="https://git.test/pipelines")))
    world.heads[name] = new


def main(behaviours: str, folder: str, *command: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    wanted: dict[str, str] = json.loads(behaviours)
    serving = filter(None, wanted.pop("serving", "").split(","))
    heads = {name: f"{place:040x}" for place, name in enumerate(("ops", "orders", "sales"), start=1)}
    world = World(heads=heads, behaviour={heads[name]: how for name, how in wanted.items()})
    for name in serving:
        _serve(world, name)
    context.local_target = lambda _: TimedTarget(world, Path(folder))  # type: ignore[assignment]
    try:
        guarded(cli, "playground", list(command))
    finally:
        left = {
            "releases": {name: sorted(found) for name, found in world.releases.items() if found},
            "locks": world.locks,
            "outcomes": {
                name: [record.outcome for record in found.values()] for name, found in world.records.items()
            },
        }
        (Path(folder) / "world.json").write_text(json.dumps(left))


if __name__ == "__main__":
    main(*sys.argv[1:])
