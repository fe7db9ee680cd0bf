"""Code whose values, output and runs outlive its releases."""

from __future__ import annotations

from tests.kubernetes.stacks import ClusterStack
from tests.queueing import JOBS

CODE = """\
import dagster as dg


@dg.asset
def numbers() -> list[int]:
    print("numbers made by version {version}")
    return [1, 2, 3]


@dg.asset
def total(numbers: list[int]) -> int:
    return sum(numbers)


@dg.op(config_schema={{"until": dg.Field(str, default_value="/tmp/go")}})
def wait(context: dg.OpExecutionContext) -> None:
    import time
    from pathlib import Path

    while not Path(context.op_config["until"]).exists():
        time.sleep(0.1)


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    wait()


up = dg.define_asset_job("up", selection=["numbers"], executor_def=dg.in_process_executor)
down = dg.define_asset_job("down", selection=["total"], executor_def=dg.in_process_executor)
defs = dg.Definitions(assets=[numbers, total], jobs=[up, down, waiting])
"""
"""A step of `waiting` ends when a file is there: whoever makes it decides what has happened by then."""
WITH_A_QUEUE = (
    CODE.replace("defs = ", "lasting = ")
    + JOBS
    + """

defs = dg.Definitions.merge(
    lasting, dg.Definitions(jobs=[{job}, flaky], executor=dg.in_process_executor)
)
del lasting
"""
)
CAPTURED = """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } }"""
OUTPUT = "query($key: [String!]!) { capturedLogs(logKey: $key) { stdout } }"


def stdout(stack: ClusterStack, run: str) -> str:
    events = stack.graphql(CAPTURED, id=run)["logsForRun"]["events"]
    (key,) = [found["fileKey"] for found in events if found.get("fileKey")]
    return str(stack.graphql(OUTPUT, key=[run, "compute_logs", key])["capturedLogs"]["stdout"])


def with_a_queue(version: int) -> str:
    """Return that code with the jobs of a queue, of which the first version has one that goes away."""
    job = "goes_away" if version == 1 else "renamed"
    return WITH_A_QUEUE.format(version=version, job=job, op=f"{job}_op")
