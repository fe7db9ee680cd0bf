"""The releases of a location in the cluster: Deployments, with their state as annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from playground_ops.config import OPS
from playground_ops.core.model import LiveRelease, Release, ReleaseState, Verdict
from playground_ops.core.pod import Pod, newest_first
from playground_ops.core.program import version_told
from playground_ops.diagnose.pods import INSTALLS
from playground_ops.render.mount_places import ARCHIVES
from playground_ops.render.names import (
    LOCATION,
    PREFIX,
    RELEASE,
    ROLLOUT_MANAGER,
    release_deployment,
    release_service,
)
from playground_ops.render.release import RECORD
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path_of
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.applying import delete
from playground_ops.targets.kubernetes.releases.address import LocationAddress

MERGE = "application/merge-patch+json"
SERVED_AT, ORDER, DRAINING = f"{PREFIX}served-at", f"{PREFIX}served-order", f"{PREFIX}draining"
VERDICT = f"{PREFIX}verdict"
"""Annotations of a release's Deployment."""
OF_LOCATIONS = "app.kubernetes.io/component=location"


class Releases:
    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self.address = LocationAddress(connection, namespace)

    def through(self, connection: Connection) -> Releases:
        """Return a copy with another connection; both share what they know of where addresses led."""
        other = Releases(connection, self._namespace)
        other.address = self.address.through(connection)
        return other

    def all(self, location: str) -> Sequence[LiveRelease]:
        """Return the releases by number, without those that have drained."""
        pods = self._list("v1", "Pod", location)
        now = self.address.serving(location)
        found = [
            _live(deployment, release, now, [pod for pod in pods if _number(pod) == release.number])
            for deployment in self._list("apps/v1", "Deployment", location)
            if (release := _release(deployment)) is not None
        ]
        return sorted((one for one in found if one is not None), key=lambda live: live.release.number)

    def pods_by_number(self, location: str) -> dict[int, list[Pod]]:
        found: dict[int, list[Pod]] = {}
        for pod in self._list("v1", "Pod", location):
            found.setdefault(_number(pod), []).append(Pod.read(pod))
        return found

    def numbers(self, location: str) -> list[int]:
        """Return the numbers of all Deployments, including those that have drained."""
        return [_number(found) for found in self._list("apps/v1", "Deployment", location)]

    def everywhere(self) -> list[Release]:
        """Return the releases of all locations, including those that have drained."""
        deployments = self._listed("apps/v1", "Deployment", {})["items"]
        return [found for found in map(_release, deployments) if found is not None]

    def locations(self) -> list[str]:
        """Return the names of locations that have an address or a release."""
        found = [
            *self._listed("v1", "Service", {})["items"],
            *self._listed("apps/v1", "Deployment", {})["items"],
        ]
        return sorted({one["metadata"]["labels"].get(LOCATION, "") for one in found} - {""})

    def make(self, objects: Sequence[dict[str, Any]]) -> None:
        """Create objects; existing ones stay as they are, for a release is never edited. Raises Refusal."""
        for found in objects:
            try:
                folder = collection(found["apiVersion"], found["kind"], self._namespace)
                self._connection.request("POST", folder, found, query={"fieldManager": ROLLOUT_MANAGER})
            except Refusal as refusal:
                if refusal.reason != "AlreadyExists":
                    raise

    def revive(self, release: Release) -> bool:
        """Return whether the release exists; it is scaled up again if somebody scaled it down."""
        found = self._connection.get(self._deployment(release))
        if found is not None and not found["spec"].get("replicas") and not _note(found, DRAINING):
            self._patch(release, {"spec": {"replicas": 1}})
        return found is not None

    def variable(self, release: Release, name: str) -> str | None:
        """Return the value of a variable that the release's server is given."""
        found = self._connection.get(self._deployment(release))
        return variable_of(found, name) if found else None

    def archive(self, release: Release) -> str | None:
        """Return the ConfigMap with the code that the release's pods have of this program."""
        found = self._connection.get(self._deployment(release))
        volumes = found["spec"]["template"]["spec"].get("volumes", ()) if found else ()
        names = [one["configMap"]["name"] for one in volumes if "configMap" in one]
        return next((str(name) for name in names if name.startswith(ARCHIVES)), None)

    def mark_served(self, release: Release, when: str) -> None:
        """Record that the release serves from now on, is not draining, and what is known of its commit."""
        deployments = self._list("apps/v1", "Deployment", release.location.name)
        order = 1 + max([0, *(int(_note(found, ORDER) or 0) for found in deployments)])
        notes = {SERVED_AT: when, ORDER: str(order), DRAINING: None}
        if release.revision.subject:  # which it tells itself, once its pod has fetched it
            notes[RECORD] = release.model_dump_json(exclude_defaults=True)
        self._patch(release, {"metadata": {"annotations": notes}, "spec": {"replicas": 1}})

    def mark_verdict(self, release: Release, verdict: Verdict) -> None:
        self._patch(release, {"metadata": {"annotations": {VERDICT: verdict.model_dump_json()}}})

    def verdict(self, release: Release) -> Verdict | None:
        found = self._connection.get(self._deployment(release))
        said = _note(found, VERDICT) if found else None
        return Verdict.model_validate_json(said) if said else None

    def mark_draining(self, release: Release, when: str) -> None:
        """Mark it, and in the same write scale it down: its pod ends after its runs. It may be gone."""
        try:
            self._patch(release, {"metadata": {"annotations": {DRAINING: when}}, "spec": {"replicas": 0}})
        except Refusal as refusal:
            if refusal.code != 404:
                raise

    def delete(self, release: Release) -> None:
        """Delete the release, which may be gone already; the garbage collector ends its pods."""
        self._delete(release.location.name, release.number)

    def clear(self, location: str) -> None:
        """Delete all releases, including those that have drained or that somebody deleted in part."""
        for number in {*map(_number, self._list("v1", "Service", location)), *self.numbers(location)}:
            self._delete(location, number)

    def _delete(self, location: str, number: int) -> None:
        for api, kind, found in (
            ("apps/v1", "Deployment", release_deployment(location, number)),
            ("v1", "Service", release_service(location, number)),
        ):
            delete(self._connection, path_of(api, kind, found, self._namespace))

    def sweep(self, location: str) -> None:
        """Delete releases that have drained, and Services whose Deployment somebody deleted."""
        # The Services first: a release that is made meanwhile has its Deployment before its Service.
        services = self._list("v1", "Service", location)
        pods = {_number(found) for found in self._list("v1", "Pod", location)}
        deployments = self._list("apps/v1", "Deployment", location)
        for deployment in deployments:
            release = _release(deployment)
            if release is not None and _note(deployment, DRAINING) and release.number not in pods:
                self.delete(release)
        made = {_number(found) for found in deployments}
        for number in {_number(found) for found in services} - made:
            name = release_service(location, number)
            delete(self._connection, path_of("v1", "Service", name, self._namespace))

    def pods(self, release: Release) -> tuple[list[Pod], str]:
        """Return the pods, newest first and ending ones last, and the list's version to watch from."""
        found = self._listed("v1", "Pod", _labels(release))
        return newest_first(map(Pod.read, found["items"])), str(found["metadata"]["resourceVersion"])

    def _patch(self, release: Release, body: Mapping[str, Any]) -> None:
        query = {"fieldManager": ROLLOUT_MANAGER}
        self._connection.request("PATCH", self._deployment(release), body, MERGE, query)

    def _deployment(self, release: Release) -> str:
        name = release_deployment(release.location.name, release.number)
        return path_of("apps/v1", "Deployment", name, self._namespace)

    def _list(self, api: str, kind: str, location: str) -> list[dict[str, Any]]:
        found = self._listed(api, kind, {LOCATION: location, RELEASE: None})["items"]
        return sorted(found, key=_number)

    def _listed(self, api: str, kind: str, labels: Mapping[str, str | None]) -> dict[str, Any]:
        return self._connection.selected(collection(api, kind, self._namespace), OF_LOCATIONS, labels)


