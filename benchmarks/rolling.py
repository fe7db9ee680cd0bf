"""Measures rollouts on a real Kubernetes that is up (`python -m tests.cluster up`), as the UI shows them.

`python -m benchmarks.rolling [PART ...]`: sections of parts that are not named stay as they were measured.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.barepods import start_of_a_bare_pod, watching_deaths
from benchmarks.figures import MEASURED, Figure, table
from benchmarks.waiting import Waited, figures_of, of_a_command
from benchmarks.watching import Repeated, Watcher
from playground_ops.render.jobs import REMOTE_JOB
from playground_ops.targets.common.server_protocol import NoAnswer, server_id
from tests import pipelines
from tests.asking import eventually
from tests.cluster.access import own
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.gitservers import anonymous
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline, pipeline

RESULTS = MEASURED / "kubernetes-rollouts.md"
TIMES, REFUSALS, WAITED_SECONDS, WATCHED_SECONDS = 20, 5, 20.0, 3
RUN_SECONDS = 60.0
REST_SECONDS = 1.5
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "a") { __typename } }'


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's second run has its bytecode
    cluster = Cluster.here()
    parts = {part.__name__: part for part in (redeploys, switches, rollbacks, refusals, requests)}
    sections = _measured_before()
    with a_measured_stack(cluster) as (stack, code):
        for name in sys.argv[1:] or parts:
            figures = parts[name](stack, code, cluster)
            for figure in figures:
                print(figure.row(), file=sys.stderr, flush=True)
            sections[name] = f"{date.today()}. {table(figures)}"
    head = "# Rollouts measured on Kubernetes\n\nWritten by `uv run python -m benchmarks.rolling`.\n"
    RESULTS.write_text(
        head + "".join(f"\n## {name}\n\n{sections[name]}" for name in parts if name in sections)
    )


def _measured_before() -> dict[str, str]:
    text = RESULTS.read_text() if RESULTS.exists() else ""
    sections = (part.partition("\n\n") for part in text.split("\n## ")[1:])
    return {name: content.rstrip("\n") + "\n" for name, _, content in sections}


@contextmanager
def a_measured_stack(cluster: Cluster) -> Iterator[tuple[ClusterStack, Pipeline]]:
    access = own(cluster)
    with tempfile.TemporaryDirectory() as name:
        code = pipeline(Path(name) / "code" / "repository")
        code.commit("first")
        stack = ClusterStack(access, "measured", Path(name))
        with anonymous(code.folder.parent) as url:
            repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
            locations = [{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}]
            stack.configure(code_locations=locations, rollout={"confirm_seconds": WATCHED_SECONDS})
            try:
                stack.bootstrap()
                yield stack, code
            finally:
                remove_policies(access, stack.namespace)
                access.delete_namespace(stack.namespace, wait=True)


def redeploys(stack: ClusterStack, code: Pipeline, cluster: Cluster) -> list[Figure]:
    """Redeploy with a run of a minute in flight each: by commit, by branch and from the UI in turns.

    A person's clock: from the command, or the click, until the UI shows it, until the person is told that it
    serves, and until the command ends. The bare pod is started when the run's own process is up, as the
    redeploy is.
    """
    turns = ("by commit", "by branch", "by commit", "from the UI")
    took: dict[str, list[Waited]] = {name: [] for name in dict.fromkeys(turns)}
    bare: dict[str, list[float]] = {name: [] for name in took}
    runs = []
    with Watcher(stack, 20) as close, Watcher(stack, 5) as polls, Pings(stack) as pings:
        for number in range(TIMES):
            asset = f"asset_{number}"
            commit = code.commit(asset)
            runs.append(stack.launch("a", "waiting", {"ops": {"wait": {"config": {"seconds": RUN_SECONDS}}}}))
            eventually("its step", lambda: "STEP_START" in stack.event_types(runs[-1]), 60)
            way = turns[number % len(turns)]
            bare[way].append(start_of_a_bare_pod(stack, stack.location("a")["release"]))
            began = time.time()
            if way == "from the UI":
                run = stack.launch("ops", "redeploy", {"locations": ["a"], "ref": commit})
                stack.wait_for_success(run)
                told = ended = time.time()
            else:
                given = ["--ref", commit] if way == "by commit" else []
                told, ended = of_a_command(stack, "redeploy", "a", *given)
            eventually(asset, lambda asset=asset: asset in close.first)
            watched = last_record(stack)["durations"].get("watching", 0.0)
            took[way].append(Waited(close.first[asset] - began, told - began, ended - told - watched))
        lost = sum(stack.wait_for_run(run) != "SUCCESS" for run in runs)
    return [
        Figure(
            "a bare pod of the same shape, created until ready",
            [*itertools.chain(*bare.values())],
        ),
        *(figure for way in took for figure in figures_of(way, took[way], bare[way])),
        Figure(f"polls of the UI in error or missing, of {polls.polls}", [polls.wrong], "", 0, "max"),
        Figure(f"pings of the location unanswered, of {pings.asked}", [pings.failed], "", 0, "max"),
        Figure(f"runs of a minute lost, of {len(runs)} in flight", [lost], "", 0, "max"),
    ]


def switches(stack: ClusterStack, code: Pipeline, cluster: Cluster) -> list[Figure]:
    """Switch only the selector, between two warm releases: the webserver polls, or is asked to reload.

    kube-proxy writes its rules once a second at most: it gets that time between two switches.
    """
    found: tuple[list[float], list[float]] = ([], [])
    code.commit("another")
    stack.ok("redeploy", "a")
    found_now = stack.location("a")
    numbers = (found_now["previous"], found_now["release"])
    address = address_of(stack)
    with Watcher(stack, 20) as close:
        for number in range(2 * TIMES):
            before, server = eventually("a look", lambda: close.shown), server_id(address)
            patch = f'{{"spec": {{"selector": {{"playground.dagster/release": "{numbers[number % 2]}"}}}}}}'
            stack.kubectl("patch", "service", "dagster-grpc-a", "--patch", patch)
            patched = time.time()
            if number >= TIMES:  # as a rollout does: once the address leads there from here too
                eventually("the other server", lambda old=server: server_id(address) != old, 5.0, 0.02)
                stack.graphql(RELOAD)
            eventually("the other one", lambda before=before: close.shown != before)
            threading.Event().wait(REST_SECONDS)
            found[number // TIMES].append(max(0.0, close.changed_at - patched))
    return [
        Figure("switch, until the UI shows it, found out by itself", found[0], bound=1.3, judged="p95"),
        Figure("switch, until the UI shows it, with a reload asked for", found[1], bound=0.7, judged="p95"),
    ]


def rollbacks(stack: ClusterStack, code: Pipeline, cluster: Cluster) -> list[Figure]:
    return [
        Figure(
            "`rollback`, from the command until the UI shows it",
            _rollbacks(stack, lambda: stack.start("rollback", "a")),
            bound=2.5,
            judged="p95",
        ),
        Figure(
            "rollback from the UI, click until shown",
            _rollbacks(stack, lambda: stack.launch("ops", "rollback", {"location": "a"})),
        ),
    ]


def _rollbacks(stack: ClusterStack, roll_back: Callable[[], subprocess.Popen[str] | str]) -> list[float]:
    """Roll back to the same older release each time, with a redeploy of the branch in between."""
    samples = []
    for _ in range(TIMES):
        stack.ok("redeploy", "a", "--ref", "main")
        (before,) = stack.assets("a")
        began = time.perf_counter()
        waited_for = roll_back()
        eventually("the UI to show it", lambda before=before: stack.assets("a") != [before], 60.0, 0.02)
        samples.append(time.perf_counter() - began)
        if isinstance(waited_for, str):
            stack.wait_for_success(waited_for)
        else:
            waited_for.communicate(timeout=60)
    return samples


def refusals(stack: ClusterStack, code: Pipeline, cluster: Cluster) -> list[Figure]:
    whole, after = [], []
    with watching_deaths(stack) as deaths:
        for number in range(REFUSALS):
            code.commit_text(f"{pipelines.RAISES}# {number}\n", "Break it")
            began = time.time()
            stack.start("redeploy", "a").communicate(timeout=120)
            ended = time.time()
            release = str(last_record(stack)["release"]["number"])
            whole.append(ended - began)
            after.append(ended - deaths.told[release])
    return [
        Figure("broken commit, from the command until it ends", whole),
        Figure("... from the cluster's word until the command ends", after, bound=10, judged="max"),
    ]


def requests(stack: ClusterStack, code: Pipeline, cluster: Cluster) -> list[Figure]:
    """Count the requests of `ops`, from the API server's audit log."""
    user = f"system:serviceaccount:{stack.namespace}:dagster-ops"
    commit = code.commit("counted")
    with recorded(cluster, user=user) as whole:
        stack.ok("redeploy", "a", "--ref", commit)
    code.commit_text(pipelines.HANGS, "Hang")
    process = stack.start("redeploy", "a")
    before = stack.location("a")["release"]
    eventually("the candidate", lambda: (stack.location("a")["candidate"] or 0) > before)
    eventually("its server", lambda: _runs(stack, stack.location("a")["candidate"]))
    with recorded(cluster, user=user) as waiting:
        threading.Event().wait(WAITED_SECONDS)
    process.kill()
    process.communicate()
    own = [call for call in whole.all if call.pod.startswith(f"{REMOTE_JOB}-")]
    verbs = Counter(call.verb for call in own)
    counted = ", ".join(f"{count} {verb}" for verb, count in verbs.most_common())
    return [
        Figure(f"API requests of the pod that makes a redeploy ({counted})", [len(own)], "", bound=60),
        Figure("... with those of `ops` meanwhile: its sensors and its schedule", [len(whole.all)], ""),
        Figure(f"API requests in {WAITED_SECONDS:g} s of waiting for a server", [len(waiting.all)], ""),
    ]


class Pings(Repeated):
    """Asks what serves for its id, at the location's own address, five times a second."""

    def __init__(self, stack: ClusterStack) -> None:
        super().__init__(5)
        self._address = address_of(stack)
        self.asked = self.failed = 0

    def once(self) -> None:
        self.asked += 1
        try:
            server_id(self._address, 5.0)
        except NoAnswer as error:
            self.failed += 1
            print(f"{time.time():.2f}: {error}", file=sys.stderr, flush=True)


def address_of(stack: ClusterStack) -> str:
    """Return the address of location `a`."""
    return f"{stack.get('service', 'dagster-grpc-a')['spec']['clusterIP']}:4000"


def last_record(stack: ClusterStack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.ok("history", "a", "--json"))[-1]
    return found


def _runs(stack: ClusterStack, number: int) -> bool:
    found = stack.kubectl(
        *("get", "pods", "-l", f"playground.dagster/location=a,playground.dagster/release={number}"),
        *("-o", "jsonpath={.items[*].status.containerStatuses[*].state.running.startedAt}"),
    )
    return bool(found.strip())


if __name__ == "__main__":
    main()
