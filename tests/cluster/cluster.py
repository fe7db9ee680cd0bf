"""The one cluster of this machine: up, down, status."""

from __future__ import annotations

import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cluster import binaries, cgroups, needs, network
from tests.cluster.certificates import SERVER, Certificates
from tests.cluster.controlplane import ControlPlane
from tests.cluster.images.catalog import Image, catalog
from tests.cluster.machine import Machine
from tests.cluster.network import NODES
from tests.cluster.node import Node
from tests.cluster.places import (
    HERE,
    instance,
    key_of,
    key_of_files,
    locked,
    remove,
    run_folder,
    store_folder,
)

READY_SECONDS = 90.0
PROGRAMS = {"etcd", "apiserver", "controller-manager", "scheduler", "dns", "provisioner"}
PROGRAMS |= {"containerd", "kubelet", "proxy"}
Say = Callable[[str], None]


class NotPossible(Exception):
    """This machine can't run the cluster; the message says what to do."""


@dataclass
class Cluster:
    folder: Path
    images: list[Image]

    @classmethod
    def here(cls, short_names: Collection[str] | None = None) -> Cluster:
        """Return the cluster with all images, or some of them."""
        images = [image for image in catalog() if short_names is None or image.short in short_names]
        return cls(run_folder(), images)

    @cached_property
    def binaries(self) -> dict[str, Path]:
        return binaries.all_of_them()

    @property
    def certificates(self) -> Certificates:
        return Certificates(self.folder / "pki")

    @property
    def kubeconfig(self) -> Path:
        return self.certificates.kubeconfig("admin")

    @property
    def machines(self) -> dict[str, Machine]:
        return {name: Machine(name, self.folder / name) for name in NODES}

    @property
    def control_plane(self) -> ControlPlane:
        return ControlPlane(self.machines["node1"], self.certificates, self.binaries)

    def node(self, name: str) -> Node:
        store = store_folder(name)
        return Node(self.machines[name], store, self.certificates, self.binaries)

    def prepare(self) -> list[tuple[Image, Path]]:
        """Compile and make what is not in the cache: minutes at first. Returns the images' files."""
        _ = self.binaries
        return [(image, image.archive()) for image in self.images]

    def is_up(self) -> bool:
        """Return whether all its programs live and the node is Ready."""
        first = self.machines["node1"]
        alive = {name for name, found in first.programs().items() if found.alive}
        return first.init is not None and alive >= PROGRAMS and self._is_ready("node1")

    def up(self, say: Say = print) -> None:
        """Start it, after clearing a killed one. Idempotent. Raises NotPossible, TimeoutError with logs."""
        if reason := needs.missing():
            raise NotPossible(reason)
        with locked(f"cluster{instance()}"):
            version = self._wanted()
            if self._version() == version and self.is_up():
                return
            self._clear()
            archives = self.prepare()
            started = time.monotonic()
            self.folder.mkdir(parents=True)
            self.certificates.make()
            first = self.machines["node1"]
            network.join_machine(first.boot(self.binaries["pause"]))
            with ThreadPoolExecutor() as both:
                runtime = both.submit(self._start_runtime, "node1", archives, say)
                self._start_control_plane()
                runtime.result()
            self._start_agents("node1")
            (self.folder / "version").write_text(version)
            say(f"Kubernetes is ready, {time.monotonic() - started:.1f} s after it was started.")

    def down(self) -> None:
        """Remove all of it but the cache. Idempotent."""
        with locked(f"cluster{instance()}"):
            self._clear()

    def add_second_node(self, say: Say = print) -> None:
        """Start a second kubelet and containerd, in namespaces of their own. Idempotent."""
        with locked(f"cluster{instance()}"):
            second = self.machines["node2"]
            if second.init is not None and self._is_ready("node2"):
                return
            self._end(second)
            archives = self.prepare()
            first = self.machines["node1"].init
            assert first is not None, "the cluster is not up"
            network.join_nodes(first.pid, second.boot(self.binaries["pause"]))
            self._start_runtime("node2", archives, say)
            self._start_agents("node2")

    def remove_second_node(self) -> None:
        with locked(f"cluster{instance()}"):
            self._end(self.machines["node2"])
            self.request("/api/v1/nodes/node2", method="DELETE")

    def wait_ready(self, node: str = "node1") -> None:
        self._wait(f"node {node} to be Ready", lambda: self._is_ready(node))

    def wait_api(self) -> None:
        self._wait("the API server to be ready", lambda: self.request("/readyz") == b"ok")

    def request(self, path: str, body: object = None, method: str | None = None) -> bytes | None:
        """Return the API server's answer to its administrator; None when there is none, or an error."""
        context = ssl.create_default_context(cafile=str(self.certificates.ca))
        context.load_cert_chain(self.certificates.certificate("admin"), self.certificates.key("admin"))
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(SERVER + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=5, context=context) as answer:
                return bytes(answer.read())
        except (OSError, urllib.error.URLError):
            return None

    def _start_control_plane(self) -> None:
        plane = self.control_plane
        plane.start_etcd()
        plane.start_apiserver()
        self.wait_api()
        plane.start_controllers()
        plane.start_dns()
        if self.request("/apis/storage.k8s.io/v1/storageclasses", plane.storage_class()) is None:
            raise RuntimeError("the StorageClass could not be made")

    def _start_runtime(self, name: str, archives: list[tuple[Image, Path]], say: Say) -> None:
        """Start containerd; a store with other images is made anew: it would grow with every change."""
        node = self.node(name)
        known, wanted = node.store / "imported.json", {image.name: image.key for image, _ in archives}
        if known.exists() and json.loads(known.read_text()) == wanted:
            archives = []
        else:
            remove(node.store)
            node.store.mkdir(parents=True)
        node.start_containerd()
        node.forget_containers()
        for image, archive in archives:
            say(f"Importing {image.name} into {name}.")
            node.ctr("images", "import", archive)
        known.write_text(json.dumps(wanted))

    def _start_agents(self, name: str) -> None:
        node = self.node(name)
        node.start_kubelet()
        node.start_proxy()
        self.wait_ready(name)

    def _is_ready(self, node: str) -> bool:
        answer = self.request(f"/api/v1/nodes/{node}")
        conditions = json.loads(answer)["status"].get("conditions", []) if answer else []
        return any((found["type"], found["status"]) == ("Ready", "True") for found in conditions)

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {READY_SECONDS:g} s for {what}\n{self.ends()}")
            time.sleep(0.05)

    def ends(self) -> str:
        """Return the last lines of the log of each program that has died."""
        told = []
        for machine in self.machines.values():
            for name, found in machine.programs().items():
                if not found.alive:
                    told.append(f"{machine.name}: {name} has ended; its last words:\n{machine.log(name)}")
        return "\n".join(told)

    def _wanted(self) -> str:
        """Return a key of all that decides what runs: programs, images, and the code that starts them."""
        code = key_of_files(HERE, HERE.glob("*.py"))
        return key_of(code, *map(str, self.binaries.values()), *(image.key for image in self.images))

    def _version(self) -> str:
        try:
            return (self.folder / "version").read_text()
        except FileNotFoundError:
            return ""

    def _clear(self) -> None:
        for machine in reversed(self.machines.values()):
            self._end(machine)
        network.leave_machine()
        self._wait("control groups to be empty", self._remove_groups)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _remove_groups() -> bool:
        cgroups.kill_all()
        return cgroups.remove()

    @staticmethod
    def _end(machine: Machine) -> None:
        machine.kill()
        deadline = time.monotonic() + READY_SECONDS
        while machine.init is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{machine.name} does not end")
            time.sleep(0.01)
        remove(machine.folder)
