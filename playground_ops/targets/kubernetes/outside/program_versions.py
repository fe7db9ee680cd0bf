"""Compares this program's version with that of `ops`, where the repository of `ops` pins one.

`deploy` and `bootstrap` write with the code of whoever runs them. What `ops` plans and applies is that
of its own version: the two would undo each other's changes.
"""

from pathlib import Path

from packaging.version import Version

from playground_ops.config import OPS, Configuration
from playground_ops.core.decisions import serving
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.program import DISTRIBUTION
from playground_ops.targets.common.own_version import read_pin
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.version import __version__


def check(connection: Connection, configuration: Configuration) -> list[Finding]:
    """Return a finding if this program may not write beside `ops`; nothing where that pins no version."""
    now = serving(Releases(connection, configuration.kubernetes.namespace).all(OPS.name))
    home = Path(configuration.source).parent
    return differ(now.program, __version__, _pinned(home)) if now and now.program else []


def differ(in_force: str, mine: str, pinned: str | None) -> list[Finding]:
    """Return a finding unless both are the same, or mine is newer and is what the person's files pin.

    Then the repository is at it too, or will be: this is how a new version's foundation is applied.
    """
    if in_force == mine or (Version(mine) > Version(in_force) and pinned == mine):
        return []
    there = "go back" if Version(mine) < Version(in_force) else "move all"
    return [
        certain(
            object=f"package/{DISTRIBUTION}",
            observed=f"This program is version {mine}, and `ops` serves version {in_force}, which its "
            "repository pins.",
            cause="It would write what its own version has, and `ops` would change it back.",
            fix=f"Use {in_force}: `git pull`, then `uv sync`; or `pip install {DISTRIBUTION}=={in_force}`. "
            f"To {there} to {mine}: push `{DISTRIBUTION}=={mine}`, `redeploy ops`, then do this again.",
        )
    ]


def _pinned(home: Path) -> str | None:
    try:
        return read_pin(home).version
    except PlaygroundError:
        return None
