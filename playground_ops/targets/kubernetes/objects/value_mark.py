"""The mark that values of earlier releases were moved into a folder of each location, and the plan of it.

What lies on a claim no plan can see. So whoever has moved it notes that on the claim.
"""

from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.core.plan import Change, FieldChange
from playground_ops.render.names import ARTIFACTS, MANAGER, PREFIX, Object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path_of
from playground_ops.targets.kubernetes.releases.deployments import OF_LOCATIONS

MOVED = f"{PREFIX}values"
"""The annotation of a claim with what was done about values on it."""
OF_EACH, BOTH = "a folder for each location", "a folder for each location, and one for releases from before"
VALUES = "values of runs"
COMPONENT, OBJECT = "foundation", f"persistentvolumeclaim/{ARTIFACTS}"
MERGE = "application/merge-patch+json"


def planned(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return the change of each claim whose values were not moved, or whose old names nobody needs any more.

    `ops` is told of the former alone: the latter can wait for a person's next deploy.
    """
    found = [_planned(connection, namespace) for namespace in configuration.namespaces]
    return [one for one in found if one is not None]


def due(connection: Connection, configuration: Configuration, changed: Sequence[Change]) -> list[str]:
    """Return the namespaces in which values are to be moved.

    It is so where that is planned, and with every rollout while releases from before are left: runs on them
    write values.
    """
    wanted = [one.object.rpartition(" ")[2] for one in changed if one.object and _is_of_values(one)]
    if any(one.kind == "location" and one.object is None for one in changed):
        wanted += [name for name in configuration.namespaces if _noted(connection, name) == BOTH]
    return list(dict.fromkeys(wanted))


def note_new(connection: Connection, changed: Sequence[Change]) -> None:
    """Note it of claims that a deploy has just made: nothing is on them."""
    for one in changed:
        made = one.manifest if one.action == "create" else None
        if made and (made["kind"], made["metadata"]["name"]) == ("PersistentVolumeClaim", ARTIFACTS):
            note(connection, made["metadata"]["namespace"], OF_EACH)


def note(connection: Connection, namespace: str, what: str) -> None:
    body = {"metadata": {"annotations": {MOVED: what}}}
    connection.request("PATCH", _claim(namespace), body, MERGE, {"fieldManager": f"{MANAGER}-values"})


def any_from_before(connection: Connection, namespace: str) -> bool:
    """Return whether a release is there that mounts the whole claim."""
    found = connection.selected(collection("apps/v1", "Deployment", namespace), OF_LOCATIONS, {})
    return any(map(_mounts_the_whole_claim, found["items"]))


def _planned(connection: Connection, namespace: str) -> Change | None:
    noted = _noted(connection, namespace)
    if noted in (None, OF_EACH) or (
        noted == BOTH and (connection.is_ops or any_from_before(connection, namespace))
    ):
        return None
    where = FieldChange(path=VALUES, before=noted or "one folder for all locations", after=OF_EACH)
    return Change(
        component=COMPONENT,
        kind="stack",
        object=f"{OBJECT} in {namespace}",
        action="update",
        fields=(where,),
        needs_bootstrap=connection.is_ops,
    )


def _is_of_values(change: Change) -> bool:
    return [field.path for field in change.fields] == [VALUES]


def _noted(connection: Connection, namespace: str) -> str | None:
    """Return what is noted, empty where nothing is; None where there is no claim."""
    found = connection.get(_claim(namespace))
    return None if found is None else str((found["metadata"].get("annotations") or {}).get(MOVED, ""))


def _mounts_the_whole_claim(deployment: Object) -> bool:
    spec = deployment["spec"]["template"]["spec"]
    claims = {
        one["name"]
        for one in spec.get("volumes", ())
        if one.get("persistentVolumeClaim", {}).get("claimName") == ARTIFACTS
    }
    mounts = spec["containers"][0].get("volumeMounts", ())
    return any(one["name"] in claims and not one.get("subPath") for one in mounts)


def _claim(namespace: str) -> str:
    return path_of("v1", "PersistentVolumeClaim", ARTIFACTS, namespace)
