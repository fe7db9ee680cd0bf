"""Failures that no entry describes: they are reported in the cluster's own words, and as nothing else."""

from __future__ import annotations

import base64
import json
import struct
from datetime import datetime, timedelta, timezone

import trustme

from playground_ops.targets.kubernetes.objects.certificates import HTTPS
from tests.cluster import faults
from tests.cluster.gitservers import PASSWORD, USER, by_password_over_tls
from tests.cluster.network import HOST
from tests.kubernetes.ailments import DAEMON, Place, case
from tests.kubernetes.outages import holding, let_go, let_go_and_start, pod_of
from tests.kubernetes.stacks import POD
from tests.tls import showing

ARM64 = 183
"""e_machine (elf.h)."""
UI = "dagster.playground.test"


def program_of_another_kind() -> str:
    """Return the head of a program for arm64, for a ConfigMap: no kernel of another kind runs it."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, ARM64, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120, 120, 4096)
    return base64.b64encode(ident + head + load).decode()


def of_another_kind(place: Place) -> None:
    content = {"binaryData": {"program": program_of_another_kind()}}
    name = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "arm64"}}
    place.stack.access.apply({**name, **content}, namespace=place.stack.namespace)
    place.held.callback(place.stack.kubectl, "delete", "configmap", "arm64")
    volume = {"name": "arm64", "configMap": {"name": "arm64", "defaultMode": 0o755}}
    mounted = [{"name": "arm64", "mountPath": "/mnt/arm64"}]
    container = {"name": "daemon", "command": ["/mnt/arm64/program"], "volumeMounts": mounted}
    place.pod(DAEMON, volumes=[volume], containers=[container])


def behind_an_unknown_authority(place: Place) -> None:
    """Configure a repository whose TLS authority is unknown: a deploy can't fetch; what serves goes on."""
    url, _ = place.held.enter_context(by_password_over_tls(place.code.folder.parent))
    make_secret(place, "no-authority", username=USER, password=PASSWORD)
    place.configure(repo={"url": f"{url}/{place.code.folder.name}", "ref": "main", "secret": "no-authority"})
    place.stack.run("deploy")


def make_secret(place: Place, name: str, **content: str) -> None:
    literals = [f"--from-literal={key}={value}" for key, value in content.items()]
    place.stack.kubectl("create", "secret", "generic", name, *literals)
    place.held.callback(place.stack.kubectl, "delete", "secret", name, "--ignore-not-found")


def a_mounted_secret_deleted(place: Place) -> None:
    make_secret(place, "warehouse", password="hunter2")
    place.configure(pod={"volumes": [{"name": "warehouse", "path": "/mnt/warehouse", "secret": "warehouse"}]})
    place.deploy()
    place.stack.kubectl("delete", "secret", "warehouse")


def a_named_config_map_deleted(place: Place) -> None:
    place.stack.kubectl("create", "configmap", "settings", "--from-literal=REGION=north")
    place.configure(pod={"environment_from_config_maps": ["settings"]})
    place.deploy()
    place.stack.kubectl("delete", "configmap", "settings")


def an_expired_certificate(place: Place) -> None:
    """Give the UI's host an expired certificate, on a TLS server in place of an Ingress controller."""
    authority, now = trustme.CA(), datetime.now(timezone.utc)
    expired = authority.issue_cert(
        UI, not_before=now - timedelta(days=90), not_after=now - timedelta(hours=1)
    )
    place.held.enter_context(showing(expired, HOST, HTTPS))
    make_secret(place, "authority", pem=authority.cert_pem.bytes().decode())
    knows = {
        "volumes": [{"name": "authority", "path": "/mnt/authority", "secret": "authority"}],
        "environment": {"SSL_CERT_FILE": "/mnt/authority/pem"},
    }
    place.configure(
        kubernetes={"ingress": {"host": UI, "tls_secret": "dagster-tls"}, "ops": {**POD, **knows}}
    )
    place.stack.bootstrap()
    there = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": HOST}]}}})
    ours = ["ingress", "dagster-webserver", "--subresource=status", "--type=merge"]
    place.stack.kubectl("patch", *ours, "--patch", there)


def without_it(place: Place) -> None:
    place.held.close()
    place.configure()
    place.stack.bootstrap()


UNFORESEEN = [
    case(
        *("a program for another kind of processor", "daemon", "healthy", "exec format error"),
        of_another_kind,
        let_go_and_start(DAEMON),
    ),
    case(
        *("no inodes left where runs leave files", "foundation", "has_room", "inodes are free"),
        holding(
            lambda place, cluster: faults.without_inodes(
                cluster, pod_of(place, "webserver"), "dagster-artifacts"
            )
        ),
        let_go,
    ),
    case(
        *("a git server of an authority that nobody knows", "a", "source", "certificate"),
        behind_an_unknown_authority,
        Place.as_before,
    ),
    case(
        *("a mounted Secret deleted under a server", "a", "as_configured", 'secret "warehouse" not found'),
        a_mounted_secret_deleted,
        Place.as_before,
    ),
    case(
        *("a ConfigMap deleted that a server was given", "a", "as_configured", "configmap/settings"),
        a_named_config_map_deleted,
        Place.as_before,
    ),
    case(
        *("the certificate of the UI's host expired", "webserver", "as_configured", "has expired"),
        an_expired_certificate,
        without_it,
    ),
]
