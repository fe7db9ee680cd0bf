"""Runs whose server has ended under them, on one machine."""

from collections.abc import Collection, Sequence

from playground_ops.core.model import RolloutRecord
from playground_ops.targets.common import runs_in_flight
from playground_ops.targets.common.instance import InFlight
from playground_ops.targets.common.webserver import WebserverDown
from playground_ops.targets.local.addresses import own_number
from playground_ops.targets.local.components import LocalStack


def fail_lost(
    stack: LocalStack, location: str, numbers: Collection[int], records: Sequence[RolloutRecord]
) -> Sequence[str]:
    """Mark failed the runs of a location's servers that are no longer there. Returns a sentence for each.

    `numbers`: of its releases that are there or have a process.
    """
    deployment = stack.instances.deployment_of(location)
    try:
        webserver = stack.instances.webserver(deployment)
    except WebserverDown:
        return ()
    alive = {number for number in numbers if stack.is_running(f"{location}-{number}")}
    servers = [f"unix:{stack.addresses.numbered(location, number)}" for number in alive]
    home = stack.folder.instance(deployment).dagster_home

    def why(run: InFlight) -> str | None:
        # A run whose server was killed while it served may go on by itself: it has another address.
        number = own_number(stack.addresses, location, run.server.socket)
        return None if number is None or number in alive else runs_in_flight.ended(location, number, records)

    return runs_in_flight.fail_lost(webserver, location, servers, home, why)
