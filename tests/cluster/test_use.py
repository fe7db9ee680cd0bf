"""How people and tests use the cluster: the command line, an image of one's own, one's own cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import needs
from tests.cluster.access import Access
from tests.cluster.binaries import module
from tests.cluster.cluster import Cluster
from tests.cluster.images import archive
from tests.cluster.places import HERE
from tests.cluster.pods import a_pod, ready

ROOT = HERE.parents[1]


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.soak
def test_status_and_kubectl(cluster: Cluster, access: Access, namespace: str) -> None:
    told = run("tests.cluster", "status")
    assert told.returncode == 0, told.stderr
    assert "kubelet" in told.stdout
    assert told.stdout.endswith("up\n")
    told = run("tests.cluster", "kubectl", "--namespace", namespace, "get", "serviceaccounts", "-o", "name")
    assert told.stdout.split() == ["serviceaccount/default"]
    told = run("tests.cluster", "kubectl", "get", "no-such-kind")
    assert (told.returncode, "doesn't have a resource type" in told.stderr) == (1, True)


@pytest.mark.soak
def test_status_of_a_cluster_that_is_not_up() -> None:
    told = run("tests.cluster", "status", PLAYGROUND_CLUSTER="7")
    assert (told.returncode, told.stdout) == (1, "not up\n")


@pytest.mark.soak
def test_an_image_of_ones_own(cluster: Cluster, access: Access, namespace: str, tmp_path: Path) -> None:
    name, file = "docker.io/library/of-a-test:1", tmp_path / "image.tar"
    root = tmp_path / "root"
    root.mkdir()
    (root / "pause").write_bytes((module("kubernetes") / "pause").read_bytes())
    (root / "pause").chmod(0o755)
    archive.write(file, name, root, archive.Settings(entrypoint=("/pause",)))
    told = run("tests.cluster", "import", str(file))
    assert told.returncode == 0, told.stderr
    try:
        access.apply(a_pod("own", image=name), namespace=namespace)
        ready(access, namespace, "own")
    finally:
        cluster.node("node1").ctr("images", "rm", name)


@pytest.mark.soak
def test_on_an_existing_cluster_tests_run_and_those_with_faults_skip_by_name(
    cluster: Cluster, access: Access
) -> None:
    before = access.kubectl("get", "namespaces", "-o", "name").split()
    told = run(
        *("pytest", "-n", "0", "--kube-context", "playground", "tests/cluster/test_kubernetes.py"),
        *("-m", "", "-k", "exit_code or control_group"),
        KUBECONFIG=str(cluster.kubeconfig),
        PATH=f"{cluster.binaries['kubectl'].parent}:{os.environ['PATH']}",
    )
    assert told.returncode == 0, told.stdout
    assert "1 passed, 1 skipped" in told.stdout
    assert "needs the fault tools of the tests' own cluster" in told.stdout
    left = set(access.kubectl("get", "namespaces", "-o", "name").split()) - set(before)
    assert left == set(), "it waits until its namespaces are gone"


def test_what_a_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "path", lambda: "/nowhere")
    assert "apt-get install" in needs.missing()
    assert "containerd" in needs.missing()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in needs.missing()
