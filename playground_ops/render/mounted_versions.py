"""The Secrets and ConfigMaps that a pod reads, and the versions that it was made for. Pure.

A pod does not learn that a Secret changed. Whatever changes one writes a new version on it, and every pod
that reads it has that version as an annotation: so a deploy replaces exactly those pods. The version of a
ConfigMap, which is no secret, is a hash of its content; mounted as files it changes by itself in the pod.
"""

from collections.abc import Mapping
from typing import Any

from playground_ops.config import Configuration
from playground_ops.config.cluster import facts_of
from playground_ops.core.component import component_of
from playground_ops.render.names import POSTGRES, PREFIX, Object, an_object, labels

SECRET_VERSION = f"{PREFIX}secret-version"
"""The annotation of a Secret with its version; on a pod: versions of the Secrets and ConfigMaps it reads."""
VERSIONS = "dagster-secret-versions"
"""The ConfigMap with the versions in force, by Secret name or `of_config_map`. `ops` may read no Secret."""


def of_config_map(name: str) -> str:
    """Return a ConfigMap's key among versions; it is no valid name of a Secret."""
    return f"config_map_{name}"


def read_by(pod: Mapping[str, Any]) -> set[str]:
    """Return the Secrets whose content its containers see, and the ConfigMaps in their environment."""
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
    """Return the key among versions; an isolated location's own Secrets get its namespace as a prefix."""
    own = (configuration.kubernetes.namespace, "")
    views = configuration.views
    shared = (one.postgres.password_secret or component_of(POSTGRES, one.deployment) for one in views)
    return name if namespace in own or name in shared else f"{namespace}_{name}"


def with_versions(template: Object, configuration: Configuration, namespace: str = "") -> Object:
    """Return the pod template with its annotation; unchanged when none of its Secrets has a version."""
    known = facts_of(configuration).secret_versions
    keys = sorted(key(configuration, namespace, name) for name in read_by(template))
    versions = ",".join(f"{name}={known[name]}" for name in keys if name in known)
    if not versions:
        return template
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), SECRET_VERSION: versions}
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def in_force(configuration: Configuration) -> list[Object]:
    """Return the ConfigMap; none while no Secret has a version."""
    versions = facts_of(configuration).secret_versions
    if not versions:
        return []
    tags, namespace = labels(VERSIONS, "configuration"), configuration.kubernetes.namespace
    return [an_object("v1", "ConfigMap", VERSIONS, namespace, tags, data=dict(versions))]
