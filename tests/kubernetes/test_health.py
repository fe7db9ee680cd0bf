"""Failures of a stack that serves, made for real: `health` tells each in one sentence, and nothing else.

Each is mended before the next: a stack that was broken in every way is well again at the end.
"""

from __future__ import annotations

import json
import os
import random
import tarfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ROOT, ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline

SEED = int(os.environ["PLAYGROUND_SEED"])
RESULTS = ROOT / "docs" / "health-failures.md"
HEAD = """\
# Failures of a stack that serves

Each was made for real on the tests' cluster, and mended before the next. Written by
`uv run pytest -m soak tests/kubernetes/test_health.py`.

| what was done | check | seconds until seen | the sentence |
|---|---|---:|---|
"""
CODE = """\
import time

import dagster as dg


@dg.op
def wait():
    time.sleep(600)


@dg.job(executor_def=dg.in_process_executor)
def waiting():
    wait()


@dg.sensor(job=waiting, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.{sensor})
def new_files(context):
    raise KeyError("price")


@dg.schedule(job=waiting, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.{schedule})
def nightly(context):
    raise ConnectionRefusedError("the warehouse does not answer")


defs = dg.Definitions(jobs=[waiting], sensors=[new_files], schedules=[nightly])
"""


@dataclass(frozen=True)
class Place:
    stack: ClusterStack
    code: Pipeline

    def patch(self, what: str, text: str, kind: str = "strategic") -> None:
        self.stack.kubectl("patch", *what.split("/"), "--type", kind, "--patch", text)

    def serving(self) -> str:
        return f"deployment/dagster-grpc-a-{self.stack.location('a')['release']}"

    def pod(self, what: str, **spec: Any) -> None:
        """Change the pods of a workload."""
        self.patch(what, json.dumps({"spec": {"template": {"spec": spec}}}))

    def container(self, what: str, name: str, **fields: Any) -> None:
        self.pod(what, containers=[{"name": name, **fields}])

    def deploy(self) -> None:
        self.stack.ok("deploy")

    def afresh(self) -> None:
        """Location `a` with a good commit and a pod of its own."""
        self.code.commit(f"asset_{time.time_ns()}")
        self.stack.ok("redeploy", "a", "--force")


Do = Callable[[Place], object]


@dataclass(frozen=True)
class Case:
    name: str
    component: str
    check: str
    said: str
    do: Do
    mend: Do = Place.deploy
    others: tuple[str, ...] = ()
    """Components of which it is told too, since they suffer from it."""


def anew(what: str) -> Do:
    """Fields that somebody added are left alone by a deploy: the workload goes, and comes as configured."""

    def do(place: Place) -> None:
        place.stack.kubectl("delete", what)
        place.deploy()

    return do


def kubectl(*arguments: str) -> Do:
    return lambda place: place.stack.kubectl(*arguments)


def breaking(**automation: str) -> Do:
    states = {"sensor": "STOPPED", "schedule": "STOPPED", **automation}

    def do(place: Place) -> None:
        place.code.commit_text(CODE.format(**states), "Ticks badly")
        place.stack.ok("redeploy", "a")

    return do


def moved_by_hand(place: Place) -> None:
    before = place.stack.location("a")["release"]
    place.afresh()
    selector = {"spec": {"selector": {"playground.dagster/release": str(before)}}}
    place.patch("service/dagster-grpc-a", json.dumps(selector))


DAEMON, WEBSERVER, POSTGRES = (
    "deployment/dagster-daemon",
    "deployment/dagster-webserver",
    "statefulset/dagster-postgres",
)
CASES = [
    Case("the daemon deleted", "daemon", "healthy", "It is not there", kubectl("delete", *DAEMON.split("/"))),
    Case(
        *("the daemon scaled to nothing", "daemon", "as_configured", "spec.replicas is not as configured"),
        kubectl("scale", DAEMON, "--replicas=0"),
    ),
    Case(
        *("the daemon's command changed", "daemon", "healthy", "no such command"),
        lambda place: place.container(DAEMON, "daemon", command=["dagster-demon"]),
        anew(DAEMON),
    ),
    Case(
        *("the daemon's process ends", "daemon", "healthy", "saying: the volume is not there"),
        lambda place: place.container(
            DAEMON, "daemon", command=["sh", "-c", "sleep 3; echo the volume is not there; exit 3"]
        ),
        anew(DAEMON),
    ),
    Case(
        *("an image of the webserver that nobody has", "webserver", "healthy", "can't reach the image's"),
        lambda place: place.container(WEBSERVER, "webserver", image="nowhere.test/dagster:9"),
    ),
    Case(
        *("the webserver on a node that is not there", "webserver", "healthy", "No node is one"),
        lambda place: place.pod(WEBSERVER, nodeSelector={"disk": "none"}),
        anew(WEBSERVER),
    ),
    Case(
        *("the webserver deleted", "webserver", "healthy", "It is not there"),
        kubectl("delete", *WEBSERVER.split("/")),
        others=("a", "b", "ops"),
    ),
    Case(
        *("the database stopped", "postgres", "as_configured", "spec.replicas is not as configured"),
        kubectl("scale", POSTGRES, "--replicas=0"),
        others=("webserver", "daemon", "a", "b", "ops"),
    ),
    Case(
        *("the location's address deleted", "a", "healthy", "service/dagster-grpc-a: It is not there"),
        kubectl("delete", "service", "dagster-grpc-a"),
        lambda place: (place.deploy(), place.afresh()),
    ),
    Case(
        *("the location's address moved by hand", "a", "healthy", "by the records it is release"),
        moved_by_hand,
        Place.afresh,
    ),
    Case(
        *("a server's image changed to one that is not there", "a", "healthy", "can't reach the image's"),
        lambda place: place.container(place.serving(), "dagster-grpc", image="nowhere.test/dagster:9"),
        Place.afresh,
    ),
    Case(
        *("a server's limit of memory set too low", "a", "healthy", "more memory than its limit"),
        lambda place: place.container(
            place.serving(),
            "dagster-grpc",
            resources={"limits": {"memory": "60Mi"}, "requests": {"memory": "60Mi"}},
        ),
        Place.afresh,
    ),
    Case(
        *("a server scaled to nothing", "a", "healthy", "does not answer"),
        lambda place: place.stack.kubectl("scale", place.serving(), "--replicas=0"),
        Place.afresh,
    ),
    Case(
        *("a server's Deployment deleted", "a", "healthy", "dagster-grpc-a-"),
        lambda place: place.stack.kubectl("delete", place.serving()),
        Place.afresh,
    ),
    Case(
        *("the workspace edited", "foundation", "as_configured", "configmap/dagster-workspace"),
        lambda place: place.patch(
            "configmap/dagster-workspace", json.dumps({"data": {"workspace.yaml": "load_from: []\n"}})
        ),
    ),
    Case(
        *("a NetworkPolicy deleted", "foundation", "healthy", "It is not there"),
        kubectl("delete", "networkpolicy", "--all"),
        Place.deploy,
    ),
    Case(
        *("a sensor that raises", "a", "ticks", "KeyError: 'price'"),
        breaking(sensor="RUNNING"),
        Place.afresh,
    ),
    Case(
        *("a schedule that raises", "a", "ticks", "the warehouse does not answer"),
        breaking(schedule="RUNNING"),
        Place.afresh,
    ),
]
LISTED = (
    *("exec", "deployment/dagster-webserver", "--", "python", "-c"),
    "import glob, json; print(json.dumps(max(glob.glob('/opt/dagster/artifacts/collected/*'))))",
)
SAMPLE = random.Random(SEED).sample(CASES, 3)


