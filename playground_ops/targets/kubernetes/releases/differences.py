"""Tells how the release that serves differs from the one that a deploy would make."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.config import OPS, Configuration
from playground_ops.config.differences import OF_OPS, told_by_key
from playground_ops.core.decisions import serving
from playground_ops.core.model import Release
from playground_ops.core.plan import Change, FieldChange
from playground_ops.core.redact import MASK, redact
from playground_ops.render import runs, where_it_runs
from playground_ops.render.mounted_versions import SECRET_VERSION, of_config_map
from playground_ops.render.release import context_of_runs
from playground_ops.targets.kubernetes.objects.fields import changed_leaves
from playground_ops.targets.kubernetes.releases.deployments import Releases

ARCHIVE = "source"
"""The volume with this project's code, which is another one with each version of it."""
BY_ANOTHER_VERSION = FieldChange(
    path="pod",
    before="as the version of this project made it that was deployed",
    after="as this version makes it",
)


def told_of_release(
    configuration: Configuration, change: Change, releases: Releases
) -> tuple[FieldChange, ...]:
    """Return the fields of a location's change by key, with what about its pod differs."""
    now = serving(releases.all(change.component))
    if now is None:
        return change.fields
    will = next(one for one in configuration.all_locations if one.name == change.component)
    release = now.release

    def around() -> tuple[FieldChange, ...]:
        return of_pod(release, configuration, releases.variable(release, runs.CONTEXT))

    return told_by_key(change.fields, release.location, will, around)


def of_pod(release: Release, configuration: Configuration, context: str | None) -> tuple[FieldChange, ...]:
    """Return what differs between the pod of a release and the one that it would be given now.

    `context` is the pod that its runs get, which it carries as it was rendered, without the API server's
    defaults.
    """
    try:
        was = _pod(context or "", release)
        volumes = was["pod_spec_config"]["volumes"]
        archive = next((one["configMap"]["name"] for one in volumes if one["name"] == ARCHIVE), "")
    except (ValueError, KeyError, TypeError):
        was, archive = {}, ""  # of an earlier version, or somebody edited it
    found: tuple[FieldChange, ...] = ()
    if was:
        will = _pod(context_of_runs(release, configuration, archive), release)
        found = tuple(_told(was, will))
    return found or ((OF_OPS,) if release.location.name == OPS.name else (BY_ANOTHER_VERSION,))


def _pod(context: str, release: Release) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(context)["k8s"]["run_k8s_config"]
    main = found["container_config"]
    main["env"] = where_it_runs.left_out(main["env"], release)
    return found


def _told(was: Mapping[str, Any], will: Mapping[str, Any]) -> Iterator[FieldChange]:
    for found in changed_leaves(_readable(was), _readable(will)):
        before, after = (_shown(found.path, value) for value in (found.before, found.after))
        yield FieldChange(path=found.path, before=before, after=after)


def _readable(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a pod by names that people know: Secrets and variables by name, texts as values."""
    main, metadata = dict(pod["container_config"]), dict(pod["pod_template_spec_metadata"])
    notes = dict(metadata.get("annotations") or {})
    versions = _versions(notes.pop(SECRET_VERSION, ""))
    return {
        **versions,
        "environment": {one["name"]: _value(one) for one in main.pop("env", ())},
        "container": main,
        "pod": pod["pod_spec_config"],
        "labels": metadata.get("labels"),
        "annotations": notes,
    }


def _versions(told: str) -> dict[str, str]:
    """Return the versions of the Secrets and ConfigMaps that a pod was made for (`NAME=VERSION,...`)."""
    pairs = (one.partition("=") for one in told.split(",") if one)
    prefix = of_config_map("")
    return {
        f"ConfigMap {name.replace(prefix, '', 1)}"
        if prefix in name
        else f"Secret {name}": f"version {version}"
        for name, _, version in pairs
    }


def _value(variable: Mapping[str, Any]) -> Any:
    if "value" not in variable:
        return variable.get("valueFrom")
    return variable["value"]


def _shown(path: str, value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    if path.startswith("environment.") and redact(f"{path}={text}").endswith(MASK):
        return MASK
    return redact(text)
