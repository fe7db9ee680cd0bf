"""What a configuration says that its target has no use for: told as a warning, since nothing is wrong.

One file may be deployed to a cluster and tried on a machine.
"""

from __future__ import annotations

from playground_ops.config.configuration import Configuration


def ignored(configuration: Configuration, target: str) -> list[str]:
    """One sentence each."""
    if target != "local":
        return []
    return [
        f"Location {location.name} names the Secret {location.git_secret}: on target local git uses "
        "your own credentials instead."
        for location in configuration.locations
        if location.git_secret
    ]
