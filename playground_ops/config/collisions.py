"""Tells of locations of one deployment that are likely to define the same assets.

To Dagster an asset key is one asset of an instance; where two locations define it, its UI refuses to
materialize it in either (dagster-io/dagster issue 18534).
"""

from playground_ops.config.configuration import Configuration
from playground_ops.core.model import Location


def alike(configuration: Configuration) -> list[tuple[Location, Location]]:
    """Return each location with the code of an earlier one in its deployment, after that one.

    Not those of which one may share asset keys.
    """
    first: dict[tuple[str, ...], Location] = {}
    found = []
    for one in configuration.locations:
        code = (one.deployment, str(one.repository), one.subdirectory, one.module or "")
        other = first.setdefault(code, one)
        if one.repository and other is not one and "warn" not in (one.shared_assets, other.shared_assets):
            found.append((other, one))
    return found


def told(configuration: Configuration) -> list[str]:
    """Return a sentence for each pair of locations with the same code in the same deployment."""
    return [
        f"Locations {other.name} and {one.name} have the same code, in the same deployment. Asset keys that "
        f"both define can't be materialized in Dagster's UI, so a commit that brings them to {one.name} is "
        "refused: give it a deployment of its own (`deployments: [{name: NAME}]`, and in the location "
        "`deployment: NAME`), or say `shared_assets: warn`."
        for other, one in alike(configuration)
    ]


def apart(configuration: Configuration) -> str | None:
    """Return what is to be known of B where the flat form gave it a deployment of its own."""
    if not configuration.are_two_versions:
        return None
    return (
        "Location b has the repository of a, so it is in a deployment of its own, b, with a UI of its own "
        "(`ui b`): in one deployment the assets of neither could be materialized. `code_locations` says "
        "otherwise."
    )
