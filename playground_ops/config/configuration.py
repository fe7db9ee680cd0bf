"""What a configuration file says, with every default filled in."""

from __future__ import annotations

from typing import Literal

from playground_ops.model import Location, Value

OPS = Location(name="ops", module="playground_ops.definitions")
"""The management location. It is part of every stack and is not configured."""


class WebserverSettings(Value):
    host: str = "127.0.0.1"
    port: int | None = None
    """None: 3000 if it is free, else any free one."""


class DaemonSettings(Value):
    dequeue_interval_seconds: int = 1


class ImageSettings(Value):
    git_sync: str = "registry.k8s.io/git-sync/git-sync:v4.2.4"


class HealthSettings(Value):
    interval_minutes: int = 5


class RolloutSettings(Value):
    confirm_timeout_seconds: float = 10.0
    transient_timeout_seconds: float = 60.0


class Configuration(Value):
    source: str
    """Path of the file it was read from."""
    target: Literal["local", "kubernetes"] = "local"
    webserver: WebserverSettings = WebserverSettings()
    daemon: DaemonSettings = DaemonSettings()
    images: ImageSettings = ImageSettings()
    health: HealthSettings = HealthSettings()
    rollout: RolloutSettings = RolloutSettings()
    locations: tuple[Location, ...]

    @property
    def all_locations(self) -> tuple[Location, ...]:
        """The management location first, then the configured ones."""
        return (OPS, *self.locations)