def variable_of(deployment: Mapping[str, Any], name: str) -> str | None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return next((one.get("value") for one in container.get("env", ()) if one["name"] == name), None)


def selector(release: Release) -> str:
    return ",".join((OF_LOCATIONS, *(f"{name}={value}" for name, value in _labels(release).items())))


def _labels(release: Release) -> dict[str, str]:
    return {LOCATION: release.location.name, RELEASE: str(release.number)}


def _live(
    deployment: Mapping[str, Any], release: Release, now: int | None, pods: Sequence[Mapping[str, Any]]
) -> LiveRelease | None:
    """Return None for a release that has drained."""
    served, seen = _note(deployment, SERVED_AT), [Pod.read(pod) for pod in pods]
    if release.number == now:
        state = ReleaseState.SERVING
    elif _note(deployment, DRAINING):
        if not pods:
            return None
        state = ReleaseState.DRAINING
    else:
        state = ReleaseState.RETIRED if served else ReleaseState.CANDIDATE
    return LiveRelease(
        release=release,
        state=state,
        served_order=int(_note(deployment, ORDER) or 0),
        served_at=served,
        restarts=sum(pod.restarts for pod in seen),
        program=_program(seen) if release.location.name == OPS.name else None,
    )


def _program(pods: Sequence[Pod]) -> str | None:
    ended = [one.termination for pod in pods for one in pod.init if one.name == INSTALLS]
    return next((found for one in ended if one and (found := version_told(one.message))), None)


def _release(deployment: Mapping[str, Any]) -> Release | None:
    """Return None for a Deployment whose record somebody else edited or deleted."""
    try:
        return Release.model_validate_json(_note(deployment, RECORD) or "")
    except ValidationError:
        return None


def _note(found: Mapping[str, Any], name: str) -> str | None:
    value = (found["metadata"].get("annotations") or {}).get(name)
    return str(value) if value is not None else None


def _number(found: Mapping[str, Any]) -> int:
    told = found["metadata"]["labels"].get(RELEASE, "")
    return int(told) if told.isdigit() else 0
