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
        *_ops(configuration),
        *_images(configuration),
        *_secrets(configuration),
        *_webservers(configuration),
        *_isolated(configuration),
    ]


def _ops(configuration: Configuration) -> list[str]:
    if configuration.ops.repository is None:
        return []
    return ["`ops.repo`: on target local `ops` serves this clone, and this file is in force."]


def _images(configuration: Configuration) -> list[str]:
    return [
        f"Location {location.name} is in an image: on target local it does not come up."
        for location in configuration.locations
        if location.in_image
    ]


def _webservers(configuration: Configuration) -> list[str]:
    if not configuration.webserver.read_only:
        return []
    return ["`webserver.read_only`: on target local there is one webserver, in which everything can be done."]


def _isolated(configuration: Configuration) -> list[str]:
    return [
        f"Location {location.name} is isolated: on target local it runs beside the others, as you."
        for location in configuration.isolated
    ]


def _secrets(configuration: Configuration) -> list[str]:
    return [
        f"Location {location.name} names the Secret {location.git_secret}: on target local git uses "
        "your own credentials instead."
        for location in configuration.locations
        if location.git_secret
    ]
