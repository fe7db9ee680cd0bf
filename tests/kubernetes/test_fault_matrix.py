"""Rollouts on a real cluster, with a failure at each of their steps.

After each, what serves is a release of a good commit, and what the next rollout leaves is in order, according
to the cluster's objects and the API server's audit log. The normal run has one of them; `-m soak` goes
through all.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playground_ops.core.errors import PlaygroundError
from playground_ops.render.names import LOCATION, RELEASE
from tests.asking import Asking, eventually
from tests.cluster import faults
from tests.cluster.access import Access, KubectlFailed, Pod
from tests.cluster.audit import Calls, recorded
from tests.cluster.cluster import Cluster
from tests.contract.conftest import KubernetesWorld, on_kubernetes
from tests.kubernetes.connections import CONTEXT, connected, webserver
from tests.kubernetes.pool import Pool
from tests.pipelines import Pipeline
from tests.session.deadlines import stretched
from tests.stacks import ROOT

SEED = int(os.environ["PLAYGROUND_SEED"])
STEPS = 14
"""The steps of a redeploy: calls of methods that have an effect."""
MINE = f"{LOCATION}=a"
BAD = "raise RuntimeError('the price list has no column vat')\n"


@dataclass
class Stepped:
    """A rollout in a process of its own."""

    process: subprocess.Popen[str]

    def stopped_at(self) -> str | None:
        """Return the method before or after which it has stopped; None when it is over."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return line.split()[1] if line.startswith("at ") else None

    def go_on(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def end(self) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=stretched(240))
        lines = [line for line in out.splitlines() if line.startswith("{")]
        assert lines, err
        return dict(json.loads(lines[-1]))


@dataclass
class Matrix(Asking):
    cluster: Cluster
    access: Access
    world: KubernetesWorld
    code: Pipeline
    configuration: Path
    made: int = 0
    steps: int = 0
    """How many the last rollout took that succeeded."""

    @property
    def namespace(self) -> str:
        return self.world.target.namespace

    @property
    def ui(self) -> str:
        return webserver(self.world.target.connection, self.namespace)

    def good(self) -> str:
        self.made += 1
        return self.code.commit(f"asset_{self.made}")

    def bad(self) -> str:
        self.made += 1
        return self.code.commit_text(f"{BAD}# {self.made}\n", "Bad")

    def rollout(self, *arguments: str) -> Stepped:
        command = [
            sys.executable,
            "-m",
            "tests.kubernetes.stepping",
            "--context",
            self.access.context or CONTEXT,
        ]
        command += ["--configuration", str(self.configuration), "--home", str(self.world.target.home)]
        return Stepped(
            subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env=self.access.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def is_done(self, rollout: Stepped) -> None:
        """Check that it succeeds."""
        ended = rollout.end()
        assert ended["outcome"] == "done", ended
        self.steps = int(ended["steps"])

    def kubectl(self, *arguments: str) -> str:
        return self.access.kubectl(*arguments, namespace=self.namespace)

    def objects(self, kind: str, selector: str = MINE) -> list[dict[str, Any]]:
        found = json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))
        return list(found["items"])

    def serving(self) -> int:
        return int(self.access.get("service", "dagster-grpc-a", self.namespace)["spec"]["selector"][RELEASE])

    def commit_of(self, number: int) -> str:
        found = self.access.get("deployment", f"dagster-grpc-a-{number}", self.namespace)
        record = json.loads(found["metadata"]["annotations"]["playground.dagster/record"])
        return str(record["revision"]["commit"])

    def pod(self, number: int) -> Pod:
        (found,) = self.access.pods(self.namespace, f"{MINE},{RELEASE}={number}")
        return found


