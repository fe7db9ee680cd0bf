"""A fingerprint of all that decides how a location's server runs, besides its own configuration.

A release is never edited: when an image, the instance's settings or a Secret's version changes, the location
needs a new release of the same commit. So these are part of what makes two releases alike.
"""

import hashlib
import json

from playground_ops.config import Configuration
from playground_ops.config.cluster import facts_of
from playground_ops.config.digest import seen_by_ops
from playground_ops.core.model import Location
from playground_ops.render import release, where_it_runs


def with_fingerprints(configuration: Configuration) -> Configuration:
    """Return the configuration with each location's pod fingerprint filled in."""
    return configuration.model_copy(
        update={
            "ops": _fingerprint(
                configuration.ops, configuration, seen_by_ops(configuration, facts_of(configuration).allowed)
            ),
            "locations": tuple(_fingerprint(one, configuration) for one in configuration.locations),
        }
    )


def _fingerprint(location: Location, configuration: Configuration, more: str = "") -> Location:
    """Hash the pods that any of its releases would have, without number, commit and archive."""
    plain = location.model_copy(update={"surroundings": ""})
    any_one = release.any_release(plain)
    deployment = release.render(any_one, configuration, "archive")[0]
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    server["env"] = where_it_runs.left_out(server["env"], any_one)
    text = json.dumps(deployment["spec"], sort_keys=True) + more
    return plain.model_copy(update={"surroundings": hashlib.sha256(text.encode()).hexdigest()[:16]})
