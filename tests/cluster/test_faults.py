"""Each fault does what it says, for as long as it says."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from urllib.request import urlopen

import pytest

from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import Access, KubectlFailed, Pod
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.cluster.pods import SLEEP, a_claim, a_pod, inside, ready

pytestmark = pytest.mark.soak
PORT = 8000
SERVER = ("python", "-m", "http.server", str(PORT), "--directory", "/tmp")
ASK = """
import sys, time, urllib.request
started = time.monotonic()
try:
    urllib.request.urlopen(sys.argv[1], timeout=4).read()
    print(f"{time.monotonic() - started:.3f}")
except OSError as error:
    print(error)
"""


@pytest.fixture
def pair(access: Access, namespace: str) -> tuple[Pod, Pod]:
    """A server pod and a client pod."""
    access.apply(a_pod("server", *SERVER), a_pod("client", *SLEEP), namespace=namespace)
    server, client = (ready(access, namespace, name) for name in ("server", "client"))
    eventually("an answer", lambda: seconds(access, client, server) < 4, every_seconds=0.2)
    return server, client


NEVER = 99.0


def seconds(access: Access, client: Pod, server: Pod) -> float:
    """Return the seconds that an answer took, or NEVER."""
    url = f"http://{server.address}:{PORT}"
    said = access.kubectl("exec", "client", "--", "python", "-c", ASK, url, namespace=client.namespace)
    with suppress(ValueError):
        return float(said)
    return NEVER


def answers(server: Pod) -> bool:
    """Return whether it answers this machine."""
    try:
        with urlopen(f"http://{server.address}:{PORT}", timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_without_an_api_server_nobody_is_answered_and_pods_go_on(
    cluster: Cluster, access: Access, pair: tuple[Pod, Pod]
) -> None:
    server, _ = pair
    with faults.api_down(cluster):
        with pytest.raises(KubectlFailed, match="refused"):
            access.kubectl("get", "pods")
        assert answers(server)
    assert access.pod(server.namespace, "server").restarts == 0


def test_without_etcd_the_api_server_errs_and_forgets_nothing(
    cluster: Cluster, access: Access, namespace: str
) -> None:
    with faults.etcd_down(cluster), pytest.raises(KubectlFailed):
        access.kubectl("create", "configmap", "x", "--request-timeout=3s", namespace=namespace)
    assert namespace in access.kubectl("get", "namespaces", "-o", "name")


def test_a_frozen_api_server_holds_its_callers(cluster: Cluster, access: Access) -> None:
    started = time.monotonic()
    with (
        faults.frozen(cluster.machines["node1"], "apiserver"),
        pytest.raises(KubectlFailed, match=r"imeout|deadline exceeded"),
    ):
        access.kubectl("get", "pods", "--request-timeout=2s")
    assert time.monotonic() - started >= 2
    cluster.wait_api()


def test_without_a_kubelet_no_pod_starts(cluster: Cluster, access: Access, namespace: str) -> None:
    with faults.kubelet_down(cluster):
        access.apply(a_pod("late", *SLEEP), namespace=namespace)
        eventually("it to be scheduled", lambda: access.pod(namespace, "late").node == "node1")
        assert access.pod(namespace, "late").phase == "Pending"
    ready(access, namespace, "late")


def test_without_dns_no_name_resolves(cluster: Cluster, access: Access, pair: tuple[Pod, Pod]) -> None:
    _, client = pair
    look = "import socket; print(socket.gethostbyname('kubernetes.default.svc.cluster.local'))"
    assert inside(access, client.namespace, "client", look)
    with faults.dns_down(cluster), pytest.raises(KubectlFailed, match="name resolution"):
        inside(access, client.namespace, "client", look)


def test_a_container_that_is_killed_is_started_again(
    cluster: Cluster, access: Access, namespace: str
) -> None:
    access.apply(a_pod("lives", *SLEEP, restartPolicy="Always"), namespace=namespace)
    faults.kill_container(cluster, ready(access, namespace, "lives"))
    eventually("a restart", lambda: access.pod(namespace, "lives").restarts == 1)
    (state,) = access.pod(namespace, "lives").found["status"]["containerStatuses"]
    assert state["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL


def test_traffic_is_dropped_between_two_or_altogether(
    cluster: Cluster, access: Access, pair: tuple[Pod, Pod]
) -> None:
    server, client = pair
    with faults.dropped(cluster, server, port=PORT + 1):
        assert seconds(access, client, server) != NEVER
    with faults.dropped(cluster, server, peer=client.address, port=PORT):
        assert seconds(access, client, server) == NEVER
        assert answers(server)
    with faults.dropped(cluster, server):
        assert seconds(access, client, server) == NEVER
        assert not answers(server)
    assert seconds(access, client, server) != NEVER


def test_traffic_is_delayed(cluster: Cluster, access: Access, pair: tuple[Pod, Pod]) -> None:
    server, client = pair
    with faults.delayed(cluster, server, 300):
        assert 0.6 <= seconds(access, client, server) != NEVER  # to connect, and to ask
    assert min(seconds(access, client, server) for _ in range(5)) < 0.6


def test_a_volume_is_filled_and_emptied(cluster: Cluster, access: Access, namespace: str) -> None:
    claim = {"data": ("/data", {"persistentVolumeClaim": {"claimName": "data"}})}
    access.apply(a_claim("data", "16Mi"), a_pod("writes", *SLEEP, volumes=claim), namespace=namespace)
    pod = ready(access, namespace, "writes")
    write = "open('/data/more', 'wb').write(bytes(1 << 20)); print('written')"
    full = pytest.raises(KubectlFailed, match="No space left on device")
    with faults.filled(cluster, pod, "data", leave_bytes=4096), full:
        inside(access, namespace, "writes", write)
    assert inside(access, namespace, "writes", write) == "written"


def test_a_node_takes_no_new_pods(cluster: Cluster, access: Access, namespace: str) -> None:
    with faults.unschedulable(cluster):
        access.apply(a_pod("waits", *SLEEP), namespace=namespace)

        def reason() -> str:
            conditions = access.pod(namespace, "waits").found["status"].get("conditions", [])
            return "".join(found.get("reason", "") for found in conditions)

        eventually("it to be unschedulable", lambda: reason() == "Unschedulable")
    ready(access, namespace, "waits")


def test_every_call_is_on_record(cluster: Cluster, access: Access, namespace: str) -> None:
    user = f"system:serviceaccount:{namespace}:default"
    with recorded(cluster, user=user) as calls, pytest.raises(KubectlFailed, match="forbidden"):
        access.kubectl("get", "secrets", f"--as={user}", namespace=namespace)
    # The request was the administrator's, made on behalf of an account.
    assert [(call.verb, call.resource, call.denied) for call in calls.all] == [("list", "secrets", True)]
    assert calls.denied == calls.all
    with recorded(cluster, namespace=namespace) as calls:
        access.kubectl("create", "configmap", "x", namespace=namespace)
        access.get("configmap", "x", namespace)
    assert [(call.verb, call.name) for call in calls.writes] == [("create", "x")]
