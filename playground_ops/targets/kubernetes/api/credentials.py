"""Where a cluster's API server is and who asks it.

A kubeconfig whose entries are plain (certificates, a token) and a pod's own account are read here, since
importing the official client takes longer than all that a plan asks. Every other way to log in
(plugins, identity providers, proxies) is left to that client.
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

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PLAIN_CLUSTER = {"server", "certificate-authority", "certificate-authority-data"}
_PLAIN_USER = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
    "tokenFile",
}


class Access(Enum):
    """Whose rights a connection has. Whoever opens it says so; it is not guessed from where it leads."""

    PERSON = "a person, or a pipeline on a person's behalf"
    """Applies the foundation, after everything that stands in the way was looked for."""
    OPS = "the account of `ops`"
    """Changes components and releases, and may not even read what is outside of the stack's namespaces."""


@dataclass(frozen=True)
class Credentials:
    server: str
    tls: ssl.SSLContext
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    """Read again for each request: it is renewed on the disk."""

    def headers(self) -> dict[str, str]:
        token = self.token_file.read_text().strip() if self.token_file else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}


def of_this_pod() -> Credentials:
    """The service account of the pod that this process runs in. Raises OSError when there is none."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]" if ":" in host else host
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    return Credentials(f"https://{address}:{port}", context, token_file=ACCOUNT / "token")


def plain(context: str) -> Credentials | None:
    """Of a context whose entries are plain; None when there is no such context, or it takes more."""
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
        return None  # whoever reads it next says what is wrong with it


def kubeconfig() -> str:
    """File, or files joined by os.pathsep, as kubectl finds them.

    The official client reads the variable once, when it is imported.
    """
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def contexts() -> list[str]:
    """Names of the contexts that the kubeconfig has; none when there is no usable one."""
    return sorted(_merged()["contexts"])


def _merged() -> dict[str, dict[str, dict[str, Any]]]:
    """Of all files of KUBECONFIG, entries by name; the first file that has one wins (as in kubectl)."""
    told: dict[str, dict[str, dict[str, Any]]] = {"contexts": {}, "clusters": {}, "users": {}}
    for place in filter(None, kubeconfig().split(os.pathsep)):
        try:
            document = yaml.load(Path(place).read_bytes(), Loader=_loader())
            for kind, entries in told.items():
                for entry in document.get(kind) or ():
                    entries.setdefault(entry["name"], {**entry, "folder": Path(place).parent})
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
            continue  # no kubeconfig: the official client says so, when nothing else has the context
    return told


def _entry(entries: Mapping[str, dict[str, Any]], name: str | None, kind: str) -> dict[str, Any] | None:
    """Its fields, with paths made absolute: they are relative to the file that holds them."""
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
    """Python takes certificates and keys from files alone: what is in the kubeconfig is one for a moment."""
    data = user.get(f"{name}-data")
    if data is None:
        yield user[name]
        return
    with tempfile.NamedTemporaryFile() as file:  # readable by its owner alone
        file.write(base64.b64decode(data, validate=True))
        file.flush()
        yield file.name


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
