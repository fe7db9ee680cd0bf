"""The variables that a release has of itself, on one machine: for its server, and for what prepares it."""

from pathlib import Path

from playground_ops.core.model import Release


def own_variables(release: Release, home: Path) -> dict[str, str]:
    """Return the configured variables, and those of the stack. `home`: its DAGSTER_HOME."""
    return {
        **release.location.environment,
        "DAGSTER_HOME": str(home),
        "PLAYGROUND_LOCATION": release.location.name,
        "PLAYGROUND_DEPLOYMENT": release.location.deployment,
        "PLAYGROUND_RELEASE": str(release.number),
        "PLAYGROUND_COMMIT": release.revision.commit,
        "PYTHONUNBUFFERED": "1",
    }