@pytest.fixture(scope="module")
def matrix(
    cluster: Cluster,
    access: Access,
    shared_stack: Pool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Matrix:
    world = on_kubernetes(shared_stack, tmp_path_factory.mktemp("home"))
    file = tmp_path_factory.mktemp("configuration") / "configvalues.yaml"
    file.write_text(world.target.configuration.text)
    return Matrix(cluster, access, world, shared_stack.code("a"), file)


@pytest.fixture
def whole(matrix: Matrix) -> Matrix:
    """The matrix, once a rollout takes all steps: one serves, one is warm, and one is removed."""
    for _ in range(3):
        if matrix.steps != STEPS:
            matrix.is_done(matrix.rollout("--ref", matrix.good()))
    assert matrix.steps == STEPS, "else some moment would never come, or be left out"
    return matrix


def serves_what_is_good(matrix: Matrix, *commits: str) -> None:
    """Check that the location's address leads to one of two good commits, and that its pod answers."""
    number = matrix.serving()
    assert matrix.commit_of(number) in commits
    eventually("its pod to be ready", lambda: matrix.pod(number).ready, 90, 0.5)


def in_order(matrix: Matrix, commit: str) -> None:
    """Check what exists of the location after an undisturbed rollout."""
    serving = matrix.serving()
    assert matrix.commit_of(serving) == commit

    def kept() -> bool:
        live = [one for one in matrix.objects("deployments") if not _note(one, "draining")]
        return {_number(one) for one in live} <= {serving, serving - 1, *_served(live)} and len(live) <= 2

    eventually("no more than what serves and one that is warm", kept, 60, 0.5)
    deployments = {_number(one) for one in matrix.objects("deployments")}
    for kind in ("services", "pods", "replicasets"):
        numbered = {
            _number(one) for one in matrix.objects(kind) if "deletionTimestamp" not in one["metadata"]
        }
        assert numbered - {0} <= deployments, f"{kind} without a release"
    records = matrix.objects("configmaps", f"{MINE},app.kubernetes.io/component=record")
    assert [one["data"]["outcome"] for one in records if "under way" in one["data"]["outcome"]] == []
    lease = matrix.access.get("lease", "dagster-rollout-a", matrix.namespace)
    assert not lease["spec"].get("holderIdentity"), "nobody holds the lock"
    pods = matrix.objects("pods", "app.kubernetes.io/component in (resolver, smoke)")
    assert pods == []


def _note(found: dict[str, Any], name: str) -> str | None:
    return (found["metadata"].get("annotations") or {}).get(f"playground.dagster/{name}")


def _number(found: dict[str, Any]) -> int:
    return int(found["metadata"]["labels"].get(RELEASE, 0))


def _served(deployments: list[dict[str, Any]]) -> set[int]:
    return {_number(one) for one in deployments if _note(one, "served-at")}


@contextmanager
def one_at_a_time(matrix: Matrix) -> Iterator[Calls]:
    """Watch the lock: who lost it never has it again. And the API server refuses nothing."""
    holders: list[str] = []
    over = threading.Event()

    def look() -> None:
        connection = connected(matrix.access)
        where = f"/apis/coordination.k8s.io/v1/namespaces/{matrix.namespace}/leases/dagster-rollout-a"
        while not over.wait(0.1):
            with suppress(PlaygroundError):
                holder = str((connection.get(where) or {}).get("spec", {}).get("holderIdentity") or "")
                if holder and holder not in holders[-1:]:
                    holders.append(holder)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with recorded(matrix.cluster, namespace=matrix.namespace) as calls:
            yield calls
    finally:
        over.set()
        looking.join()
    assert len(holders) == len(set(holders)), "two rollouts were under way at once"
    assert [call for call in calls.denied if call.agent == "playground-ops"] == []
    ended = [call for call in calls.all if call.verb == "delete" and call.code < 300]
    assert f"dagster-grpc-a-{matrix.serving()}" not in {call.name for call in ended}


Fault = Callable[[Matrix, Stepped, str], None]
"""Causes a failure while the rollout has stopped at a step; lets it go on or ends it."""


def killed(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    rollout.process.kill()
    rollout.process.communicate()


def without_api(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    with faults.api_down(matrix.cluster):
        rollout.go_on()
        time.sleep(20)  # the length of the outage; nothing is waited for
    rollout.end()


def slow_etcd(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    rollout.go_on()
    for _ in range(4):
        with faults.frozen(matrix.cluster.machines["node1"], "etcd"):
            time.sleep(2.5)
        time.sleep(0.5)
    matrix.cluster.wait_api()
    rollout.end()


def without_database(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    matrix.kubectl("scale", "statefulset/dagster-postgres", "--replicas=0")
    rollout.go_on()
    time.sleep(30)
    matrix.kubectl("scale", "statefulset/dagster-postgres", "--replicas=1")
    rollout.end()
    eventually("the UI to answer again", lambda: _answers(matrix), 90, 1)


def _answers(matrix: Matrix) -> bool:
    try:
        return bool(matrix.assets("a"))
    except Exception:
        return False


def without_kubelet(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    with faults.kubelet_down(matrix.cluster):
        rollout.go_on()
        time.sleep(15)
    rollout.end()


def newest(matrix: Matrix) -> int:
    return max(_number(one) for one in matrix.objects("deployments"))


def candidate_dies(matrix: Matrix, rollout: Stepped, commit: str) -> None:
    with suppress(AssertionError, KeyError, ValueError, RuntimeError):
        pod = matrix.pod(newest(matrix))
        if newest(matrix) != matrix.serving() and pod.found["status"].get("containerStatuses"):
            faults.kill_container(matrix.cluster, pod, "dagster-grpc")
    rollout.go_on()
    rollout.end()


def by_hand(*what: str) -> Fault:
    def fault(matrix: Matrix, rollout: Stepped, commit: str) -> None:
        number = newest(matrix)
        own = number != matrix.serving()
        if own or "configmap" in what:
            with suppress(KubectlFailed):
                matrix.kubectl("delete", *(part.format(number=number) for part in what), "--wait=false")
        rollout.go_on()
        rollout.end()

    return fault


FAULTS: dict[str, Fault] = {
    "it is killed": killed,
    "no API server for 20 s": without_api,
    "a slow etcd": slow_etcd,
    "no database for 30 s": without_database,
    "no kubelet for 15 s": without_kubelet,
    "the candidate dies": candidate_dies,
    "somebody deletes the candidate": by_hand("deployment", "dagster-grpc-a-{number}"),
    "somebody deletes its Service": by_hand("service", "dagster-release-a-{number}"),
    "somebody deletes the records": by_hand("configmap", "-l", f"{MINE},app.kubernetes.io/component=record"),
}
Cell = tuple[str, int, str]
MOMENTS = [*((step, "before") for step in range(1, STEPS + 1)), (STEPS, "after")]
"""Between two steps the cluster stays as it is: after one is before the next."""
ALL: list[Cell] = [(fault, step, when) for fault in FAULTS for step, when in MOMENTS]
SAMPLE: list[Cell] = [("it is killed", 10, "before")]
"""The default run: the address leads to the candidate, and nobody has confirmed it."""


def story(matrix: Matrix, cell: Cell) -> str | None:
    """Return the method at which it happened; None when the rollout was over before."""
    fault, step, when = cell
    before = matrix.commit_of(matrix.serving())
    commit = matrix.good()
    with one_at_a_time(matrix):
        rollout = matrix.rollout("--ref", commit, "--at", str(step), "--when", when)
        verb = rollout.stopped_at()
        if verb is not None:
            FAULTS[fault](matrix, rollout, commit)
        else:
            rollout.process.communicate()
        serves_what_is_good(matrix, before, commit)
        after = matrix.good()
        eventually("the next rollout", lambda: rolled_out(matrix, after), 120, 1)
    in_order(matrix, after)
    return verb


def rolled_out(matrix: Matrix, commit: str) -> bool:
    """Return whether the rollout was made; otherwise a dead holder's lock has yet to expire."""
    ended = matrix.rollout("--ref", commit).end()
    if ended["outcome"] in ("done", "unchanged"):
        return True
    assert "lock/a" in ended["said"], ended
    return False


def test_of_two_at_the_same_instant_one_is_told_of_the_other(matrix: Matrix) -> None:
    commits = [matrix.good(), matrix.good()]
    with one_at_a_time(matrix) as calls:
        pair = [matrix.rollout("--ref", commit, "--by", f"person {commit}") for commit in commits]
        ended = [one.end() for one in pair]
    outcomes = sorted(str(one["outcome"]) for one in ended)
    if outcomes == ["done", "failed"]:
        told = next(one["said"] for one in ended if one["outcome"] == "failed")
        assert "lock/a" in told
    else:
        assert outcomes == ["done", "done"], ended  # the second began after the first had ended
    made = [
        call for call in calls.all if (call.verb, call.resource, call.code) == ("create", "deployments", 201)
    ]
    assert len(made) == [one["outcome"] for one in ended].count("done")
    in_order(matrix, matrix.commit_of(matrix.serving()))
    assert matrix.commit_of(matrix.serving()) in commits


@pytest.mark.parametrize("minutes", [-7, pytest.param(7, marks=pytest.mark.soak)])
def test_a_clock_that_is_wrong_by_minutes_takes_nobodys_lock(matrix: Matrix, minutes: int) -> None:
    first, second = matrix.good(), matrix.good()
    holder = matrix.rollout("--ref", first, "--at", "4", "--by", "the first")
    assert holder.stopped_at()
    ended = matrix.rollout("--ref", second, "--skew", str(60 * minutes)).end()
    assert "the first" in ended["said"]
    holder.go_on()
    matrix.is_done(holder)
    matrix.is_done(matrix.rollout("--ref", second, "--skew", str(60 * minutes)))
    in_order(matrix, second)


@pytest.mark.parametrize("cell", SAMPLE, ids=lambda cell: f"{cell[0]}, {cell[2]} step {cell[1]}")
@pytest.mark.timeout(300)
def test_something_goes_wrong_at_a_step(whole: Matrix, cell: Cell) -> None:
    story(whole, cell)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("fault", FAULTS)
def test_it_goes_wrong_at_every_step(
    whole: Matrix, fault: str, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    verbs = {f"{cell[2]} {cell[1]}": story(whole, cell) for cell in ALL if cell[0] == fault}
    record_property("at", ", ".join(f"{at} {verb}" for at, verb in verbs.items() if verb))
    record_property("seconds each", round((time.monotonic() - began) / len(verbs), 1))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_thirty_rollouts_good_and_bad_with_runs_in_flight(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    draw, runs, ends = random.Random(SEED), [], []
    served = matrix.commit_of(matrix.serving())
    with one_at_a_time(matrix):
        for _ in range(30):
            config = {"ops": {"wait": {"config": {"seconds": 10.0}}}}
            runs.append(matrix.launch("a", "waiting", config))
            good = draw.random() < 0.6
            commit = matrix.good() if good else matrix.bad()
            ended = matrix.rollout("--ref", commit).end()
            assert ended["outcome"] == ("done" if good else "failed"), ended
            served = commit if good else served
            serves_what_is_good(matrix, served)
    ends = [matrix.wait_for_run(run) for run in runs]
    record_property("rollouts", 30)
    record_property("runs in flight that ended well", f"{ends.count('SUCCESS')} of {len(ends)}")
    assert set(ends) == {"SUCCESS"}
    in_order(matrix, served)
