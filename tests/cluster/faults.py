"""Faults of a cluster, made on purpose: each for the length of a `with` block."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.access import Pod, own
from tests.cluster.cluster import Cluster
from tests.cluster.machine import Machine
from tests.cluster.recovery import wait_recovered

DROPPED = "playground_dropped"


@contextmanager
def api_down(cluster: Cluster) -> Iterator[None]:
    """Stop the API server: all connections to it are lost, and nobody gets a new one."""
    start = cluster.control_plane.start_apiserver
    with _without(cluster.machines["node1"], "apiserver", start, lambda: wait_recovered(cluster)):
        yield


@contextmanager
def etcd_down(cluster: Cluster) -> Iterator[None]:
    """Stop etcd: the API server answers with errors. etcd's data is kept."""
    start = cluster.control_plane.start_etcd
    with _without(cluster.machines["node1"], "etcd", start, lambda: wait_recovered(cluster)):
        yield


@contextmanager
def kubelet_down(cluster: Cluster, node: str = "node1") -> Iterator[None]:
    """Stop the kubelet: the node's containers go on; nobody starts, probes or reports any."""
    start = cluster.node(node).start_kubelet
    with _without(cluster.machines[node], "kubelet", start, lambda: cluster.wait_ready(node)):
        yield


@contextmanager
def dns_down(cluster: Cluster) -> Iterator[None]:
    """Stop DNS: no name resolves in any pod."""
    with _without(cluster.machines["node1"], "dns", cluster.control_plane.start_dns, lambda: None):
        yield


@contextmanager
def frozen(machine: Machine, program: str) -> Iterator[None]:
    """Stop a program by SIGSTOP: it holds its connections and answers nothing."""
    found = machine.process(program)
    assert found is not None, f"{program} is not running"
    found.send(signal.SIGSTOP)
    try:
        yield
    finally:
        found.send(signal.SIGCONT)


@contextmanager
def _without(
    machine: Machine, program: str, start: Callable[[], None], wait: Callable[[], None]
) -> Iterator[None]:
    machine.stop(program)
    try:
        yield
    finally:
        start()
        wait()


def kill_container(
    cluster: Cluster, pod: Pod, container: str = "", number: signal.Signals = signal.SIGKILL
) -> None:
    """Send a signal to its first process from outside, as the kernel does when memory runs out."""
    found = pod.container_id(container)
    node = cluster.node(pod.node)
    node.ctr("tasks", "kill", "--signal", number.name, found)


@contextmanager
def dropped(cluster: Cluster, pod: Pod, peer: str = "", port: int = 0) -> Iterator[None]:
    """Drop all packets to and from the pod, without an error to either side.

    With `peer` (an address) only between the two; with `port` only TCP to that port, on either side.
    """
    machine = cluster.machines[pod.node]
    there, back = f"ip daddr {pod.address}", f"ip saddr {pod.address}"
    if peer:
        there, back = f"{there} ip saddr {peer}", f"{back} ip daddr {peer}"
    if port:
        there, back = f"{there} tcp dport {port}", f"{back} tcp dport {port}"
    table = f"{DROPPED}_{pod.address.replace('.', '_')}"
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority -300; {there} drop; {back} drop; }}\n"
        for hook in ("forward", "input", "output")
    )
    machine.run("nft", f"table inet {table} {{\n{chains}}}")
    try:
        yield
    finally:
        machine.run("nft", "delete", "table", "inet", table)


@contextmanager
def delayed(cluster: Cluster, pod: Pod, milliseconds: int) -> Iterator[None]:
    """Delay every packet to the pod by that much. One pod of a node at a time."""
    machine, program = cluster.machines[pod.node], "delay"
    script = Path(__file__).with_name("delay.py")
    machine.start(program, sys.executable, script, "delay0", pod.address, str(milliseconds))
    try:
        _until(lambda: "ready" in machine.log(program) or machine.process(program) is None)
        assert machine.process(program) is not None, machine.log(program)
        yield
    finally:
        machine.stop(program)
        for rule in ("100", "200"):
            machine.run("ip", "rule", "del", "priority", rule, check=False)
        (machine.folder / "logs" / f"{program}.log").unlink()


@contextmanager
def filled(cluster: Cluster, pod: Pod, claim: str, leave_bytes: int = 0) -> Iterator[None]:
    """Fill the volume of the pod's claim up to `leave_bytes`."""
    folder = own(cluster).volume_folder(pod.namespace, claim)
    machine, file = cluster.machines[pod.node], f"{folder}/filled-by-a-test"
    told = machine.run("stat", "--file-system", "--format=%a %S", folder).stdout
    blocks, block_bytes = (int(found) for found in told.split())
    machine.run("fallocate", "--length", str(blocks * block_bytes - leave_bytes), file)
    try:
        yield
    finally:
        machine.run("rm", "-f", file)


@contextmanager
def without_inodes(cluster: Cluster, pod: Pod, claim: str) -> Iterator[None]:
    """Use up the inodes on the volume of the pod's claim, which has room left."""
    folder, machine = own(cluster).volume_folder(pod.namespace, claim), cluster.machines[pod.node]
    told = machine.run("stat", "--file-system", "--format=%c %d", folder).stdout
    total, free = (int(found) for found in told.split())
    machine.run("mount", "-o", f"remount,nr_inodes={total - free}", folder)
    try:
        yield
    finally:
        machine.run("mount", "-o", f"remount,nr_inodes={total}", folder)


@contextmanager
def unschedulable(cluster: Cluster, node: str = "node1") -> Iterator[None]:
    """Let new pods stay Pending; those that run go on."""
    kubectl = own(cluster).kubectl
    kubectl("cordon", node)
    try:
        yield
    finally:
        kubectl("uncordon", node)


def _until(holds: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
