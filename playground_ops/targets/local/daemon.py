"""Starts a daemon after the locations that are being rolled out: `python -m ... STATE_FOLDER [DEPLOYMENT]`.

The daemon checks its locations when it starts and then once a minute; a run of one that came up in between
would be dropped from its queue. So first releases, and those of locations that were added, come before it.
"""

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import yaml

from playground_ops.core.model import MAIN
from playground_ops.targets.local.folder import StateFolder

LONGEST_SECONDS = 60.0
SOON_SECONDS = 3.0
"""Seconds in which the rollouts of a deploy take their locks."""
AGAIN_SECONDS = 0.2


def main(root: str, deployment: str = MAIN) -> None:
    folder = StateFolder(Path(root))
    workspace = folder.instance(deployment).workspace
    wait_for_locations(folder, workspace)
    command = ["-m", "dagster._daemon", "run", "-w", str(workspace)]
    os.execv(sys.executable, [sys.executable, *command])


def wait_for_locations(folder: StateFolder, workspace: Path) -> None:
    """Return when each one answers, or is not being rolled out, or after LONGEST_SECONDS."""
    began = time.monotonic()
    for name, address in _servers(workspace).items():
        reported = False
        while not _answers(address):
            waited = time.monotonic() - began
            coming = waited < SOON_SECONDS or folder.lock(name).exists()
            if waited > LONGEST_SECONDS or not coming:
                print(
                    f"{name} does not answer: the daemon finds it within a minute after it does", flush=True
                )
                break
            if not reported:
                print(f"waiting until {name} answers, or a minute has passed", flush=True)
            reported = True
            time.sleep(AGAIN_SECONDS)


def _servers(workspace: Path) -> dict[str, str]:
    """Return the workspace's servers; none where it can't be read, which the daemon reports itself."""
    with suppress(OSError, yaml.YAMLError, KeyError, TypeError):
        found = yaml.safe_load(workspace.read_text())
        servers = [one["grpc_server"] for one in found["load_from"]]
        return {one["location_name"]: one["socket"] for one in servers}
    return {}


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as made:
        try:
            made.connect(address)
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
