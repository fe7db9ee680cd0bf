"""Versions of Secrets, written by whatever changes one and read without their content; and of ConfigMaps."""

import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from playground_ops.config import Configuration
from playground_ops.render.database import OWN_SECRET, password_secret
from playground_ops.render.mounted_versions import SECRET_VERSION, VERSIONS, key, of_config_map
from playground_ops.render.names import an_object
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.api.refusals import Refusal

FORBIDDEN = 403


def new_version(connection: Connection) -> str:
    """By the time it was made, and never twice. It tells nothing of what the Secret holds."""
    return f"{connection.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def versions(connection: Connection, configuration: Configuration) -> dict[str, str]:
    """By name, of those that have one. From inside, and for whoever may not look: as applied.

    No content of a Secret is sent. Raises Refusal, or PlaygroundError when nobody answers.
    """
    if connection.is_ops:
        return applied(connection, configuration)

    def version(named: Named) -> str | None:
        found = connection.metadata(path(an_object("v1", "Secret", named.name, named.namespace, {})))
        return ((found or {}).get("annotations") or {}).get(SECRET_VERSION)

    def content(named: Named) -> str | None:
        found = connection.get(path(an_object("v1", "ConfigMap", named.name, named.namespace, {})))
        held = found and [found.get("data") or {}, found.get("binaryData") or {}]
        return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16] if held else None

    def called(named: Named) -> str:
        return key(configuration, named.namespace, named.name)

    def called_map(named: Named) -> str:
        return key(configuration, named.namespace, of_config_map(named.name))

    secrets_named, maps = sorted(named(configuration)), sorted(environments(configuration))
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(zip(map(called, secrets_named), pool.map(version, secrets_named), strict=True))
            found |= dict(zip(map(called_map, maps), pool.map(content, maps), strict=True))
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


class Named(NamedTuple):
    namespace: str
    name: str


def named(configuration: Configuration) -> set[Named]:
    """Every Secret that a pod of the stack reads, by what the configuration says; of copies the original."""
    place = configuration.namespace_of
    found = {
        Named(place(component), name)
        for component, pod in configuration.all_pods.items()
        for name in (*pod.environment_from_secrets, *pod.mounted_secrets)
    }
    found |= {Named(place(one.name), one.git_secret) for one in configuration.all_locations if one.git_secret}
    found |= {
        Named(place(one.name), OWN_SECRET)
        for one in configuration.isolated
        if one.isolation and one.isolation.database
    }
    if packages := configuration.kubernetes.packages.secret:
        found |= {Named(place(one.name), packages) for one in configuration.installing}
    shared = password_secret(configuration)
    own = Named(configuration.kubernetes.namespace, shared)
    return {*(one for one in found if one.name != shared), own}


def environments(configuration: Configuration) -> set[Named]:
    """Every ConfigMap of a person's whose keys are some pod's variables."""
    return {
        Named(configuration.namespace_of(component), name)
        for component, pod in configuration.all_pods.items()
        for name in pod.environment_from_config_maps
    }
