"""Warns before the TLS certificates of the UI expire; something else, such as cert-manager, renews them."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

from playground_ops.config import Configuration
from playground_ops.config.instance_sections import IngressSettings
from playground_ops.core.component import component_of
from playground_ops.core.errors import Finding, transient
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.objects.components import app_of

HTTPS = 443
HAS_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""
ANSWER_SECONDS = 2.0
SOON = timedelta(days=14)
PART = 6
"""Warn with 1/6 of the lifetime left: cert-manager renews at 1/3, so by then it has failed for long."""


def expiring(connection: Connection, configuration: Configuration, now: datetime) -> Mapping[str, Finding]:
    """Return findings by component, asking at the Ingress's own address, not DNS. Raises PlaygroundError.

    Addresses that can't be reached and certificates of unknown authorities are skipped.
    """
    found = {}
    for component, ingress in _ingresses(configuration):
        if ingress is None or ingress.tls_secret is None:
            continue
        name = app_of(component)
        where = path_of("networking.k8s.io/v1", "Ingress", name, configuration.kubernetes.namespace)
        status = (connection.get(where) or {}).get("status", {})
        for one in status.get("loadBalancer", {}).get("ingress", ())[:1]:
            address = str(one.get("ip") or one.get("hostname"))
            if told := _told(name, ingress, lasts(address, HTTPS, ingress.host), now):
                found[component] = told
    return found


def _ingresses(configuration: Configuration) -> Iterator[tuple[str, IngressSettings | None]]:
    for name in configuration.deployment_names:
        own = configuration.of(name).kubernetes
        yield component_of("webserver", name), own.ingress
        yield component_of("webserver-read-only", name), own.read_only_ingress


def lasts(address: str, port: int, host: str) -> tuple[datetime, datetime] | None:
    """Return the validity of the certificate of `host`: until 1970 if it has expired, None if unknown."""
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
