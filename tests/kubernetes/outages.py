"""Failures around a stack that serves: of its database, its volumes, its network, its node."""

from __future__ import annotations

import json
import signal
from base64 import b64decode
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import psycopg2

from tests.cluster import faults
from tests.cluster.access import KubectlFailed, Pod
from tests.cluster.cluster import Cluster
from tests.kubernetes.ailments import DAEMON, POSTGRES, Do, Place, anew, case, kubectl

ALL = ("webserver", "daemon", "postgres", "a", "b", "ops", "foundation")


def pod_of(place: Place, component: str) -> Pod:
    (found,) = place.stack.access.pods(place.stack.namespace, f"app.kubernetes.io/component={component}")
    return found


def server(place: Place) -> Pod:
    serving = f"playground.dagster/release={place.stack.location('a')['release']}"
    (found,) = place.stack.access.pods(place.stack.namespace, f"playground.dagster/location=a,{serving}")
    return found


def holding(make: Callable[[Place, Cluster], AbstractContextManager[None]]) -> Do:
    return lambda place: place.held.enter_context(make(place, Cluster.here()))


def let_go(place: Place) -> None:
    place.held.close()


def connect(place: Place, count: int) -> None:
    """Hold so many connections to the database, or as many as it allows."""
    secret = place.stack.get("secret", "dagster-postgres")["data"]["password"]
    host = place.stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    with suppress(psycopg2.OperationalError):
        for _ in range(count):
            one = psycopg2.connect(
                host=host, dbname="dagster", user="dagster", password=b64decode(secret).decode()
            )
            place.held.callback(one.close)


def password(place: Place, text: str) -> None:
    said = f"ALTER ROLE dagster PASSWORD '{text}'"
    place.stack.kubectl("exec", POSTGRES, "--", "psql", "-U", "dagster", "-c", said)


def change_password(place: Place) -> None:
    """Change it only in the database; existing connections stay."""
    secret = place.stack.get("secret", "dagster-postgres")["data"]["password"]
    password(place, "another")
    place.held.callback(password, place, b64decode(secret).decode())


def lose_the_secret(place: Place) -> None:
    secret = place.stack.get("secret", "dagster-postgres")
    kept = {key: secret["metadata"].get(key, {}) for key in ("name", "labels", "annotations")}
    place.held.callback(
        place.stack.access.apply, {**secret, "metadata": kept}, namespace=place.stack.namespace
    )
    place.stack.kubectl("delete", "secret", "dagster-postgres")
    place.stack.kubectl("delete", "pod", pod_of(place, "webserver").name, "--wait=false")


def let_go_and_start(what: str) -> Do:
    """Delete and deploy again: a controller that could make no pod retries ever more rarely."""

    def do(place: Place) -> None:
        place.held.close()
        anew(what)(place)

    return do


def no_pods(place: Place) -> None:
    place.stack.kubectl("create", "quota", "none", "--hard=pods=0")
    place.held.callback(place.stack.kubectl, "delete", "quota", "none")
    place.stack.kubectl("delete", "pod", pod_of(place, "daemon").name, "--wait=false")


def a_webhook_refuses(place: Place) -> None:
    namespace = place.stack.namespace
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"refuses-{namespace}"},
        "webhooks": [
            {
                "name": "pods.refuses.test",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    place.stack.access.apply(hook)
    name = hook["metadata"]["name"]  # type: ignore[index]
    place.held.callback(place.stack.access.kubectl, "delete", "validatingwebhookconfiguration", name)
    place.stack.kubectl("delete", "pod", pod_of(place, "daemon").name, "--wait=false")


def frozen(place: Place) -> None:
    pod = server(place)

    def thaw() -> None:
        with suppress(KubectlFailed, RuntimeError):  # its node may have ended it
            faults.kill_container(Cluster.here(), pod, "dagster-grpc", signal.SIGCONT)

    place.held.callback(thaw)
    faults.kill_container(Cluster.here(), pod, "dagster-grpc", signal.SIGSTOP)


def edited(place: Place) -> None:
    data = {"data": {"dagster.yaml": "telemetry: {enabled: true}\n"}}
    place.patch("configmap/dagster-instance", json.dumps(data))


OUTAGES = [
    case(
        *(
            "the database's address deleted",
            "postgres",
            "healthy",
            "service/dagster-postgres: It is not there",
        ),
        kubectl("delete", "service", "dagster-postgres"),
        others=ALL,
    ),
    case(
        *("the webserver's address deleted", "webserver", "healthy", "service/dagster-webserver"),
        kubectl("delete", "service", "dagster-webserver"),
        others=("a", "b", "ops"),
    ),
    case(
        *("the database's Secret deleted, and a pod started anew", "webserver", "healthy"),
        'secret "dagster-postgres" not found',
        lose_the_secret,
        let_go,
        others=("a", "b", "ops"),
    ),
    case(
        *("a quota that lets no pod begin", "daemon", "healthy", "exceeded quota"),
        no_pods,
        let_go_and_start(DAEMON),
        others=("a",),  # whose repository is resolved in a pod
    ),
    case(
        *("a webhook of somebody else's refuses pods", "daemon", "healthy", "failed calling webhook"),
        a_webhook_refuses,
        let_go_and_start(DAEMON),
        others=("a",),
    ),
    case(
        *("most of the database's connections taken", "postgres", "has_room", "connections are in use"),
        lambda place: connect(place, 85),
        let_go,
        others=ALL,
    ),
    case(
        *(
            "all of the database's connections taken",
            "postgres",
            "healthy",
            "All of its connections are in use",
        ),
        lambda place: connect(place, 200),
        let_go,
        others=ALL,
    ),
    case(
        *("the database's password changed in it alone", "postgres", "healthy", "does not take the user and"),
        change_password,
        let_go,
        others=ALL,
    ),
    case(*("a server that hangs", "a", "healthy", "does not answer"), frozen, let_go),
    case(
        *("the claim of what runs leave filled up", "foundation", "has_room", "dagster-artifacts"),
        holding(
            lambda place, cluster: faults.filled(cluster, pod_of(place, "webserver"), "dagster-artifacts")
        ),
        let_go,
    ),
    case(
        *("names that do not resolve", "postgres", "healthy", "does not resolve"),
        holding(lambda place, cluster: faults.dns_down(cluster)),
        let_go,
        others=ALL,
    ),
    case(
        *("the settings of the instance edited", "foundation", "as_configured", "configmap/dagster-instance"),
        edited,
    ),
]
