"""containerd, kubelet and kube-proxy of one node."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Certificates
from tests.cluster.cgroups import NAME as CGROUP
from tests.cluster.machine import Machine
from tests.cluster.needs import cni_folder, tool
from tests.cluster.network import NODES, PODS, PODS_OF

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Node:
    machine: Machine
    store: Path
    """containerd's root: images and what containers write. Kept between runs."""
    certificates: Certificates
    binaries: dict[str, Path]

    @property
    def name(self) -> str:
        return self.machine.name

    @property
    def folder(self) -> Path:
        return self.machine.folder

    @property
    def socket(self) -> str:
        """Return the path inside the node, where /run is its own."""
        return "/run/containerd/containerd.sock"

    def start_containerd(self) -> None:
        network = self.folder / "cni"
        network.mkdir(exist_ok=True)
        (network / "10-pods.conflist").write_text(json.dumps(self._network()))
        file = self.folder / "containerd.toml"
        file.write_text(self._containerd(network))
        self.machine.start("containerd", tool("containerd"), "-c", file)
        deadline = time.monotonic() + START_SECONDS
        while self.ctr("version", check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"containerd of {self.name} does not answer: {self.machine.log('containerd')}"
                )
            time.sleep(0.02)

    def ctr(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.machine.run(tool("ctr"), "-a", self.socket, "-n", "k8s.io", *arguments, check=check)

    def forget_containers(self) -> None:
        """Remove what an earlier run left in the store; the images stay."""
        containers = self.ctr("containers", "ls", "-q").stdout.split()
        if not containers:
            return
        self.ctr("containers", "rm", *containers)
        rows = self.ctr("snapshots", "ls").stdout.splitlines()[1:]
        active = [row.split()[0] for row in rows if row.split()[-1] == "Active"]
        if active:
            self.ctr("snapshots", "rm", *active)
        self.machine.stop("containerd")  # its CRI plugin has read them already
        self.start_containerd()

    def start_kubelet(self) -> None:
        pki = self.certificates
        file = self.folder / "kubelet.json"
        (self.folder / "resolv.conf").write_text(f"nameserver {NODES['node1']}\n")
        file.write_text(json.dumps(self._kubelet()))
        self.machine.start(
            "kubelet",
            self.binaries["kubelet"],
            f"--kubeconfig={pki.kubeconfig(self.name)}",
            f"--config={file}",
            f"--hostname-override={self.name}",
            f"--node-ip={NODES[self.name]}",
            f"--root-dir={self.folder}/kubelet",
        )

    def start_proxy(self) -> None:
        self.machine.start(
            "proxy",
            self.binaries["kube-proxy"],
            f"--kubeconfig={self.certificates.kubeconfig('proxy')}",
            f"--hostname-override={self.name}",
            f"--cluster-cidr={PODS}",
            "--proxy-mode=nftables",
            # These apply to the complete machine, and stay as they are.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        )

    def _network(self) -> dict[str, object]:
        return {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": PODS_OF[self.name]}]],
                        "dataDir": f"{self.folder}/addresses",
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }

    def _containerd(self, network: Path) -> str:
        return f"""version = 2
root = "{self.store}"
state = "/run/containerd"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE runc fails to lower a score below its own.
  restrict_oom_score_adj = true
  sandbox_image = "{PAUSE_IMAGE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_folder()}"
    conf_dir = "{network}"
"""

    def _kubelet(self) -> dict[str, object]:
        pki = self.certificates
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "x509": {"clientCAFile": str(pki.ca)},
                "webhook": {"enabled": True},
                "anonymous": {"enabled": False},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki.certificate(self.name)),
            "tlsPrivateKeyFile": str(pki.key(self.name)),
            "clusterDNS": [NODES["node1"]],
            "clusterDomain": "cluster.local",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{CGROUP}/{self.name}",
            "failSwapOn": False,
            "failCgroupV1": False,
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "podCIDR": PODS_OF[self.name],
            "resolvConf": str(self.folder / "resolv.conf"),
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "100Mi",
                "imagefs.available": "100Mi",
            },
            "maxPods": 250,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 100,
            "kubeAPIBurst": 200,
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "10s",
            "syncFrequency": "10s",
        }
