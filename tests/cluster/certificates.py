"""The cluster's certificate authority, and a kubeconfig for each client of the API server."""

from __future__ import annotations

import json
from pathlib import Path

import trustme

from tests.cluster.network import API_PORT, API_SERVICE, NODES

SERVER = f"https://{NODES['node1']}:{API_PORT}"
CLIENTS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "proxy": ("system:kube-proxy", None),
}
"""By file: common name and organization, which are user and group in Kubernetes."""
API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "localhost",
    "127.0.0.1",
    API_SERVICE,
)


class Certificates:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def kubeconfig(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"

    def make(self) -> None:
        self.folder.mkdir(mode=0o700)
        authority = trustme.CA(organization_name="playground test cluster")
        authority.cert_pem.write_to_path(str(self.ca))
        self._issue(authority, "apiserver", "kube-apiserver", None, *API_NAMES, *NODES.values())
        self._issue(authority, "service-accounts", "service-accounts", None, "localhost")
        for name, (user, group) in CLIENTS.items():
            self._issue(authority, name, user, group, name)
        for node, address in NODES.items():
            self._issue(authority, node, f"system:node:{node}", "system:nodes", node, address)
        for name in (*CLIENTS, *NODES):
            self.kubeconfig(name).write_text(json.dumps(self._kubeconfig(name)))

    def _issue(self, authority: trustme.CA, name: str, user: str, group: str | None, *names: str) -> None:
        leaf = authority.issue_cert(*names, common_name=user, organization_name=group)
        leaf.private_key_pem.write_to_path(str(self.key(name)))
        leaf.cert_chain_pems[0].write_to_path(str(self.certificate(name)))

    def _kubeconfig(self, name: str) -> dict[str, object]:
        user = {"client-certificate": str(self.certificate(name)), "client-key": str(self.key(name))}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "playground",
            "clusters": [
                {"name": "playground", "cluster": {"server": SERVER, "certificate-authority": str(self.ca)}}
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "playground", "context": {"cluster": "playground", "user": name}}],
        }
