"""Rendered objects on a real API server: accepted without a warning, and they come up and recover."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

from playground_ops.config import read
from playground_ops.render import files
from playground_ops.render.stack import render
from tests.asking import eventually
from tests.cluster.access import Access, Pod
from tests.cluster.cluster import Cluster
from tests.cluster.pods import ready
from tests.unit.test_render import FULL

HERE = Path("configvalues.yaml")
PASSWORD = "a password 'of' tests$"


def folder(path: Path, namespace: str, text: str) -> Path:
    """As `generate` writes it."""
    found = read(text, HERE)
    settings = found.kubernetes.model_copy(update={"namespace": namespace, "artifacts": "64Mi"})
    postgres = found.postgres.model_copy(update={"storage": "128Mi"})
    found = found.model_copy(update={"kubernetes": settings, "postgres": postgres})
    for name, content in files.files(render(found), "a test").items():
        (path / name).write_text(content)
    return path


def apply(access: Access, path: Path, *more: str) -> str:
    """Any warning of admission fails it."""
    return access.kubectl("apply", "--server-side", "--warnings-as-errors", "-f", str(path), *more)


def test_everything_is_accepted_by_a_server_that_enforces_restricted(
    access: Access, namespace: str, tmp_path: Path
) -> None:
    access.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    for text in ("", FULL.replace("namespace: data-team", f"namespace: {namespace}")):
        told = apply(access, folder(tmp_path, namespace, text), "--dry-run=server")
        assert "deployment.apps/dagster-daemon serverside-applied (server dry run)" in told


def pod_of(access: Access, namespace: str, app: str, other_than: str = "") -> Pod | None:
    found = [pod for pod in access.pods(namespace, f"app={app}") if pod.ready and pod.uid != other_than]
    return found[0] if found else None


def wait_for(access: Access, namespace: str, app: str, other_than: str = "") -> Pod:
    found = eventually(
        f"{app} to be ready", lambda: pod_of(access, namespace, app, other_than), every_seconds=0.3
    )
    assert isinstance(found, Pod)
    return found


def daemons(webserver: Pod) -> dict[str, bool]:
    """Health by daemon type, as the webserver reads it from the database."""
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
    body = json.dumps({"query": query}).encode()
    address = f"http://{webserver.address}:3000/graphql"
    with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=20) as answer:
        found = json.load(answer)["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    return {one["daemonType"]: bool(one["healthy"]) for one in found}


def healthy(webserver: Pod) -> bool:
    try:
        found = daemons(webserver)
    except OSError:
        return False
    return bool(found) and all(found.values())


def test_applied_by_hand_it_comes_up_and_recovers_from_lost_pods(
    cluster: Cluster, access: Access, namespace: str, tmp_path: Path
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dagster-postgres"}}
    access.apply({**secret, "stringData": {"password": PASSWORD}}, namespace=namespace)
    path = folder(tmp_path, namespace, "")
    apply(access, path)
    webserver = wait_for(access, namespace, "dagster-webserver")
    daemon = wait_for(access, namespace, "dagster-daemon")
    eventually("the daemons to be healthy", lambda: healthy(webserver), every_seconds=0.5)
    assert (webserver.restarts, daemon.restarts) == (0, 0), "no crash loop"

    access.kubectl("delete", "pod", daemon.name, namespace=namespace)
    other = wait_for(access, namespace, "dagster-daemon", daemon.uid)
    database = ready(access, namespace, "dagster-postgres-0")
    access.kubectl("delete", "pod", "dagster-postgres-0", namespace=namespace)
    wait_for(access, namespace, "dagster-postgres", database.uid)
    eventually("the daemons to be healthy again", lambda: healthy(webserver), every_seconds=0.5)
    assert wait_for(access, namespace, "dagster-webserver").uid == webserver.uid
    assert wait_for(access, namespace, "dagster-daemon").uid == other.uid

    assert "serverside-applied" in apply(access, path), "once more changes nothing and conflicts with nobody"
    assert wait_for(access, namespace, "dagster-webserver").uid == webserver.uid
