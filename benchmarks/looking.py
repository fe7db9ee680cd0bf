"""Measures health checks of a stack: `python -m benchmarks.looking`, with the tests' cluster up and quiet.

Measured on the default stack: the check within its run, the requests to the API server, the CPU of `ops` with
the sensor and the schedule on against off, and how much each run and check adds to the database.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import MEASURED, Figure, table
from tests.asking import eventually
from tests.cluster.access import own
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.stacks import ClusterStack

RESULTS = MEASURED / "health.md"
LOOKS = 10
WINDOW_SECONDS = 240.0
"""Seconds in which the sensor runs four checks."""
RUN_EVERY_SECONDS = 600.0
"""The schedule's default interval."""
SIZE = "SELECT pg_database_size('dagster')"
AUTOMATIONS = (("sensor", "health_watch"), ("schedule", "health_check_schedule"))


def main() -> None:
    cluster = Cluster.here()
    access = own(cluster)
    with tempfile.TemporaryDirectory() as folder:
        stack = ClusterStack(access, "measured-health", Path(folder))
        stack.configure()
        try:
            stack.bootstrap()
            figures, requests = measure(stack, cluster)
        finally:
            remove_policies(access, stack.namespace)
            access.delete_namespace(stack.namespace, wait=False)
    for figure in figures:
        print(figure.row(), file=sys.stderr)
    head = "# What it costs to look\n\nWritten by `uv run python -m benchmarks.looking`.\n\n"
    asked = "\n".join(f"- {count:g} × {what}" for what, count in requests)
    RESULTS.write_text(f"{head}{table(figures)}\nRequests of one look to the API server:\n\n{asked}\n")


def measure(stack: ClusterStack, cluster: Cluster) -> tuple[list[Figure], Sequence[tuple[str, float]]]:
    for kind, name in AUTOMATIONS:
        switch(stack, kind, name, on=False)
    off = used(stack)
    before, spent, began = size(stack), _cpu(stack), time.monotonic()
    looks = [look(stack) for _ in range(LOOKS)]
    lasted = time.monotonic() - began
    run = (_cpu(stack) - spent - off / 100 * lasted) / LOOKS
    grown = (size(stack) - before) / LOOKS / 1000
    user = f"system:serviceaccount:{stack.namespace}:dagster-ops"
    with recorded(cluster, user=user) as calls:
        look(stack)
    asked = Counter(f"{call.verb} {call.resource}" for call in calls.all)
    assert not [call for call in calls.all if call.resource in ("pods/exec", "pods/attach")]
    assert not calls.writes
    switch(stack, "sensor", "health_watch", on=True)
    before = size(stack)
    watched = used(stack) - off
    hourly = (size(stack) - before) * 3600 / WINDOW_SECONDS / 1000
    return [
        Figure("a look, within its run", looks, bound=2.0),
        Figure("requests of a look to the API server", [sum(asked.values())], "requests"),
        Figure("a run, with its process", [run], "s of CPU"),
        Figure("`ops` with sensor and schedule off", [off], "% of a core"),
        Figure("the sensor", [watched], "% of a core"),
        Figure("sensor and schedule", [watched + 100 * run / RUN_EVERY_SECONDS], "% of a core", 2.0),
        Figure("the database grows by, for each run", [grown], "kB"),
        Figure("the database grows by, with the sensor, whose first look writes all", [hourly], "kB an hour"),
    ], asked.most_common()


def look(stack: ClusterStack) -> float:
    """Return the seconds of the step of one health check."""
    run = stack.launch("ops", "health_check")
    stack.wait_for_success(run)
    found = stack.graphql(
        """query($id: ID!) { runOrError(runId: $id) { ... on Run { stepStats { startTime endTime } } } }""",
        id=run,
    )
    (step,) = found["runOrError"]["stepStats"]
    return float(step["endTime"] - step["startTime"])


def size(stack: ClusterStack) -> int:
    query = ("psql", "-U", "dagster", "-t", "-A", "-c", SIZE)
    return int(stack.kubectl("exec", "statefulset/dagster-postgres", "--", *query))


def used(stack: ClusterStack) -> float:
    """Return what the container of `ops` and its runs use: per cent of a core over the window."""
    before, began = _cpu(stack), time.monotonic()
    time.sleep(WINDOW_SECONDS)
    return 100 * (_cpu(stack) - before) / (time.monotonic() - began)


def _cpu(stack: ClusterStack) -> float:
    """Return the CPU seconds since the container began, from its control group."""
    release = stack.location("ops")["release"]
    read = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || cat /sys/fs/cgroup/cpu.stat"
    told = stack.kubectl("exec", f"deployment/dagster-grpc-ops-{release}", "--", "sh", "-c", read).split()
    return int(told[0]) / 1e9 if len(told) == 1 else int(told[1]) / 1e6


def switch(stack: ClusterStack, kind: str, name: str, *, on: bool) -> None:
    where = f'{{repositoryName: "__repository__", repositoryLocationName: "ops", {kind}Name: "{name}"}}'
    _switch(stack, kind, where, on)
    wanted = "RUNNING" if on else "STOPPED"
    eventually(f"{name} to be {wanted}", lambda: _states(stack)[name] == wanted, 30, 1)


def _switch(stack: ClusterStack, kind: str, where: str, on: bool) -> None:
    found = stack.graphql(
        f"{{ {kind}OrError({kind}Selector: {where}) {{ ... on {kind.title()} {{ id "
        f"{kind}State {{ id }} }} }} }}"
    )[f"{kind}OrError"]
    if kind == "schedule":
        verb = f"startSchedule(scheduleSelector: {where})" if on else f"stopRunningSchedule(id: {_q(found)})"
    else:
        verb = f"startSensor(sensorSelector: {where})" if on else f"stopSensor(id: {_q(found)})"
    stack.graphql(f"mutation {{ {verb} {{ __typename }} }}")


def _q(found: dict[str, str]) -> str:
    return json.dumps(found["id"])


def _states(stack: ClusterStack) -> dict[str, str]:
    data = stack.graphql(
        """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
        ... on RepositoryLocation { repositories { sensors { name sensorState { status } }
        schedules { name scheduleState { status } } } } } } } } }"""
    )
    names = {name: kind for kind, name in AUTOMATIONS}
    found = {}
    for entry in data["workspaceOrError"]["locationEntries"]:
        for repository in entry["locationOrLoadError"].get("repositories", ()):
            for one in (*repository["sensors"], *repository["schedules"]):
                if entry["name"] == "ops" and one["name"] in names:
                    found[one["name"]] = one[f"{names[one['name']]}State"]["status"]
    return found


if __name__ == "__main__":
    main()
