"""The run launcher of a stack on one machine."""

from pathlib import Path

from dagster import DagsterRun

from playground_ops.targets.common.run_launching import ServerLauncher
from playground_ops.targets.common.server_protocol import Address
from playground_ops.targets.local.addresses import Addresses, serving_number


class ReleaseRunLauncher(ServerLauncher):
    def own_server(self, run: DagsterRun, location: str, number: int) -> Address | None:
        served = run.remote_job_origin
        socket = getattr(served and served.repository_origin.code_location_origin, "socket", None)
        if socket is None:
            return None
        addresses = Addresses(Path(socket).parent)
        if number == serving_number(addresses, location):
            return None
        return Address(socket=str(addresses.numbered(location, number)))
