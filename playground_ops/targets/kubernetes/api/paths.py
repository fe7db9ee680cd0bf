"""The API server's paths for each kind of object that a stack has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from playground_ops.render.names import OF_NAMESPACE

PLURALS = {
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
_REGULAR = (
    *("ConfigMap", "Deployment", "Event", "Job", "Lease", "Namespace", "PersistentVolumeClaim", "Pod"),
    *("PodDisruptionBudget", "ReplicaSet", "ResourceQuota", "Role", "RoleBinding", "Secret", "Service"),
    *("ServiceAccount", "StatefulSet", "ValidatingAdmissionPolicyBinding"),
)
PLURALS |= {kind: f"{kind.lower()}s" for kind in _REGULAR}
CLUSTER_WIDE = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


def collection(api: str, kind: str, namespace: str) -> str:
    base = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    within = "" if kind in CLUSTER_WIDE else f"/namespaces/{quote(namespace, safe='')}"
    return f"{base}{within}/{PLURALS[kind]}"


def path(found: Mapping[str, Any]) -> str:
    metadata = found["metadata"]
    return path_of(found["apiVersion"], found["kind"], metadata["name"], metadata.get("namespace", ""))


def path_of(api: str, kind: str, name: str, namespace: str) -> str:
    return f"{collection(api, kind, namespace)}/{quote(name, safe='')}"


def title(found: Mapping[str, Any]) -> str:
    """Return `kind/name` as kubectl does; `kind/namespace/name` outside of the stack's own namespace."""
    metadata, kind = found["metadata"], found["kind"].lower()
    away = metadata.get("namespace") and OF_NAMESPACE in (metadata.get("labels") or {})
    return f"{kind}/{metadata['namespace']}/{metadata['name']}" if away else f"{kind}/{metadata['name']}"


@dataclass(frozen=True)
class Selection:
    """Pods of one namespace: those of a label selector (empty: all of them), or one by its name."""

    namespace: str
    selector: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        return collection("v1", "Pod", self.namespace)

    def pod_path(self, name: str) -> str:
        return f"{self.path}/{quote(name, safe='')}"

    @property
    def query(self) -> Mapping[str, str]:
        name = {"fieldSelector": f"metadata.name={self.name}"}
        return name if self.name else {"labelSelector": self.selector}

    @property
    def title(self) -> str:
        return f"pods/{self.selector or self.namespace}"
