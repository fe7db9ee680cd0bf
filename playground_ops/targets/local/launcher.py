"""The run launcher of a stack on one machine: a run starts on the release that it belongs to.

Dagster's own launcher starts a run on whatever serves by the time its turn in the queue comes, which may have
another job of that name, or none. Daemon and webserver load this class by its name in `dagster.yaml`; code
servers and runs never do, so a location's own environment need not have it.
"""

from pathlib import Path

from dagster import DagsterRun
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._grpc.client import DagsterGrpcClient

from playground_ops.targets.common.server_protocol import NoAnswer, repository_names
from playground_ops.targets.local.addresses import Addresses, serving_number
from playground_ops.targets.local.origins import release_of

DRAINS = "after telling it to shut down"
"""How a server that drains refuses a run (dagster._grpc.server, StartRun)."""


class ReleaseRunLauncher(DefaultRunLauncher):
    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        own = self._retired(run)
        if own is not None and self._starts_on(own, run):
            self._run_ids.add(run.run_id)
        else:
            super().launch_run(context)

    def _retired(self, run: DagsterRun) -> Path | None:
        """Return the socket of the run's release; None for what serves, and where nothing is known."""
        served = run.remote_job_origin
        address = getattr(served and served.repository_origin.code_location_origin, "socket", None)
        found = release_of(run, self._instance.get_run_by_id)
        if address is None or found is None:
            return None
        addresses, (location, number) = Addresses(Path(address).parent), found
        return None if number == serving_number(addresses, location) else addresses.numbered(location, number)

    def _starts_on(self, socket: Path, run: DagsterRun) -> bool:
        """Start the run on this server. Returns False, and says so on the run's page, where it has ended."""
        try:
            there = _known_as(run, repository_names(f"unix:{socket}"))
            client = DagsterGrpcClient(host="localhost", socket=str(socket))
            self.launch_run_from_grpc_client(self._instance, there, client)
            return True
        except NoAnswer:
            why = "has ended"
        except DagsterLaunchFailedError as error:
            if DRAINS not in str(error):
                raise
            why = "takes no more runs"
        self._instance.report_engine_event(
            f"Release {socket.stem}, which this run belongs to, {why}: it starts on the one that serves.",
            run,
        )
        return False


def _known_as(run: DagsterRun, repositories: list[str]) -> DagsterRun:
    """Return the run as its own release knows it: its repository may have another name since."""
    origin = run.remote_job_origin
    if origin is None or origin.repository_origin.repository_name in repositories or len(repositories) != 1:
        return run
    there = RemoteRepositoryOrigin(
        code_location_origin=origin.repository_origin.code_location_origin, repository_name=repositories[0]
    )
    return run.with_job_origin(RemoteJobOrigin(repository_origin=there, job_name=origin.job_name))
