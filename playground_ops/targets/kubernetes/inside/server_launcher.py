"""The run launcher of a stack in a cluster whose runs are processes of code servers.

Webserver and daemon have only the modules that `render/modules.py` names.
"""

from dagster import DagsterRun

from playground_ops.render.names import release_service
from playground_ops.targets.common.run_launching import ServerLauncher
from playground_ops.targets.common.server_protocol import Address


class ServerRunLauncher(ServerLauncher):
    """Launches every run at its release's own address, at which it can be ended later too."""

    def own_server(self, run: DagsterRun, location: str, number: int) -> Address | None:
        return server_of(run, location, number)


def server_of(run: DagsterRun, location: str, number: int) -> Address | None:
    """Return the release's own address, in the namespace of the location's; None for a run of no server."""
    served = run.remote_job_origin
    origin = served and served.repository_origin.code_location_origin
    host, port = getattr(origin, "host", None), getattr(origin, "port", None)
    if not host or not port:
        return None
    _, dot, domain = host.partition(".")
    return Address(f"{release_service(location, number)}{dot}{domain}", port)
