"""The certificates with which people reach the UI: somebody else renews them, or has stopped to."""

import socket
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from playground_ops.config import Configuration
from playground_ops.config.configuration import IngressSettings
from playground_ops.core.errors import Finding, transient
from playground_ops.render.names import READ_ONLY, WEBSERVER, an_object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path

HTTPS = 443
HAS_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""
ANSWER_SECONDS = 2.0
SOON = timedelta(days=14)
PART = 6
"""Of its time: cert-manager renews when a third is left, so with a sixth left it has failed for long."""


def expiring(connection: Connection, configuration: Configuration, now: datetime) -> Mapping[str, Finding]:
    """By component: asked where the Ingress has its address, and not of DNS. Raises PlaygroundError.

    Nothing of what can't be reached from here, or is signed by an authority that is not known here.
    """
    kubernetes, found = configuration.kubernetes, {}
    for component, name, ingress in (
        ("webserver", WEBSERVER, kubernetes.ingress),
        ("webserver-read-only", READ_ONLY, kubernetes.read_only_ingress),
    ):
        if ingress is None or ingress.tls_secret is None:
            continue
        asked = an_object("networking.k8s.io/v1", "Ingress", name, kubernetes.namespace, {})
        status = (connection.get(path(asked)) or {}).get("status", {})
        for one in status.get("loadBalancer", {}).get("ingress", ())[:1]:
            address = str(one.get("ip") or one.get("hostname"))
            if told := _told(name, ingress, lasts(address, HTTPS, ingress.host), now):
                found[component] = told
    return found


def lasts(address: str, port: int, host: str) -> tuple[datetime, datetime] | None:
    """From when until when the certificate of `host` holds; None where that can't be told.

    Of one that has expired no more is known than that: until the beginning of time.
    """
    try:
        with (
            socket.create_connection((address, port), ANSWER_SECONDS) as reached,
            ssl.create_default_context().wrap_socket(reached, server_hostname=host) as shown,
        ):
            known = shown.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        never = datetime.fromtimestamp(0, timezone.utc)
        return (never, never) if error.verify_code == HAS_EXPIRED else None
    except OSError:
        return None
    begins, ends = (ssl.cert_time_to_seconds(str(known[key])) for key in ("notBefore", "notAfter"))
    return datetime.fromtimestamp(begins, timezone.utc), datetime.fromtimestamp(ends, timezone.utc)


def _told(
    name: str, ingress: IngressSettings, lasting: tuple[datetime, datetime] | None, now: datetime
) -> Finding | None:
    if lasting is None:
        return None
    begins, ends = lasting
    left = ends - now
    if left > min(SOON, (ends - begins) / PART):
        return None
    seen = "has expired" if left <= timedelta(0) else f"expires on {ends:%Y-%m-%d at %H:%M} UTC"
    return transient(
        object=f"ingress/{name}",
        observed=f"The certificate of {ingress.host} {seen}.",
        cause=f"Whoever renews Secret {ingress.tls_secret}, such as cert-manager, did not; or the controller "
        "of the Ingress shows an older one.",
        fix="Renew it, and look at the events of its Secret and its Certificate. Pipelines go on without it.",
        whose="surroundings",
    )
