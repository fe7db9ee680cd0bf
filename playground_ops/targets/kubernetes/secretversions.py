"""Versions of Secrets: written by whatever changes one, read without their content."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

from playground_ops.config import Configuration
from playground_ops.render.database import password_secret
from playground_ops.render.names import an_object
from playground_ops.render.versions import SECRET_VERSION, VERSIONS
from playground_ops.targets.kubernetes.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.paths import path
from playground_ops.targets.kubernetes.refusals import Refusal

FORBIDDEN = 403


def new_version(connection: Connection) -> str:
    """By the time it was made, and never twice. It tells nothing of what the Secret holds."""
    return f"{connection.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def versions(connection: Connection, configuration: Configuration) -> dict[str, str]:
    """By the Secret's name, of those that have one. From inside, and for whoever may not look: as applied.

    No content of a Secret is sent. Raises Refusal, or PlaygroundError when nobody answers.
    """
    if connection.context is None:
        return applied(connection, configuration)
    namespace = configuration.kubernetes.namespace

    def version(name: str) -> str | None:
        found = connection.metadata(path(an_object("v1", "Secret", name, namespace, {})))
        return ((found or {}).get("annotations") or {}).get(SECRET_VERSION)

    names = sorted(named(configuration))
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(zip(names, pool.map(version, names), strict=True))
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return applied(connection, configuration)
    return {name: told for name, told in found.items() if told}


def applied(connection: Connection, configuration: Configuration) -> dict[str, str]:
    """As the last deploy left them."""
    namespace = configuration.kubernetes.namespace
    try:
        found = connection.get(path(an_object("v1", "ConfigMap", VERSIONS, namespace, {})))
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return {}
    return {str(name): str(told) for name, told in ((found or {}).get("data") or {}).items()}


def named(configuration: Configuration) -> set[str]:
    """Every Secret that a pod of the stack reads, by what the configuration says."""
    pods = [configuration.webserver.pod, configuration.daemon.pod, configuration.postgres.pod]
    pods += [configuration.kubernetes.ops, *(one.pod for one in configuration.locations)]
    found = {name for pod in pods for name in pod.environment_from_secrets}
    found |= {one.git_secret for one in configuration.locations if one.git_secret}
    return {*found, password_secret(configuration)}
