"""Runs that wait in the queue, or are tried again, while their location moves on: on any target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.asking import eventually
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import DEFINITIONS, Pipeline
from tests.stacks import Stack

JOBS = """

@dg.op(pool="narrow", config_schema={{"until": str}})
def {op}(context: dg.OpExecutionContext) -> None:
    import os
    import time

    context.log.info(f"this is release {{os.environ['PLAYGROUND_RELEASE']}}")
    while not os.path.exists(context.op_config["until"]):
        time.sleep(0.1)


@dg.job
def {job}() -> None:
    {op}()


@dg.op(pool="narrow")
def fails_once(context: dg.OpExecutionContext) -> None:
    import os

    context.log.info(f"this is release {{os.environ['PLAYGROUND_RELEASE']}}")
    if "dagster/retry_number" not in context.run.tags:
        raise RuntimeError("not yet")


@dg.job(tags={{"dagster/max_retries": 1}})
def flaky() -> None:
    fails_once()

"""
"""Jobs that wait for one another; {job} and {op} have another name in each version."""
CODE = (
    DEFINITIONS
    + JOBS
    + """

defs = dg.Definitions(
    assets=[{asset}],
    jobs=[waiting, {job}, flaky],
    schedules=[every_minute],
    executor=dg.in_process_executor,
)
"""
)


@dataclass(frozen=True)
class Queue:
    """Two runs that wait for a third one."""

    stack: Stack | ClusterStack
    location: str
    own: int
    """The release that all of them are of."""
    queued: str
    flaky: str

    def waits(self) -> None:
        """Check that they still do, and that their release is kept for them."""
        assert {self.stack.run_status(run) for run in (self.queued, self.flaky)} == {"QUEUED"}
        assert self.stack.location(self.location)["kept"] == [self.own]

    def ends_well(self) -> None:
        """Check that they have run on their own release, and so has a retry."""
        stack = self.stack
        stack.wait_for_success(self.queued)
        assert stack.wait_for_run(self.flaky) == "FAILURE"
        again = str(eventually("its retry", lambda: stack.retry_of(self.flaky)))
        stack.wait_for_success(again)
        for run in (self.queued, self.flaky, again):
            assert f"this is release {self.own}" in stack.messages(run), stack.messages(run)


def filled(stack: Stack | ClusterStack, location: str, until: str) -> Queue:
    """Let two runs wait for a third one, which goes on until the file `until` is on its server."""
    stack.graphql('mutation { setConcurrencyLimit(concurrencyKey: "narrow", limit: 1) }')
    config = {"ops": {"goes_away_op": {"config": {"until": until}}}}
    stack.wait_for_run(stack.launch(location, "goes_away", config), "STARTED")
    own = int(stack.location(location)["release"])
    return Queue(
        stack, location, own, stack.launch(location, "goes_away", config), stack.launch(location, "flaky")
    )


@dataclass(frozen=True)
class Queueing:
    stack: Stack | ClusterStack
    code: Pipeline
    location: str

    def goes_to(self, asset: str, job: str = "renamed") -> int:
        """Redeploy with this asset and job. Returns the release's number."""
        self.code.commit_text(CODE.format(asset=asset, job=job, op=f"{job}_op"), asset)
        self.stack.ok("redeploy", self.location)
        assert self.stack.assets(self.location) == [asset]
        return int(self.stack.location(self.location)["release"])

    def a_queue_outlives_its_release(
        self, until: str, go: Callable[[int], None], tend: Callable[[], None]
    ) -> None:
        """Let two runs wait for a third, while the location goes on without their job.

        `go`: make the file `until` on that release's server; `tend`: what the health check does.
        """
        stack, own = self.stack, self.goes_to("queued_first", "goes_away")
        queue = filled(stack, self.location, until)
        for asset in ("queued_second", "queued_third"):
            self.goes_to(asset)
        queue.waits()
        go(own)
        queue.ends_well()
        tend()
        assert stack.location(self.location)["kept"] == []
        eventually("the old release to end", lambda: own not in stack.location(self.location)["draining"])