@pytest.fixture(scope="module")
def place(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    code = pipeline(tmp_path_factory.mktemp("code") / "repository")
    code.commit("first")
    with (
        a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as stack,
        anonymous(code.folder.parent) as url,
    ):
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        stack.configure(
            code_locations=[
                {"name": "a", "repo": repo, "module": "pipeline", "automation": "on"},
                {"name": "b"},
            ]
        )
        stack.bootstrap()
        yield Place(stack, code)


def test_all_that_tells_something_is_collected(place: Place, tmp_path: Path) -> None:
    place.stack.ok("collect", "--output", str(tmp_path / "out.tar.gz"))
    password = b64decode(place.stack.get("secret", "dagster-postgres")["data"]["password"]).decode()
    with tarfile.open(tmp_path / "out.tar.gz") as made:
        found = {one.name.partition("/")[2]: made.extractfile(one) for one in made.getmembers()}
        texts = {name: file.read().decode() for name, file in found.items() if file is not None}
    assert json.loads(texts["health.json"]) == {"findings": []}
    namespace = place.stack.namespace
    assert "dagster-postgres" in texts[f"objects/{namespace}/Secret.jsonl"]
    logs = [name for name in texts if name.startswith(f"logs/{namespace}/dagster-grpc-a-")]
    assert any("git-sync" in name for name in logs)
    assert not [name for name, text in texts.items() if password in text]
    run = place.stack.launch("ops", "collect_logs")
    place.stack.wait_for_success(run)
    file = json.loads(place.stack.kubectl(*LISTED).splitlines()[-1])
    assert file.endswith(".tar.gz")


def findings(stack: ClusterStack) -> list[dict[str, Any]]:
    ended = stack.run("health", "--json")
    found: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
    return found


def seen(place: Place, case: Case) -> dict[str, Any] | None:
    for one in findings(place.stack):
        text = f"{one['object']}: {one['observed']} {one['cause']} {one['fix']} {one['evidence']}"
        if (one["component"], one["check"]) == (case.component, case.check) and case.said in text:
            return one
    return None


def is_well(place: Place) -> bool:
    return findings(place.stack) == []


def make(place: Place, case: Case, results: list[str]) -> None:
    eventually("all to be well", lambda: is_well(place), 180, 1)
    case.do(place)
    began = time.monotonic()
    try:
        found = eventually(f"{case.name} to be told", lambda: seen(place, case), 150, 0.5)
        told = {one["component"] for one in findings(place.stack)}
        assert told <= {case.component, *case.others}, findings(place.stack)
    finally:
        took = time.monotonic() - began
        case.mend(place)
    sentence = f"{found['object']}: {found['observed']} {found['cause']} {found['fix']}".replace("|", "\\|")
    results.append(f"| {case.name} | {case.component} {case.check} | {took:.0f} | {sentence} |")


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: f"seed {SEED}: {case.name}")
def test_it_is_told_with_its_cause(place: Place, case: Case) -> None:
    make(place, case, [])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_each_of_them_is_told_with_its_cause_and_nothing_else_is(place: Place) -> None:
    results: list[str] = []
    failed = []
    for case in CASES:
        try:
            make(place, case, results)
        except (AssertionError, KubectlFailed) as error:
            failed.append(f"{case.name}: {error}")
    RESULTS.write_text(HEAD + "\n".join(results) + "\n")
    eventually("all to be well", lambda: is_well(place), 180, 1)
    assert failed == []
