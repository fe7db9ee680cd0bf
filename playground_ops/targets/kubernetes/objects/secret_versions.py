"""Versions of Secrets, which whatever changes a Secret writes as an annotation; and of ConfigMaps."""

import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from playground_ops.config import Configuration
from playground_ops.render.database import OWN_SECRET, password_secret
from playground_ops.render.mounted_versions import SECRET_VERSION, VERSIONS, key, of_config_map
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.api.refusals import Refusal

FORBIDDEN = 403


def new_version(connection: Connection) -> str:
    """Return a unique version made of the time; it reveals nothing of the Secret's content."""
    return f"{connection.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def versions(connection: Connection, configuration: Configuration) -> dict[str, str]:
    """Return the known versions by name; without the right to read Secrets, as in `ops`, the applied ones.

    No content of a Secret is sent. Raises Refusal, or PlaygroundError when nobody answers.
    """
    if connection.is_ops:
        return applied(connection, configuration)

    def version(one: ObjectName) -> str | None:
        found = connection.metadata(path_of("v1", "Secret", one.name, one.namespace))
        return ((found or {}).get("annotations") or {}).get(SECRET_VERSION)

    def content(one: ObjectName) -> str | None:
        found = connection.get(path_of("v1", "ConfigMap", one.name, one.namespace))
        held = found and [found.get("data") or {}, found.get("binaryData") or {}]
        return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16] if held else None

    read, maps = sorted(secrets_read(configuration)), sorted(environments(configuration))
    names = [key(configuration, one.namespace, one.name) for one in read]
    names += [key(configuration, one.namespace, of_config_map(one.name)) for one in maps]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = [*pool.map(version, read), *pool.map(content, maps)]
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return applied(connection, configuration)
    return {name: told for name, told in zip(names, found, strict=True) if told}


def applied(connection: Connection, configuration: Configuration) -> dict[str, str]:
    """Return the versions that the last deploy recorded."""
    namespace = configuration.kubernetes.namespace
    try:
        found = connection.get(path_of("v1", "ConfigMap", VERSIONS, namespace))
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return {}
    return {str(name): str(told) for name, told in ((found or {}).get("data") or {}).items()}


class ObjectName(NamedTuple):
    namespace: str
    name: str


def secrets_read(configuration: Configuration) -> set[ObjectName]:
    """Return every Secret that the configuration has a pod read; for a copy, its original."""
    place = configuration.namespace_of
    found = {
        ObjectName(place(component), name)
        for component, pod in configuration.all_pods.items()
        for name in (*pod.environment_from_secrets, *pod.mounted_secrets)
    }
    found |= {
        ObjectName(place(one.name), one.git_secret) for one in configuration.all_locations if one.git_secret
    }
    found |= {
        ObjectName(place(one.name), OWN_SECRET)
        for one in configuration.isolated
        if one.isolation and one.isolation.database
    }
    if packages := configuration.kubernetes.packages.secret:
        found |= {ObjectName(place(one.name), packages) for one in configuration.installing}
    shared = {password_secret(configuration.of(name)) for name in configuration.deployment_names}
    own = {ObjectName(configuration.kubernetes.namespace, name) for name in shared}
    return {*(one for one in found if one.name not in shared), *own}


def environments(configuration: Configuration) -> set[ObjectName]:
    """Return every ConfigMap from which the configuration has a pod take its environment."""
    return {
        ObjectName(configuration.namespace_of(component), name)
        for component, pod in configuration.all_pods.items()
        for name in pod.environment_from_config_maps
    }
