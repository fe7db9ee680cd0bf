"""Which Secrets and ConfigMaps a pod reads, and the versions of them that it was made for. Pure.

A pod is not told when a Secret changes. Whatever changes one writes a new version on it, and every pod
that reads it has that version as an annotation: so a deploy makes exactly those pods anew. The version of a
ConfigMap, which is no secret, is short for what it holds; mounted as files it changes by itself in the pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground_ops.config import Configuration
from playground_ops.config.cluster import facts_of
from playground_ops.render.names import POSTGRES, PREFIX, Object, an_object, labels

SECRET_VERSION = f"{PREFIX}secret-version"
"""Annotation of a Secret: its version; and of a pod: those of the Secrets and ConfigMaps that it reads."""
VERSIONS = "dagster-secret-versions"
"""ConfigMap: the versions in force, by the Secret's name or `of_config_map`. `ops` may look at no Secret."""


def of_config_map(name: str) -> str:
    """As a ConfigMap is called among versions; not a name that a Secret can have."""
    return f"config_map_{name}"


def read_by(pod: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets whose content its containers see, and of ConfigMaps that are their environment."""
    spec = pod["spec"]
    found = [volume["secret"]["secretName"] for volume in spec.get("volumes", ()) if "secret" in volume]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        for one in container.get("env", ()):
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            found += [reference["name"]] if reference else []
        for one in container.get("envFrom", ()):
            found += [one["secretRef"]["name"]] if "secretRef" in one else []
            found += [of_config_map(one["configMapRef"]["name"])] if "configMapRef" in one else []
    return set(found)


def key(configuration: Configuration, namespace: str, name: str) -> str:
    """Among versions: what isolated locations have is theirs, but for the database's password, a copy."""
    own = (configuration.kubernetes.namespace, "")
    shared = configuration.postgres.password_secret or POSTGRES
    return name if namespace in own or name == shared else f"{namespace}_{name}"


def with_versions(template: Object, configuration: Configuration, namespace: str = "") -> Object:
    """The pod template with its annotation; as it is when none of its Secrets has a version."""
    known = facts_of(configuration).secret_versions
    keys = sorted(key(configuration, namespace, name) for name in read_by(template))
    told = ",".join(f"{name}={known[name]}" for name in keys if name in known)
    if not told:
        return template
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), SECRET_VERSION: told}
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def in_force(configuration: Configuration) -> list[Object]:
    """The ConfigMap; none while no Secret has a version."""
    versions = facts_of(configuration).secret_versions
    if not versions:
        return []
    tags, namespace = labels(VERSIONS, "configuration"), configuration.kubernetes.namespace
    return [an_object("v1", "ConfigMap", VERSIONS, namespace, tags, data=dict(versions))]
