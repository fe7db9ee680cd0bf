"""Mounts as texts that an admission policy compares: where, of which volume, which folder of it, how.

The API server makes the text of a container's mount in CEL; here it is made of what the stack renders. A
mount that is allowed is one whose text is in a list.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.core.pod_settings import PodSettings
from playground_ops.render.names import Object, code_of, files_of

ARCHIVES = "dagster-code-"
"""The prefix of names of ConfigMaps with this project's code; which one, a release decides."""
ROOM = "room"
SOURCE = (
    f"(has(v.emptyDir) ? '{ROOM}' : has(v.configMap) ? (v.configMap.name.startsWith('{ARCHIVES}') ? "
    f"'{ARCHIVES}' : 'configMap/' + v.configMap.name) : has(v.secret) ? 'secret/' + v.secret.secretName : "
    "has(v.persistentVolumeClaim) ? 'claim/' + v.persistentVolumeClaim.claimName : 'another kind')"
)
"""CEL: the source of a volume `v`."""
PLACE = (
    f"(m.mountPath + '|' + {SOURCE} + '|' + (has(m.subPath) ? m.subPath : '') + '|' + "
    "(has(m.readOnly) && m.readOnly ? 'ro' : 'rw'))"
)
"""CEL: the text of a mount `m` of a volume `v`."""


ANY = "*"
"""Stands for the name of a location in a text that is allowed for whichever one a pod is of."""
OF_ITS_OWN = (
    "replace('|locations/' + variables.ownName + '|', '|locations/*|')"
    ".replace('|.code/' + variables.ownName + '.git|', '|.code/*.git|')"
)
"""CEL: a method of a text that puts ANY in the place of the pod's own location."""


def for_any(place: str, location: str) -> str:
    """Return the text with ANY in the place of that location."""
    found = place.replace(f"|{files_of(location)}|", f"|{files_of(ANY)}|")
    return found.replace(f"|{code_of(location)}|", f"|{code_of(ANY)}|")


def source(volume: Mapping[str, Any]) -> str:
    if "emptyDir" in volume:
        return ROOM
    if "configMap" in volume:
        name = str(volume["configMap"]["name"])
        return ARCHIVES if name.startswith(ARCHIVES) else f"configMap/{name}"
    if "secret" in volume:
        return f"secret/{volume['secret']['secretName']}"
    if "persistentVolumeClaim" in volume:
        return f"claim/{volume['persistentVolumeClaim']['claimName']}"
    return "another kind"


def places(container: Object, volumes: Mapping[str, Object]) -> Iterator[str]:
    """Yield the text of each mount. `volumes`: those of the pod, by name."""
    for one in container.get("volumeMounts", ()):
        if one["name"] in volumes:
            yield _text(one["mountPath"], source(volumes[one["name"]]), one)


def of_claims(settings: PodSettings) -> Iterator[str]:
    """Yield the texts of a component's own mounts of claims."""
    for one in settings.volumes:
        if one.claim:
            yield _text(one.path, f"claim/{one.claim}", {"readOnly": one.is_read_only})


def _text(path: str, source: str, mount: Mapping[str, Any]) -> str:
    return "|".join((path, source, mount.get("subPath", ""), "ro" if mount.get("readOnly") else "rw"))
