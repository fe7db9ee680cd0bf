"""etcd, API server, controller manager, scheduler, DNS and the provisioner: processes on the first node."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Certificates
from tests.cluster.machine import Machine
from tests.cluster.network import API_PORT, DOMAIN, HOST, NODES, PODS, SERVICES

ETCD = "http://127.0.0.1:2379"
STORAGE_CLASS = "memory"
PROVISIONER = "playground.test/memory"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The cluster's own requests would hide those that the tests count.
        {"level": "None", "nonResourceURLs": ["/*"]},
        {"level": "None", "userGroups": ["system:nodes"]},
        {
            "level": "None",
            "users": [
                f"system:{name}" for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy")
            ],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class ControlPlane:
    machine: Machine
    certificates: Certificates
    binaries: dict[str, Path]

    @property
    def folder(self) -> Path:
        return self.machine.folder

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def start_etcd(self) -> None:
        self.machine.start(
            "etcd",
            self.binaries["etcd"],
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={ETCD}",
            f"--advertise-client-urls={ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def start_apiserver(self) -> None:
        pki = self.certificates
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(AUDIT))
        self.machine.start(
            "apiserver",
            self.binaries["kube-apiserver"],
            f"--etcd-servers={ETCD}",
            f"--advertise-address={NODES['node1']}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--client-ca-file={pki.ca}",
            f"--tls-cert-file={pki.certificate('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
            f"--service-account-key-file={pki.key('service-accounts')}",
            f"--service-account-signing-key-file={pki.key('service-accounts')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={pki.certificate('admin')}",
            f"--kubelet-client-key={pki.key('admin')}",
            f"--kubelet-certificate-authority={pki.ca}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=blocking",
            "--profiling=false",
            # A restarted server must not wait for the watches of clients that lost it.
            "--shutdown-delay-duration=0",
        )

    def start_controllers(self) -> None:
        pki = self.certificates
        self.machine.start(
            "controller-manager",
            self.binaries["kube-controller-manager"],
            f"--kubeconfig={pki.kubeconfig('controller-manager')}",
            f"--service-account-private-key-file={pki.key('service-accounts')}",
            f"--root-ca-file={pki.ca}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            f"--cluster-cidr={PODS}",
            "--allocate-node-cidrs=false",
            f"--service-cluster-ip-range={SERVICES}",
            # A lost node is seen within seconds, and its pods are moved.
            "--node-monitor-period=1s",
            "--node-monitor-grace-period=10s",
        )
        self.machine.start(
            "scheduler",
            self.binaries["kube-scheduler"],
            f"--kubeconfig={pki.kubeconfig('scheduler')}",
            "--leader-elect=false",
        )
        self.machine.start(
            "provisioner",
            self.binaries["provisioner"],
            f"--kubeconfig={pki.kubeconfig('admin')}",
            f"--name={PROVISIONER}",
            f"--root={self.folder}/volumes",
        )

    def start_dns(self) -> None:
        """Serve names of the cluster and `NAME.playground.test`; no others exist."""
        file, address = self.folder / "Corefile", NODES["node1"]
        file.write_text(
            f"""cluster.local:53 in-addr.arpa:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {self.certificates.kubeconfig("admin")}
    pods insecure
    ttl 1
  }}
  cache 1
}}
{DOMAIN}:53 {{
  bind {address}
  template IN A {DOMAIN} {{
    answer "{{{{ .Name }}}} 1 IN A {HOST}"
  }}
}}
.:53 {{
  bind {address}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""
        )
        self.machine.start("dns", self.binaries["coredns"], "-conf", file)

    def storage_class(self) -> dict[str, object]:
        return {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
