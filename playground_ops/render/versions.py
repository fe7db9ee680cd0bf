"""Which Secrets a pod reads, and the versions of them that it was made for. Pure.

A pod is not told when a Secret changes. Whatever changes one writes a new version on it, and every pod
that reads it has that version as an annotation: so a deploy makes exactly those pods anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground_ops.config import Configuration
from playground_ops.render.names import PREFIX, Object, an_object, labels

SECRET_VERSION = f"{PREFIX}secret-version"
"""Annotation of a Secret: its version; and of a pod: those of the Secrets that it reads."""
VERSIONS = "dagster-secret-versions"
"""ConfigMap: the versions in force, by the Secret's name. `ops` may look at no Secret."""


def read_by(pod: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets whose content its containers see."""
    spec = pod["spec"]
    found = [volume["secret"]["secretName"] for volume in spec.get("volumes", ()) if "secret" in volume]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        for one in container.get("env", ()):
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            found += [reference["name"]] if reference else []
        found += [one["secretRef"]["name"] for one in container.get("envFrom", ()) if "secretRef" in one]
    return set(found)


def with_versions(template: Object, configuration: Configuration) -> Object:
    """The pod template with its annotation; as it is when none of its Secrets has a version."""
    known = configuration.secret_versions
    told = ",".join(f"{name}={known[name]}" for name in sorted(read_by(template)) if name in known)
    if not told:
        return template
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), SECRET_VERSION: told}
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def in_force(configuration: Configuration) -> list[Object]:
    """The ConfigMap; none while no Secret has a version."""
    if not configuration.secret_versions:
        return []
    tags, namespace = labels(VERSIONS, "configuration"), configuration.kubernetes.namespace
    return [an_object("v1", "ConfigMap", VERSIONS, namespace, tags, data=dict(configuration.secret_versions))]
