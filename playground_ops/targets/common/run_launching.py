"""A run launcher by which a run starts on the server of the release that it belongs to.

Dagster's own launcher starts a run on whatever serves by the time its turn in the queue comes, which may have
another job of that name, or none. Daemon and webserver load such a class by its name in `dagster.yaml`; code
servers and runs never do, so a location's own environment need not have it.
"""

from dagster import DagsterRun
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._grpc.client import DagsterGrpcClient

from playground_ops.targets.common.origins import release_of
from playground_ops.targets.common.server_protocol import Address, NoAnswer, repository_names

DRAINS = "after telling it to shut down"
"""How a server that drains refuses a run (dagster._grpc.server, StartRun)."""


class ServerLauncher(DefaultRunLauncher):
    def own_server(self, run: DagsterRun, location: str, number: int) -> Address | None:
        """Return the address of that release's server; None where Dagster's own launcher leads there too."""
        raise NotImplementedError

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        found = release_of(run, self._instance.get_run_by_id)
        server = self.own_server(run, *found) if found else None
        if found and server and self._starts_on(server, "{}-{}".format(*found), run):
            self._run_ids.add(run.run_id)
        else:
            super().launch_run(context)

    def _starts_on(self, server: Address, release: str, run: DagsterRun) -> bool:
        """Start the run on this server. Returns False, and says so on the run's page, where it can't."""
        try:
            there = _known_as(run, repository_names(server.channel))
            client = DagsterGrpcClient(host=server.host, port=server.port, socket=server.socket)
            self.launch_run_from_grpc_client(self._instance, there, client)
            return True
        except NoAnswer:
            why = "has ended, or does not answer"
        except DagsterLaunchFailedError as error:
            if DRAINS not in str(error):
                raise
            why = "takes no more runs"
        self._instance.report_engine_event(
            f"Release {release}, which this run belongs to, {why}: it starts on the one that serves.", run
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
