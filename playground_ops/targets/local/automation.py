"""Automation on or off for one location, kept over its rollouts.

Off: everything that would tick by itself is stopped before the location can tick, once. What a
person then starts in the UI stays started. On again: what was stopped here is given back to the
code's own default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from playground_ops.model import LoadedCode, Release
from playground_ops.targets.address import Address
from playground_ops.targets.local.folder import StateFolder, set_aside, write_whole


def apply(folder: StateFolder, release: Release, address: Address, loaded: LoadedCode) -> Sequence[str]:
    """What was stopped or given back now, one readable name each."""
    path = folder.location(release.location.name) / "automation.json"
    known = _stopped_before(path)
    from playground_ops.targets import instance

    name, home = release.location.name, folder.dagster_home
    if release.location.automation == "off":
        now = instance.stop_automations(home, name, address, loaded, known)
        if now != known:
            write_whole(path, json.dumps(now))
        return [f"{found} is stopped" for found in now if found not in known]
    if not known:
        return []
    instance.release_automations(home, name, address, loaded, known)
    path.unlink()
    return [f"{found} is as the code says again" for found in known]


def _stopped_before(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(path.read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        set_aside(path)
        return []
