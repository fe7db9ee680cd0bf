"""Plans what applying would change, by a dry run of every object on the API server."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.plan import Change, Drift, FieldChange
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, MANAGER, ROLLOUT_MANAGER, Object
from playground_ops.render.stack import FOUNDATION, OF_A_PERSON, render
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import CLUSTER_WIDE, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.components import kind_of
from playground_ops.targets.kubernetes.objects.fields import differences, foreign, missing, owners
from playground_ops.targets.kubernetes.objects.inventory import found, superfluous

APPLY = "application/apply-patch+yaml"
ATTEMPTS = 5
LOCATION = "location-"
REPLICAS = "spec.replicas"


def plan_objects(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return one change per object. Writes nothing. Raises PlaygroundError with every refusal at once."""
    wanted = [(component, one) for component, objects in render(configuration).items() for one in objects]
    inside = connection.is_ops
    spaces = [one for _, one in wanted if one["kind"] == "Namespace"]
    there = {one["metadata"]["name"] for one in spaces if inside or connection.get(path(one)) is not None}
    listed = found(connection, configuration) if configuration.kubernetes.namespace in there else []
    live = {path(one.content): one.content for one in listed}

    def tried(pair: tuple[str, Object]) -> Change | Finding:
        component, one = pair
        try:
            if inside and (component in FOUNDATION or one["kind"] in OF_A_PERSON):
                return _from_inside(connection, component, _less_of_git(one, configuration))
            known = one["metadata"].get("namespace", configuration.kubernetes.namespace) in there
            return _change(connection, component, one, live.get(path(one)), known)
        except Refusal as refusal:
            return refusal.finding

    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(tried, wanted))
    findings = [one for one in outcomes if isinstance(one, Finding)]
    if findings:
        raise PlaygroundError(*findings)
    gone = superfluous(connection, configuration, listed, {title(one) for _, one in wanted})
    return [*(one for one in outcomes if isinstance(one, Change)), *gone]


def _change(
    connection: Connection, component: str, wanted: Object, listed: Object | None, exists: bool
) -> Change:
    """Plan one object, as it was `listed`. Without its namespace (`exists`) no dry run is possible."""
    live, after = None, wanted
    conflicts: dict[str, str] = {}
    if exists or wanted["kind"] == "Namespace":
        live, after, conflicts = _before_and_after(connection, wanted, listed)
    fields = differences(live or {}, after)
    theirs = {**_scaled(live or {}), **conflicts}
    return Change(
        component=component.removeprefix(LOCATION),
        kind="location" if component.startswith(LOCATION) else kind_of(component),
        object=title(wanted),
        action="create" if live is None else "update" if fields else "unchanged",
        manifest=wanted,
        fields=tuple(_with_manager(field, theirs) for field in fields) if live else (),
        drift=_drift(live or {}),
    )


def _less_of_git(wanted: Object, configuration: Configuration) -> Object:
    """Leave out the configuration where it comes with `ops` from git: the applied one may differ."""
    if configuration.ops.repository is None or wanted["metadata"]["name"] != CONFIGURATION:
        return wanted
    kept = {key: value for key, value in wanted["data"].items() if key != CONFIGURATION_KEY}
    return {**wanted, "data": kept}


def _from_inside(connection: Connection, component: str, wanted: Object) -> Change:
    """Plan a foundation object with the rights of `ops`: no dry run, and cluster-wide objects aren't read."""
    live = wanted if wanted["kind"] in CLUSTER_WIDE else connection.get(path(wanted))
    fields = missing(live or {}, wanted)
    return Change(
        component=component,
        kind=kind_of(component),
        object=title(wanted),
        action="create" if live is None else "update" if fields else "unchanged",
        fields=fields if live else (),
        needs_bootstrap=True,
        manifest=wanted,
    )


def _before_and_after(
    connection: Connection, wanted: Object, listed: Object | None
) -> tuple[Any, Any, dict[str, str]]:
    """Return both for the same version of the live object, which controllers may change meanwhile."""
    live = listed
    for _ in range(ATTEMPTS):
        live = live or connection.get(path(wanted))
        after, conflicts = _dry_run(connection, wanted)
        if live is None or _version(live) == _version(after):
            break
        live = connection.get(path(wanted))
    return live, after, conflicts


def _version(found: Mapping[str, Any]) -> str:
    return str(found["metadata"].get("resourceVersion"))


def _dry_run(connection: Connection, wanted: Object) -> tuple[Any, dict[str, str]]:
    """Return the object as it would be, and by field the managers that would lose it."""
    query = {"fieldManager": MANAGER, "dryRun": "All"}
    try:
        return connection.request("PATCH", path(wanted), wanted, APPLY, query), {}
    except Refusal as refusal:
        if refusal.reason != "Conflict":
            raise
        conflicts = {_plain(cause["field"]): _manager(cause["message"]) for cause in refusal.causes}
    found = connection.request("PATCH", path(wanted), wanted, APPLY, {**query, "force": "true"})
    return found, conflicts


def _scaled(live: Mapping[str, Any]) -> dict[str, str]:
    """Name who scaled it to 0: the API server records no owner for a 0 set by the subresource `scale`."""
    if live.get("spec", {}).get("replicas") != 0 or REPLICAS in dict(owners(live)):
        return {}
    return {REPLICAS: "kubectl-scale or an autoscaler"}


def _with_manager(field: FieldChange, conflicts: Mapping[str, str]) -> FieldChange:
    """Add whose change this would undo."""
    text = f"data.{field.path.partition(':')[0]}"  # a value within the text of a ConfigMap
    manager = conflicts.get(field.path) or conflicts.get(text)
    return field.model_copy(update={"manager": manager}) if manager else field


def _plain(field: str) -> str:
    """Turn `.spec.containers[name="main"].image` into this project's `spec.containers[main].image`."""
    return re.sub(r'\[\w+="?([^",\]]*)[^\]]*\]', r"[\1]", field).lstrip(".")


def _manager(message: str) -> str:
    """Return the manager named in `conflict with "kubectl-edit" using apps/v1`."""
    return message.partition('"')[2].partition('"')[0] or message


def _drift(live: Mapping[str, Any]) -> tuple[Drift, ...]:
    """Return the fields that others added and that applying leaves as they are."""
    ignored = (MANAGER, ROLLOUT_MANAGER)
    return tuple(Drift(path=where, manager=who) for where, who in foreign(live, ignored))
