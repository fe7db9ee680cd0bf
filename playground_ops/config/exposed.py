"""Where the UI may be opened by whoever comes by: told as a warning, since a login may be where nobody looks.

Dagster's webserver has no login, and whoever opens it can deploy.
"""

from __future__ import annotations

import ipaddress

from playground_ops.config.configuration import Configuration

LOGINS = ("auth", "oauth", "oidc", "middlewares", "login")
"""In the names of annotations that put a login in front (ingress-nginx, Traefik, ALB, HAProxy)."""
SEE = "Whoever can open it can deploy: docs/login.md says how to put a login in front."


def exposed(configuration: Configuration, target: str) -> list[str]:
    """One sentence and the way out each."""
    found = _on_machine(configuration) if target == "local" else _in_cluster(configuration)
    return [f"{told} {SEE}" for told in found]


def _on_machine(configuration: Configuration) -> list[str]:
    host = configuration.webserver.host
    if _is_loopback(host):
        return []
    return [f"`webserver.host` is {host}: others than this machine may reach the UI, and it has no login."]


def _in_cluster(configuration: Configuration) -> list[str]:
    """The read-only webserver is meant for many eyes, and changes nothing."""
    found, ingress = [], configuration.kubernetes.ingress
    if ingress and not any(word in key.lower() for key in ingress.annotations for word in LOGINS):
        found.append(
            f"`kubernetes.ingress` leads from {ingress.host} to the UI, and none of its annotations asks "
            "for a login."
        )
    if configuration.webserver.pod.service_type != "ClusterIP":
        found.append(
            f"`webserver.pod.service_type: {configuration.webserver.pod.service_type}` makes the UI "
            "reachable from outside the cluster past any ingress, and it has no login."
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
