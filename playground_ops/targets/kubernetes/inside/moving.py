"""Moves values that runs left in one folder of the claim for all locations into a folder of each location.

`python -m playground_ops.targets.kubernetes.inside.moving [--finish] [LOCATION]`

Before each location had a folder, Dagster's default IO manager wrote the values of all to one. Whose a value
is, Dagster's database tells: a run's belongs to its location, an asset's to those that materialized it. Runs
under way on earlier releases go on with the old names until `--finish` removes them. `LOCATION` is the only
one whose values may lie on the claim of an isolated location.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.messages import message
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER
from playground_ops.targets.common.atomic_folder import room
from playground_ops.targets.common.origins import location_of
from playground_ops.targets.kubernetes.inside.reporting import reported
from playground_ops.targets.kubernetes.inside.value_files import SHARED, Key, move

if TYPE_CHECKING:
    from dagster import DagsterInstance

PREPARED = ".prepared"
"""The folder with what was prepared for earlier releases, which nobody uses when these are gone."""
VALUES = "values"
"""The kind of the message with the outcome: `files`, how many got another name, `unknown`, how many nobody
owns, and `left`, a few of these."""
MATERIALIZATIONS, NAMED = 100, 5
"""How many of an asset's last materializations are asked for their locations; how many files are named."""
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main(arguments: Sequence[str]) -> int:
    from dagster import DagsterInstance

    root, finish = Path(ARTIFACTS_FOLDER), "--finish" in arguments
    only = set(arguments) - {"--finish"}
    try:
        with DagsterInstance.get() as instance, room(f"claim/{ARTIFACTS}"):
            found = owners(root / SHARED, *_asked(instance))
            if only:
                found = {key: names & only for key, names in found.items()}
        with room(f"claim/{ARTIFACTS}"):
            moved = move(root, found, finish=finish)
        if finish:
            shutil.rmtree(root / PREPARED, ignore_errors=True)
    except PlaygroundError as error:
        return reported(error)
    print(message(VALUES, files=moved.files, unknown=len(moved.left), left=moved.left[:NAMED]), flush=True)
    return 0


def owners(
    shared: Path, assets: Mapping[Key, Collection[str]], location: Callable[[str], str | None]
) -> dict[Key, set[str]]:
    """Return the locations of the paths in the shared folder. `assets`: the runs that wrote each, by key."""
    found: dict[Key, set[str]] = {}
    for key, runs in assets.items():
        if os.path.lexists(shared.joinpath(*key)):
            found[key] = {name for name in map(location, runs) if name}
    for place in shared.iterdir() if shared.is_dir() else ():
        if _RUN.fullmatch(place.name) and (name := location(place.name)):
            found[place.name,] = {name}
    return found


def _asked(
    instance: "DagsterInstance",
) -> tuple[dict[Key, Collection[str]], Callable[[str], str | None]]:
    """Return which runs wrote each asset, and what tells of which location a run is."""

    @cache
    def location(run_id: str) -> str | None:
        run = instance.get_run_by_id(run_id)
        return location_of(run) if run else None

    runs: dict[Key, Collection[str]] = {
        tuple(key.path): {
            one.run_id for one in instance.fetch_materializations(key, limit=MATERIALIZATIONS).records
        }
        for key in instance.all_asset_keys()
    }
    return runs, location


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
