"""A cluster as tests use it, made here or existing: kubectl, the client, namespaces."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cluster.cluster import Cluster

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

SESSION = "playground.test/session"
"""The label of a namespace: the test session that made it."""


class KubectlFailed(Exception):
    """Its message is kubectl's error."""


@dataclass(frozen=True)
class Access:
    program: str
    """The path of kubectl."""
    kubeconfig: str
    """A file, or a list as in KUBECONFIG; empty for the default."""
    context: str = ""

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment for a program that finds its cluster as kubectl does."""
        return {**os.environ, "KUBECONFIG": self.kubeconfig} if self.kubeconfig else dict(os.environ)

    def kubectl(self, *arguments: str, namespace: str = "", stdin: str | None = None) -> str:
        """Run kubectl. Raises KubectlFailed."""
        command = [self.program]
        command += ["--context", self.context] if self.context else []
        command += ["--namespace", namespace] if namespace else []
        done = subprocess.run(
            [*command, *arguments], env=self.environ, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise KubectlFailed(done.stderr.strip())
        return done.stdout

    def get(self, kind: str, name: str = "", namespace: str = "") -> Any:
        return json.loads(
            self.kubectl("get", kind, *([name] if name else []), "-o", "json", namespace=namespace)
        )

    def apply(self, *objects: dict[str, Any], namespace: str = "") -> None:
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "-f", "-", namespace=namespace, stdin=document)

    def client(self) -> ApiClient:
        """Return a client of the official library, for this cluster."""
        from kubernetes import config

        return config.new_client_from_config(self.kubeconfig or None, self.context or None)

    def pod(self, namespace: str, name: str) -> Pod:
        return Pod(self.get("pod", name, namespace))

    def pods(self, namespace: str, selector: str = "") -> Sequence[Pod]:
        told = self.kubectl("get", "pods", "-l", selector, "-o", "json", namespace=namespace)
        return [Pod(found) for found in json.loads(told)["items"]]

    def volume_folder(self, namespace: str, claim: str) -> str:
        """Return the folder on the node. Raises KubectlFailed."""
        volume = self.get("pvc", claim, namespace)["spec"]["volumeName"]
        return str(self.get("pv", volume)["spec"]["local"]["path"])

    def make_namespace(self, session: str) -> str:
        name = f"test-{secrets.token_hex(4)}"
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {SESSION: session}},
            }
        )
        # Without it no pod can be made; the controller makes it a little later.
        self.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=150s", namespace=name)
        return name

    def delete_namespace(self, name: str, wait: bool = False) -> None:
        self.kubectl("delete", "namespace", name, "--ignore-not-found", f"--wait={str(wait).lower()}")

    def sessions(self) -> dict[str, list[str]]:
        """Return the namespaces of each test session."""
        told: dict[str, list[str]] = {}
        for found in self.get("namespaces")["items"]:
            session = found["metadata"].get("labels", {}).get(SESSION)
            if session:
                told.setdefault(session, []).append(found["metadata"]["name"])
        return told

    def story(self, namespace: str) -> str:
        """Return what a person would look at after a test failed there."""
        told = [self.kubectl("get", "pods,statefulsets,deployments,pvc", "-o", "wide", namespace=namespace)]
        told.append(self.kubectl("get", "events", "--sort-by=.lastTimestamp", namespace=namespace))
        for pod in self.pods(namespace):
            told.append(f"--- {pod.name}")
            told.append(
                self.kubectl(
                    "logs", pod.name, "--all-containers", "--tail=30", "--ignore-errors", namespace=namespace
                )
            )
        return "\n".join(told)


@dataclass(frozen=True)
class Pod:
    found: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.found["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.found["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.found["metadata"]["uid"])

    @property
    def node(self) -> str:
        return str(self.found["spec"].get("nodeName", ""))

    @property
    def address(self) -> str:
        return str(self.found["status"].get("podIP", ""))

    @property
    def phase(self) -> str:
        return str(self.found["status"]["phase"])

    @property
    def ready(self) -> bool:
        conditions = self.found["status"].get("conditions", [])
        return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)

    @property
    def restarts(self) -> int:
        return sum(one["restartCount"] for one in self.found["status"].get("containerStatuses", []))

    def container_id(self, name: str = "") -> str:
        """Return the id of its only container, or of the one named."""
        for one in self.found["status"]["containerStatuses"]:
            if name in ("", one["name"]):
                return str(one["containerID"]).partition("://")[2]
        raise KeyError(f"pod {self.name} has no container {name}")


def own(cluster: Cluster) -> Access:
    return Access(str(cluster.binaries["kubectl"]), str(cluster.kubeconfig))


def existing(context: str) -> Access:
    """Return an existing cluster, by its kubeconfig context. Raises FileNotFoundError."""
    program = shutil.which("kubectl")
    if program is None:
        raise FileNotFoundError("kubectl is not installed: --kube-context needs it")
    return Access(program, os.environ.get("KUBECONFIG", ""), context)
