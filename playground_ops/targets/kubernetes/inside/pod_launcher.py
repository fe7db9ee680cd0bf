"""The run launcher of a stack in a cluster whose runs have pods of their own.

Webserver and daemon have only the modules that `render/modules.py` names.
"""

from dagster import DagsterRun
from dagster._core.launcher import LaunchRunContext
from dagster._record import copy
from dagster_k8s import K8sRunLauncher

from playground_ops.targets.common.origins import first_try, release_of
from playground_ops.targets.common.server_protocol import BUSY_SECONDS, NoAnswer, server_id
from playground_ops.targets.kubernetes.inside.server_launcher import server_of


class PodRunLauncher(K8sRunLauncher):
    """Gives a retry the pod of its first try's release, as long as that is there. Others have theirs."""

    def launch_run(self, context: LaunchRunContext) -> None:
        super().launch_run(context._replace(dagster_run=self._as_tried_first(context.dagster_run)))

    def _as_tried_first(self, run: DagsterRun) -> DagsterRun:
        first = first_try(run, self._instance.get_run_by_id)
        own, now = (release_of(one, lambda _: None) for one in (first, run))
        server = server_of(run, *own) if own and own != now else None
        if own is None or server is None:
            return run
        try:
            server_id(server.channel, BUSY_SECONDS)
        except NoAnswer:
            name = "{}-{}".format(*own)
            self._instance.report_engine_event(
                f"Release {name}, which this run belongs to, has ended, or does not answer: it runs on the "
                "one that serves.",
                run,
            )
            return run
        return copy(run, job_code_origin=first.job_code_origin)
