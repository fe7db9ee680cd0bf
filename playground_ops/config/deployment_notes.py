"""What somebody should know of the deployments of a configuration that is no fault of it."""

from playground_ops.config.configuration import Configuration


def notes(configuration: Configuration) -> list[str]:
    """Return a sentence for each deployment without locations, and for each without a daemon."""
    used = {one.deployment for one in configuration.locations}
    return [
        *(
            f"Deployment {one.name} has no locations: its UI shows nothing. `deployment: {one.name}` puts a "
            "location into it."
            for one in configuration.deployments
            if one.name not in used
        ),
        *(
            f"Deployment {one.name} has no daemon (`daemon: off`): runs start at once, without a queue, and "
            "no schedule, sensor, backfill or automation condition of it does anything."
            for one in configuration.deployments
            if not one.has_daemon
        ),
    ]
