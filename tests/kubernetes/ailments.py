"""Failures of a stack that serves, made by hand: with objects, as somebody with kubectl would."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.ailing import Case
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline

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
    repo: dict[str, str]
    """The repository of location `a`, as the configuration has it."""
    held: ExitStack = field(default_factory=ExitStack)
    """What a case has taken or stopped, until it is repaired."""

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

    def configure(self, kubernetes: dict[str, Any] | None = None, **of_a: Any) -> None:
        given = {"name": "a", "repo": self.repo, "module": "pipeline", "automation": "on", **of_a}
        self.stack.configure(code_locations=[given, {"name": "b"}], kubernetes=kubernetes or {})

    def as_before(self) -> None:
        self.held.close()
        self.configure()
        self.deploy()

    def afresh(self) -> None:
        """Redeploy location `a` with a good commit and a pod of its own."""
        self.code.commit(f"asset_{time.time_ns()}")
        self.stack.ok("redeploy", "a", "--force")


Do = Callable[[Place], object]


def case(
    name: str,
    component: str,
    check: str,
    said: str,
    do: Do,
    mend: Do = Place.deploy,
    others: tuple[str, ...] = (),
) -> Case[Place]:
    return Case(name, component, check, said, do, mend, others)


def anew(what: str) -> Do:
    """Delete the workload and deploy: fields that somebody added would be left alone by a deploy."""

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
    case("the daemon deleted", "daemon", "healthy", "It is not there", kubectl("delete", *DAEMON.split("/"))),
    case(
        *("the daemon scaled to nothing", "daemon", "healthy", "by kubectl-scale or an autoscaler"),
        kubectl("scale", DAEMON, "--replicas=0"),
    ),
    case(
        *("the webserver scaled to nothing", "webserver", "healthy", "by kubectl-scale or an autoscaler"),
        kubectl("scale", WEBSERVER, "--replicas=0"),
    ),
    case(
        *("the daemon's command changed", "daemon", "healthy", "no such command"),
        lambda place: place.container(DAEMON, "daemon", command=["dagster-demon"]),
        anew(DAEMON),
    ),
    case(
        *("the daemon's process ends", "daemon", "healthy", "saying: the volume is not there"),
        lambda place: place.container(
            DAEMON, "daemon", command=["sh", "-c", "sleep 3; echo the volume is not there; exit 3"]
        ),
        anew(DAEMON),
    ),
    case(
        *("an image of the webserver that nobody has", "webserver", "healthy", "can't reach the image's"),
        lambda place: place.container(WEBSERVER, "webserver", image="nowhere.test/dagster:9"),
    ),
    case(
        *("the webserver on a node that is not there", "webserver", "healthy", "No node is one"),
        lambda place: place.pod(WEBSERVER, nodeSelector={"disk": "none"}),
        anew(WEBSERVER),
    ),
    case(
        *("the webserver deleted", "webserver", "healthy", "It is not there"),
        kubectl("delete", *WEBSERVER.split("/")),
    ),
    case(
        *("the database stopped", "postgres", "healthy", "by kubectl-scale or an autoscaler"),
        kubectl("scale", POSTGRES, "--replicas=0"),
        others=("webserver", "daemon"),
    ),
    case(
        *("the location's address deleted", "a", "healthy", "service/dagster-grpc-a: It is not there"),
        kubectl("delete", "service", "dagster-grpc-a"),
        lambda place: (place.deploy(), place.afresh()),
    ),
    case(
        *("the location's address moved by hand", "a", "healthy", "by the records it is release"),
        moved_by_hand,
        Place.afresh,
    ),
    case(
        *("a server's image changed to one that is not there", "a", "healthy", "can't reach the image's"),
        lambda place: place.container(place.serving(), "dagster-grpc", image="nowhere.test/dagster:9"),
        Place.afresh,
    ),
    case(
        *("a server's limit of memory set too low", "a", "healthy", "more memory than its limit"),
        lambda place: place.container(
            place.serving(),
            "dagster-grpc",
            resources={"limits": {"memory": "60Mi"}, "requests": {"memory": "60Mi"}},
        ),
        Place.afresh,
    ),
    case(
        *("a server scaled to nothing", "a", "healthy", "scaled to nothing"),
        lambda place: place.stack.kubectl("scale", place.serving(), "--replicas=0"),
        Place.afresh,
    ),
    case(
        *("a server's Deployment deleted", "a", "healthy", "Somebody deleted its server"),
        lambda place: place.stack.kubectl("delete", place.serving()),
        Place.afresh,
    ),
    case(
        *("the workspace edited", "foundation", "as_configured", "configmap/dagster-workspace"),
        lambda place: place.patch(
            "configmap/dagster-workspace", json.dumps({"data": {"workspace.yaml": "load_from: []\n"}})
        ),
    ),
    case(
        *("a NetworkPolicy deleted", "foundation", "healthy", "It is not there"),
        kubectl("delete", "networkpolicy", "--all"),
        Place.deploy,
    ),
    case(
        *("a sensor that raises", "a", "ticks", "KeyError: 'price'"),
        breaking(sensor="RUNNING"),
        Place.afresh,
    ),
    case(
        *("a schedule that raises", "a", "ticks", "the warehouse does not answer"),
        breaking(schedule="RUNNING"),
        Place.afresh,
    ),
]
