"""The releases of a location as they lie in the cluster: Deployments, and their marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from playground_ops.core.model import LiveRelease, Release, ReleaseState, Verdict
from playground_ops.core.pod import Pod, newest_first
from playground_ops.render.names import (
    LOCATION,
    PREFIX,
    RELEASE,
    ROLLOUT_MANAGER,
    an_object,
    release_deployment,
    release_service,
)
from playground_ops.render.release import RECORD
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
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
        """Return the same, asked by another connection; where an address led is known to both."""
        other = Releases(connection, self._namespace)
        other.address = self.address.through(connection)
        return other

    def all(self, location: str) -> Sequence[LiveRelease]:
        """By number; those that have drained are left out."""
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
        """Of every Deployment, also of those that have drained."""
        return [_number(found) for found in self._list("apps/v1", "Deployment", location)]

    def everywhere(self) -> list[Release]:
        """Those of all locations, also ones that have drained."""
        deployments = self._listed("apps/v1", "Deployment", {})["items"]
        return [found for found in map(_release, deployments) if found is not None]

    def locations(self) -> list[str]:
        """Names of those that have an address or a release."""
        found = [
            *self._listed("v1", "Service", {})["items"],
            *self._listed("apps/v1", "Deployment", {})["items"],
        ]
        return sorted({one["metadata"]["labels"].get(LOCATION, "") for one in found} - {""})

    def make(self, objects: Sequence[dict[str, Any]]) -> None:
        """What is there already stays as it is: a release is never edited. Raises Refusal."""
        for found in objects:
            try:
                folder = collection(found["apiVersion"], found["kind"], self._namespace)
                self._connection.request("POST", folder, found, query={"fieldManager": ROLLOUT_MANAGER})
            except Refusal as refusal:
                if refusal.reason != "AlreadyExists":
                    raise

    def revive(self, release: Release) -> bool:
        """Whether it is there; then it runs from now on, also when somebody scaled it down."""
        where = self._deployment(release)
        found = self._connection.get(where)
        if found is not None and not found["spec"].get("replicas") and not _note(found, DRAINING):
            query = {"fieldManager": ROLLOUT_MANAGER}
            self._connection.request("PATCH", where, {"spec": {"replicas": 1}}, MERGE, query)
        return found is not None

    def mark_served(self, release: Release, when: str) -> None:
        """It serves from now on, and has not been told to stop."""
        deployments = self._list("apps/v1", "Deployment", release.location.name)
        order = 1 + max([0, *(int(_note(found, ORDER) or 0) for found in deployments)])
        self._patch(release, {SERVED_AT: when, ORDER: str(order), DRAINING: None}, replicas=1)

    def mark_verdict(self, release: Release, verdict: Verdict) -> None:
        body = {"metadata": {"annotations": {VERDICT: verdict.model_dump_json()}}}
        query = {"fieldManager": ROLLOUT_MANAGER}
        self._connection.request("PATCH", self._deployment(release), body, MERGE, query)

    def verdict(self, release: Release) -> Verdict | None:
        found = self._connection.get(self._deployment(release))
        said = _note(found, VERDICT) if found else None
        return Verdict.model_validate_json(said) if said else None

    def mark_draining(self, release: Release, when: str) -> None:
        """Its pod is told to end after its runs, in the same write."""
        self._patch(release, {DRAINING: when}, replicas=0)

    def delete(self, release: Release) -> None:
        """Its pods are left to the garbage collector. A release that is gone is deleted."""
        self._delete(release.location.name, release.number)

    def clear(self, location: str) -> None:
        """Delete all its releases, those too that have drained or that somebody deleted in part."""
        for number in {*map(_number, self._list("v1", "Service", location)), *self.numbers(location)}:
            self._delete(location, number)

    def _delete(self, location: str, number: int) -> None:
        for api, kind, found in (
            ("apps/v1", "Deployment", release_deployment(location, number)),
            ("v1", "Service", release_service(location, number)),
        ):
            delete(self._connection, self._path(api, kind, found))

    def sweep(self, location: str) -> None:
        """Delete what has drained, and the Service of a release whose Deployment somebody deleted."""
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
            delete(self._connection, self._path("v1", "Service", release_service(location, number)))

    def pods(self, release: Release) -> tuple[list[Pod], str]:
        """Newest first, those that end after the others; and the list's version, from which on to watch."""
        found = self._listed("v1", "Pod", _labels(release))
        return newest_first(map(Pod.read, found["items"])), str(found["metadata"]["resourceVersion"])

    def _patch(self, release: Release, notes: Mapping[str, str | None], replicas: int) -> None:
        where = self._path("apps/v1", "Deployment", release_deployment(release.location.name, release.number))
        body = {"metadata": {"annotations": dict(notes)}, "spec": {"replicas": replicas}}
        self._connection.request("PATCH", where, body, MERGE, {"fieldManager": ROLLOUT_MANAGER})

    def _deployment(self, release: Release) -> str:
        return self._path("apps/v1", "Deployment", release_deployment(release.location.name, release.number))

    def _path(self, api: str, kind: str, name: str) -> str:
        return path(an_object(api, kind, name, self._namespace, {}))

    def _list(self, api: str, kind: str, location: str) -> list[dict[str, Any]]:
        found = self._listed(api, kind, {LOCATION: location, RELEASE: None})["items"]
        return sorted(found, key=_number)

    def _listed(self, api: str, kind: str, labels: Mapping[str, str | None]) -> dict[str, Any]:
        return self._connection.selected(collection(api, kind, self._namespace), OF_LOCATIONS, labels)


def selector(release: Release) -> str:
    return ",".join((OF_LOCATIONS, *(f"{name}={value}" for name, value in _labels(release).items())))


def _labels(release: Release) -> dict[str, str]:
    return {LOCATION: release.location.name, RELEASE: str(release.number)}


def _live(
    deployment: Mapping[str, Any], release: Release, now: int | None, pods: Sequence[Mapping[str, Any]]
) -> LiveRelease | None:
    """None: it has drained."""
    served = _note(deployment, SERVED_AT)
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
        restarts=sum(Pod.read(pod).restarts for pod in pods),
    )


def _release(deployment: Mapping[str, Any]) -> Release | None:
    """None for one whose record somebody else edited or deleted."""
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
