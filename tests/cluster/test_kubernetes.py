"""The cluster is a real one: what the product depends on works, and what it must not do is refused."""

from __future__ import annotations

import json

import pytest

from tests.asking import eventually
from tests.cluster import cgroups
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.cluster import Cluster
from tests.cluster.network import DOMAIN, HOST
from tests.cluster.pods import SLEEP, a_claim, a_pod, inside, ready, run


def test_a_pod_runs_says_and_does_what_it_is_told(access: Access, namespace: str) -> None:
    access.apply(a_pod("one", *SLEEP), namespace=namespace)
    ready(access, namespace, "one")
    assert access.kubectl("logs", "one", namespace=namespace).strip() == "up"
    assert inside(access, namespace, "one", "import os; print(os.getuid())") == "10001"


@pytest.mark.soak
def test_an_exit_code_is_reported(access: Access, namespace: str) -> None:
    assert run(access, namespace, "seven", "python", "-c", "print('bye'); exit(7)") == (7, "bye\n")


@pytest.mark.soak
def test_names_resolve_and_services_lead_to_pods(access: Access, namespace: str) -> None:
    server = a_pod("server", "python", "-m", "http.server", "8000", "--directory", "/tmp")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    access.apply(server, service, a_pod("client", *SLEEP), namespace=namespace)
    ready(access, namespace, "server")
    ready(access, namespace, "client")
    ask = "from urllib.request import urlopen; print(urlopen('http://web', timeout=5).status)"

    def answered() -> bool:
        try:
            return inside(access, namespace, "client", ask) == "200"
        except KubectlFailed:
            return False

    eventually("the service to answer", answered, every_seconds=0.2)
    host = f"import socket; print(socket.gethostbyname('any.{DOMAIN}'))"
    assert inside(access, namespace, "client", host) == HOST
    with pytest.raises(KubectlFailed, match="Name or service not known"):
        inside(access, namespace, "client", "import socket; socket.gethostbyname('no.such.example')")


@pytest.mark.soak
def test_a_claim_binds_and_keeps_its_data_and_its_size(access: Access, namespace: str) -> None:
    claim = {"data": ("/data", {"persistentVolumeClaim": {"claimName": "data"}})}
    access.apply(a_claim("data", "8Mi"), namespace=namespace)
    write = "open('/data/kept', 'w').write('here')"
    assert run(access, namespace, "writes", "python", "-c", write, volumes=claim)[0] == 0
    assert access.get("pvc", "data", namespace)["status"]["phase"] == "Bound"
    fill = "open('/data/big', 'wb').write(bytes(9 << 20))"
    code, said = run(access, namespace, "fills", "python", "-c", fill, volumes=claim)
    assert code == 1
    assert "No space left on device" in said
    read = "print(open('/data/kept').read())"
    assert run(access, namespace, "reads", "python", "-c", read, volumes=claim) == (0, "here\n")

    volume = access.get("pvc", "data", namespace)["spec"]["volumeName"]
    access.kubectl("delete", "pods", "--all", namespace=namespace)
    access.kubectl("delete", "pvc", "data", namespace=namespace)
    eventually("the volume to be gone", lambda: volume not in access.kubectl("get", "pv", "-o", "name"))


@pytest.mark.soak
def test_pod_security_is_enforced(access: Access, namespace: str) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    access.kubectl("label", "namespace", namespace, label)
    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        access.apply(a_pod("root", *SLEEP, container={"securityContext": {}}), namespace=namespace)
    access.apply(a_pod("fine", *SLEEP), namespace=namespace)


@pytest.mark.soak
def test_a_service_account_may_do_nothing_until_it_is_given_a_role(access: Access, namespace: str) -> None:
    who = f"--as=system:serviceaccount:{namespace}:default"
    with pytest.raises(KubectlFailed, match="forbidden"):
        access.kubectl("get", "pods", who, namespace=namespace)
    access.kubectl("create", "role", "looks", "--verb=list", "--resource=pods", namespace=namespace)
    binding = ("create", "rolebinding", "looks", "--role=looks", f"--serviceaccount={namespace}:default")
    access.kubectl(*binding, namespace=namespace)
    eventually(
        "the role to count",
        lambda: access.kubectl("auth", "can-i", "list", "pods", who, namespace=namespace).strip() == "yes",
    )


@pytest.mark.soak
def test_an_image_that_is_nowhere_is_reported_by_the_kubelet(access: Access, namespace: str) -> None:
    access.apply(a_pod("lost", image="docker.io/library/nosuch:1"), namespace=namespace)

    def reason() -> str:
        found = access.pod(namespace, "lost").found["status"].get("containerStatuses", [{}])
        return str(found[0].get("state", {}).get("waiting", {}).get("reason", ""))

    eventually("ErrImagePull", lambda: reason() in ("ErrImagePull", "ImagePullBackOff"))


@pytest.mark.soak
def test_a_probe_that_fails_restarts_a_container(access: Access, namespace: str) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    pod = a_pod("probed", *SLEEP, container={"livenessProbe": probe}, restartPolicy="Always")
    access.apply(pod, namespace=namespace)
    eventually("a restart", lambda: access.pod(namespace, "probed").restarts > 0, every_seconds=0.2)


@pytest.mark.soak
def test_what_a_pod_uses_is_read_from_its_control_group(
    cluster: Cluster, access: Access, namespace: str
) -> None:
    holds = "import time; held = b'x' * (64 << 20); print('up', flush=True); time.sleep(3600)"
    access.apply(a_pod("holds", "python", "-c", holds), namespace=namespace)
    pod = ready(access, namespace, "holds")
    eventually("64 MiB in use", lambda: cgroups.usage(pod.uid).memory_bytes > 64 << 20)
    used = cgroups.usage(pod.uid)
    assert used.memory_bytes < 256 << 20
    assert 0 < used.cpu_seconds < 60
    assert used.processes >= 2  # the pause process too
    summary = json.loads(cluster.request("/api/v1/nodes/node1/proxy/stats/summary") or b"{}")
    assert pod.uid in [found["podRef"]["uid"] for found in summary["pods"]]


@pytest.mark.soak
def test_memory_beyond_the_limit_is_an_oom_kill(access: Access, namespace: str) -> None:
    limits = {"resources": {"limits": {"memory": "48Mi"}}}
    pod = a_pod("greedy", "python", "-c", "x = bytearray(200 << 20)", container=limits)
    access.apply(pod, namespace=namespace)

    def reason() -> str:
        found = access.pod(namespace, "greedy").found["status"].get("containerStatuses", [{}])
        return str(found[0].get("state", {}).get("terminated", {}).get("reason", ""))

    eventually("OOMKilled", lambda: reason() == "OOMKilled", every_seconds=0.2)
