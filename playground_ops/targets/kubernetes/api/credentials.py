"""The address of a cluster's API server, and the credentials for it.

Plain entries of a kubeconfig (certificates, a token) and a pod's own account are read here: importing the
official client takes longer than all requests of a plan. That client does every other login (plugins,
identity providers, proxies).
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from playground_ops.config.document import loader
from playground_ops.core.redact import learn

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PLAIN_CLUSTER = {"server", "certificate-authority", "certificate-authority-data"}
_PLAIN_USER = {
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
    *("token", "tokenFile"),
}


class Access(Enum):
    """Whose rights a connection has. Its opener says so; it is not derived from the address."""

    PERSON = "a person, or a pipeline on a person's behalf"
    """Applies the foundation, after the preflight checks."""
    OPS = "the account of `ops`"
    """Changes components and releases; it may read nothing outside of the stack's namespaces."""


@dataclass(frozen=True)
class Credentials:
    server: str
    tls: ssl.SSLContext
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    """Read for each request, since the kubelet renews it."""

    def headers(self) -> dict[str, str]:
        token = self.token_file.read_text().strip() if self.token_file else self.token
        learn([token])
        return {"Authorization": f"Bearer {token}"} if token else {}


def of_this_pod() -> Credentials:
    """Return the service account of this process's pod. Raises OSError when there is none."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]" if ":" in host else host
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    return Credentials(f"https://{address}:{port}", context, token_file=ACCOUNT / "token")


def plain(context: str) -> Credentials | None:
    """Return a context's credentials; None when there is no such context, or its entries are not plain."""
    found = _merged()
    chosen = found["contexts"].get(context, {}).get("context", {})
    cluster = _entry(found["clusters"], chosen.get("cluster"), "cluster")
    user = _entry(found["users"], chosen.get("user"), "user")
    if cluster is None or user is None or cluster.keys() - _PLAIN_CLUSTER or user.keys() - _PLAIN_USER:
        return None
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return None
    if not str(cluster.get("server", "")).startswith("https://"):
        return None
    try:
        token_file = Path(user["tokenFile"]) if "tokenFile" in user else None
        return Credentials(
            cluster["server"].rstrip("/"), _tls(cluster, user), user.get("token", ""), token_file
        )
    except (OSError, ValueError, ssl.SSLError):
        return None  # the official client reads it next and says what is wrong


def kubeconfig() -> str:
    """Return the file, or files joined by os.pathsep, that kubectl would read now.

    The official client reads the variable only once, when it is imported.
    """
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def contexts() -> list[str]:
    """Return the names of the kubeconfig's contexts; none when it can't be read."""
    return sorted(_merged()["contexts"])


def _merged() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the entries of all files of KUBECONFIG by name; the first file wins, as in kubectl."""
    told: dict[str, dict[str, dict[str, Any]]] = {"contexts": {}, "clusters": {}, "users": {}}
    for place in filter(None, kubeconfig().split(os.pathsep)):
        try:
            document = yaml.load(Path(place).read_bytes(), Loader=loader())
            for kind, entries in told.items():
                for entry in document.get(kind) or ():
                    entries.setdefault(entry["name"], {**entry, "folder": Path(place).parent})
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
            continue  # no kubeconfig: the official client says so, when nothing else has the context
    return told


def _entry(entries: Mapping[str, dict[str, Any]], name: str | None, kind: str) -> dict[str, Any] | None:
    """Return an entry's fields with absolute paths; in the file they are relative to its folder."""
    found = entries.get(name or "")
    if found is None:
        return None
    paths = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    fields = dict(found.get(kind) or {})
    return {key: str(found["folder"] / value) if key in paths else value for key, value in fields.items()}


def _tls(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    data = cluster.get("certificate-authority-data")
    text = base64.b64decode(data, validate=True).decode() if data else None
    context = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=text)
    if "client-certificate" in user or "client-certificate-data" in user:
        with _file(user, "client-certificate") as certificate, _file(user, "client-key") as key:
            context.load_cert_chain(certificate, key)
    return context


@contextmanager
def _file(user: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield a file for the ssl module, which reads no strings; inline data gets a temporary one."""
    data = user.get(f"{name}-data")
    if data is None:
        yield user[name]
        return
    with tempfile.NamedTemporaryFile() as file:  # readable by its owner alone
        file.write(base64.b64decode(data, validate=True))
        file.flush()
        yield file.name
