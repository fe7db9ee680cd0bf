"""The settings of a code location as a plan shows them: flat, readable, without secrets. Pure."""

from __future__ import annotations

from playground_ops.component import Component
from playground_ops.config.digest import digest
from playground_ops.model import Location, Release, Revision

CONFIRMED = "confirmed"


def component(release: Release, process: str, rollout: str) -> Component:
    """`process`: how its server does; `rollout`: whether the rollout that made it serve came to its end."""
    pinned = release.revision if release.revision.repository is None else None
    settings = location_settings(release.location, pinned)
    return Component(
        name=release.location.name,
        kind="location",
        settings={**settings, "configuration": release.configuration, "process": process, "rollout": rollout},
    )


def location_settings(location: Location, pinned: Revision | None) -> dict[str, str]:
    """Readable settings; values of the environment are not shown, the digest tells that one moved."""
    image = location.in_image
    return {
        "repository": location.repository or (image.image if image else "the bootstrap package"),
        "ref": location.ref or "HEAD",
        "subdirectory": location.subdirectory,
        "module": location.module or "as the project says",
        "dependencies": location.dependencies.value,
        "automation": location.automation,
        "environment": ", ".join(sorted(location.environment)),
        "startup_timeout_seconds": str(location.startup_timeout_seconds),
        "configuration": digest(location),
        **({"git_secret": location.git_secret} if location.git_secret else {}),
        **({"surroundings": location.surroundings} if location.surroundings else {}),
        **({"code": pinned.commit} if pinned else {}),
    }
