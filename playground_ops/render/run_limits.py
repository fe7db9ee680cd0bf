"""Allowed values for the pods of runs: those of the configuration's releases, and of existing ones.

Releases that were made before the configuration changed launch runs until others serve, and again after a
rollback.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from playground_ops.config import OPS, Configuration
from playground_ops.config.cluster import facts_of
from playground_ops.core.model import MAIN
from playground_ops.diagnose.pods import INSTALLS
from playground_ops.render import admission_containers, gitsync, release
from playground_ops.render.deployments import DEPLOYMENT
from playground_ops.render.mount_places import ARCHIVES, places
from playground_ops.render.names import HOME, LOCATION, Object

EACH = ("DAGSTER_RUN_JOB_NAME", "PLAYGROUND_COMMIT", "PLAYGROUND_RELEASE")
"""Variables whose values differ for each run or release."""
CONFIG = "PLAYGROUND_CONFIG"
"""Another such variable, where `ops` comes from git: a file of the commit."""
Reader = Callable[[Object], Iterable[Any]]


def limits(configuration: Configuration) -> dict[str, list[Any] | dict[str, list[Any]]]:
    """Return a deployment's limits by name: a list for all of its runs, or one for each location."""
    pods = _pods(configuration)
    every = [pod for found in pods.values() for pod in found]
    by_location = {
        name: {where: _read(read, found) for where, found in pods.items()} for name, read in _OF.items()
    }
    of_all = {name: _read(read, every) for name, read in _OF_ALL.items()}
    of_ops = {name: _read(read, pods.get(OPS.name, ())) for name, read in _OF_OPS.items()}
    return {**by_location, **of_all, **of_ops}


def _read(read: Reader, pods: Iterable[Object]) -> list[Any]:
    return sorted({found for pod in pods for found in read(pod)})


def _pods(configuration: Configuration) -> dict[str, list[Object]]:
    """Return the pods of runs by location, from the configuration and from existing releases."""
    texts = [
        release.context_of_runs(release.any_release(location), configuration, ARCHIVES)
        for location in configuration.all_locations
    ]
    found: dict[str, list[Object]] = {}
    for text in (*texts, *facts_of(configuration).live_runs):
        pod = json.loads(text)["k8s"]["run_k8s_config"]
        labels = pod["pod_template_spec_metadata"]["labels"]
        if labels.get(DEPLOYMENT, MAIN) == configuration.deployment:
            found.setdefault(labels[LOCATION], []).append(pod)
    return found


def _before(pod: Object, name: str) -> list[Object]:
    """Return its init containers of that name."""
    return [one for one in pod["pod_spec_config"].get("initContainers", ()) if one["name"] == name]


_fetching = partial(_before, name=gitsync.NAME)
_installing = partial(_before, name=INSTALLS)


def _images(pod: Object) -> Iterator[str]:
    every = (*_fetching(pod), *_installing(pod), pod["container_config"])
    yield from (one["image"] for one in every)


def _secrets(pod: Object) -> Iterator[str]:
    main = pod["container_config"]
    yield from (found["valueFrom"]["secretKeyRef"]["name"] for found in main["env"] if "valueFrom" in found)
    yield from (found["secretRef"]["name"] for found in main.get("envFrom", ()) if "secretRef" in found)


def _mounted(pod: Object, container: Object) -> Iterator[str]:
    names = {mount["name"] for mount in container.get("volumeMounts", ())}
    for volume in pod["pod_spec_config"]["volumes"]:
        if volume["name"] in names and "secret" in volume:
            yield volume["secret"]["secretName"]


def _git_secrets(pod: Object) -> Iterator[str]:
    for one in _fetching(pod):
        yield from _mounted(pod, one)
        yield from _secrets({"container_config": one})


def _repositories(pod: Object) -> Iterator[str]:
    for one in _fetching(pod):
        yield from (word[len("--repo=") :] for word in one["args"] if word.startswith("--repo="))


def _git_variables(pod: Object) -> Iterator[str]:
    for one in _fetching(pod):
        yield from (f"{found['name']}={found['value']}" for found in one["env"] if "value" in found)


def _packages_variables(pod: Object) -> Iterator[str]:
    for one in _installing(pod):
        yield from (f"{found['name']}={found['value']}" for found in one["env"] if "value" in found)


def _environment(pod: Object) -> Iterator[str]:
    main = pod["container_config"]
    yield f"DAGSTER_HOME={HOME}"  # from the launcher
    for one in main["env"]:
        if one["name"] in (*EACH, CONFIG):
            continue
        yield f"{one['name']}={one['value']}" if "value" in one else str(one["name"])
    yield from (
        f"configMap/{one['configMapRef']['name']}" for one in main.get("envFrom", ()) if "configMapRef" in one
    )


def _places(pod: Object) -> Iterator[str]:
    """Yield the texts of its main container's mounts."""
    volumes = {one["name"]: one for one in pod["pod_spec_config"]["volumes"]}
    yield from places(pod["container_config"], volumes)


def _of_init(name: str) -> Reader:
    """Return the reader of a list of what its init containers have."""

    def read(pod: Object) -> Iterable[Any]:
        spec = pod["pod_spec_config"]
        before = spec.get("initContainers", ())
        return admission_containers.limits_of(before, spec["volumes"], INSTALLS)[name]

    return read


_OF: dict[str, Reader] = {
    "images": _images,
    "secrets": _secrets,
    "mountedSecrets": lambda pod: _mounted(pod, pod["container_config"]),
    "pullSecrets": lambda pod: [one["name"] for one in pod["pod_spec_config"].get("imagePullSecrets", ())],
    "gitSecrets": _git_secrets,
    "gitPairs": _of_init("gitPairs"),
    "gitPlaces": _of_init("gitPlaces"),
    "claimPlaces": lambda pod: [one for one in _places(pod) if "|claim/" in one],
    "repositories": _repositories,
}
_OF_ALL: dict[str, Reader] = {
    "gitImages": lambda pod: [one["image"] for one in _fetching(pod)],
    "fetches": lambda pod: [one["command"][2] for one in _fetching(pod)],
    "installs": lambda pod: [tuple(one["command"]) for one in _installing(pod)],
    "packagesSecrets": lambda pod: [name for one in _installing(pod) for name in _mounted(pod, one)],
    "packagesVariables": _packages_variables,
    "packagesPlaces": _of_init("packagesPlaces"),
    "flags": _of_init("flags"),
    "gitVariables": _git_variables,
    "scripts": lambda pod: [pod["container_config"]["command"][2]],
}
_OF_OPS: dict[str, Reader] = {"environment": _environment, "places": _places}
