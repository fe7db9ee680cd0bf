"""`WebserverView`: what is asked of a deployment's webserver, in the same way on every target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from playground_ops.core.component import Overview
from playground_ops.core.errors import Finding
from playground_ops.core.loaded import Shown
from playground_ops.core.produced import Launch, RunSeen


class WebserverView(Protocol):
    """What a deployment's webserver shows and knows; it is asked in the same way on every target."""

    def shown(self, location: str) -> Shown:
        """Return what it shows of the location; an error where it is down."""

    def asset_keys(self) -> Mapping[str, Sequence[str]] | None:
        """Return the asset keys that each location of the deployment serves and can materialize.

        None where it is unknown; a location that is not loaded is missing.
        """

    def servers(self) -> Mapping[str, str]:
        """Return the id of the server that it shows of each location that is loaded; empty if unknown."""

    def reload(self, location: str) -> None:
        """Make the webserver check the location's address anew.

        It notices by itself that another server answers there, except where one comes between its first check
        and its second: then it shows the one before for good (dagster/_grpc/server_watcher.py). May be
        repeated; does nothing where there is no webserver.
        """

    def troubles(self, location: str) -> Mapping[str, Finding]:
        """Return the failing daemons, sensors and schedules of a location by name; empty if unknown."""

    def silent_daemons(self) -> Sequence[str]:
        """Return the names of required daemons without a heartbeat for two minutes; empty if unknown."""

    def overview(self) -> Overview | None:
        """Return what Dagster reports about daemons, runs and ticks; None where it is unknown."""

    def launch(self, asked: Launch) -> str:
        """Launch a run that materializes assets; return its id. Raises PlaygroundError."""

    def run(self, run_id: str) -> RunSeen:
        """Return the state of a run. Raises PlaygroundError, of a transient kind while nothing answers."""
