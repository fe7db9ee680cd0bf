"""What a location has that reads values of others: their folders, read-only, and what finds them there.

Values are pickles: whoever loads one runs what its writer put there. So a location says whose it reads.
"""

import os
from functools import cache
from pathlib import Path

from playground_ops.core.model import Location
from playground_ops.render.names import HOME, Object, files_of
from playground_ops.render.pod import Mounted, kept, variable

MODULE, ATTRIBUTE = "playground_reads", "reading_io_manager"
_FILE = Path(__file__).parents[1] / "targets" / "kubernetes" / "inside" / f"{MODULE}.py"
FOLDER = f"{HOME}/reads"
"""The folder with the module alone, on the path of the location's processes."""
READS_FOLDER = "/opt/dagster/reads"
WRITE = f"""\\
mkdir -p {FOLDER}
printf %s "$PLAYGROUND_READS" > {FOLDER}/{MODULE}.py
export PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}{FOLDER}"
"""
"""The beginning of the script that starts its server or a run."""


def mounts(location: Location) -> list[Mounted]:
    return [
        kept(f"{files_of(name)}/storage", f"{READS_FOLDER}/{name}", read_only=True) for name in location.reads
    ]


def variables(location: Location) -> list[Object]:
    """Return the variables; none where it reads nothing, or has a default IO manager of its own."""
    own = {**location.environment, **location.pod.environment}
    if not location.reads:
        return []
    folders = os.pathsep.join(f"{READS_FOLDER}/{name}" for name in location.reads)
    chosen = {"DAGSTER_DEFAULT_IO_MANAGER_MODULE": MODULE, "DAGSTER_DEFAULT_IO_MANAGER_ATTRIBUTE": ATTRIBUTE}
    return [
        variable("PLAYGROUND_READS", _module()),
        variable("PLAYGROUND_READS_FROM", folders),
        *(variable(key, value) for key, value in chosen.items() if not own.keys() & chosen.keys()),
    ]


@cache
def _module() -> str:
    return _FILE.read_text()
