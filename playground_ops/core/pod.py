"""A pod as the API server reports it: the one place where its JSON is read (core/v1 Pod).

What is not reported yet, such as by a kubelet that has not seen the pod, is missing there and empty here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playground_ops.core.component import End


@dataclass(frozen=True)
class Termination:
    """The end of one start of a container."""

    code: int
    reason: str
    message: str
    at: str
    id: str

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Termination | None:
        if (found := state.get("terminated")) is None:
            return None
        told = (str(found.get(key, "")) for key in ("reason", "message", "finishedAt", "containerID"))
        return cls(int(found.get("exitCode", 0)), *told)

    @property
    def how(self) -> str:
        return f"killed by signal {self.code - 128}" if self.code > 128 else f"exit code {self.code}"


@dataclass(frozen=True)
class LogState:
    """Which logs of a container can be read."""

    id: str = ""
    """The id of the running or last start; empty before the first one."""
    running: bool = False
    previous: str = ""
    """The id of the last start that was or will be replaced: its log is kept too."""
    restarts: int = 0
    over: bool = False
    """Whether its pod has ended: nothing follows."""

    @property
    def ended_before(self) -> bool:
        # A node may have removed an earlier container, and its status, once the next one has ended.
        return bool(self.previous or (self.restarts and self.id and not self.running))


@dataclass(frozen=True)
class Container:
    """One container of a pod: its specification, and its kubelet's last report."""

    name: str
    limits: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    is_ready: bool = False
    restarts: int = 0
    waiting_reason: str | None = None
    """None where it does not wait."""
    waiting_message: str = ""
    running_since: str | None = None
    """None where it does not run."""
    termination: Termination | None = None
    """None where it has not ended, or waits to be started again."""
    previous: Termination | None = None
    """The end of the start before this one."""

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Container:
        state = found.get("state", {})
        waiting, running = state.get("waiting"), state.get("running")
        return cls(
            name=str(found["name"]),
            limits=found.get("resources", {}).get("limits", {}),
            id=str(found.get("containerID", "")),
            is_ready=bool(found.get("ready")),
            restarts=int(found.get("restartCount", 0)),
            waiting_reason=None if waiting is None else str(waiting.get("reason", "")),
            waiting_message=str((waiting or {}).get("message", "")),
            running_since=None if running is None else str(running.get("startedAt", "")),
            termination=Termination.read(state),
            previous=Termination.read(found.get("lastState", {})),
        )

    @property
    def is_running(self) -> bool:
        return self.running_since is not None

    @property
    def log_id(self) -> str:
        """Return the id of the running or last start; empty before the first one."""
        # While it waits to be started again, the log is that of the start that ended.
        ends = (end.id for end in (self.termination, self.previous) if end)
        return self.id if self.is_running else next(filter(None, ends), "")

    @property
    def last_termination(self) -> Termination | None:
        return self.termination or self.previous


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any], kind: str) -> tuple[Container, ...]:
    """Return all of one kind in their starting order, including those that no kubelet has seen."""
    asked = {one["name"]: one for one in spec.get(f"{kind}s") or ()}
    told = {one["name"]: one for one in status.get(f"{kind}Statuses") or ()}
    return tuple(Container.read({**told.get(name, {}), **asked.get(name, {})}) for name in {**asked, **told})


@dataclass(frozen=True)
class Pod:
    name: str
    namespace: str
    uid: str
    created: str
    labels: Mapping[str, str]
    owners: tuple[str, ...]
    """Kinds of the objects that made it."""
    is_ending: bool
    grace_seconds: float
    """The grace of its deletion, in seconds; infinite where nobody deletes it."""
    phase: str
    reason: str
    message: str
    address: str
    conditions: Mapping[str, Mapping[str, str]]
    init: tuple[Container, ...]
    main: tuple[Container, ...]
    added: tuple[Container, ...]
    """Ephemeral containers, by which a person debugs it."""
    version: str
    """The resourceVersion from which changes can be watched."""

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Pod:
        metadata, spec, status = (found.get(key, {}) for key in ("metadata", "spec", "status"))
        return cls(
            name=str(metadata.get("name", "")),
            namespace=str(metadata.get("namespace", "")),
            uid=str(metadata.get("uid", "")),
            created=str(metadata.get("creationTimestamp", "")),
            labels=metadata.get("labels") or {},
            owners=tuple(str(one["kind"]) for one in metadata.get("ownerReferences") or ()),
            is_ending="deletionTimestamp" in metadata,
            grace_seconds=float(metadata.get("deletionGracePeriodSeconds", "inf")),
            phase=str(status.get("phase", "")),
            reason=str(status.get("reason", "")),
            message=str(status.get("message", "")),
            address=str(status.get("podIP") or ""),
            conditions={one["type"]: one for one in status.get("conditions") or ()},
            init=_containers(spec, status, "initContainer"),
            main=_containers(spec, status, "container"),
            added=_containers(spec, status, "ephemeralContainer"),
            version=str(metadata.get("resourceVersion", "")),
        )

    @property
    def reference(self) -> dict[str, Any]:
        """Return the part of the object that identifies it."""
        metadata = {"name": self.name, "namespace": self.namespace, "labels": self.labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}

    def condition(self, kind: str) -> Mapping[str, str]:
        """Return the condition; empty where it is not reported."""
        return self.conditions.get(kind, {})

    @property
    def is_ready(self) -> bool:
        return self.condition("Ready").get("status") == "True"

    @property
    def has_ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def ended_at(self) -> str:
        """Return when it has ended: by its containers, else its conditions; empty before that."""
        ends = [one.termination.at for one in self.main if one.termination]
        changed = [str(one.get("lastTransitionTime") or "") for one in self.conditions.values()]
        return max(filter(None, ends or changed), default=self.created) if self.has_ended else ""

    @property
    def is_running(self) -> bool:
        return any(one.is_running for one in self.main)

    @property
    def exit_code(self) -> int | None:
        """Return None before it has ended. The kubelet may report this slightly before the pod's phase."""
        return next((one.termination.code for one in self.main if one.termination), None)

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.main)

    @property
    def last_end(self) -> End | None:
        """Return the newest end of a container that another one replaced."""
        found = [one.previous for one in self.main if one.previous and one.previous.at]
        if not found:
            return None
        last = max(found, key=lambda one: one.at)
        return End(at=last.at, how=last.how, out_of_memory=last.reason == "OOMKilled")

    @property
    def containers(self) -> tuple[Container, ...]:
        return self.init + self.main

    @property
    def names(self) -> list[str]:
        """Return the names of all its containers, in the order in which they start."""
        return [one.name for one in (*self.containers, *self.added)]

    def container(self, name: str) -> Container:
        """Return the container; one without any status where there is none of that name."""
        return next((one for one in (*self.containers, *self.added) if one.name == name), Container(name))

    def log_state(self, container: str) -> LogState:
        one = self.container(container)
        before = one.previous.id if one.previous else ""
        return LogState(one.log_id, one.is_running, before, one.restarts, self.has_ended)

    def to_read(self, container: str | None) -> list[str]:
        """Return the named one, else those that have started: main ones, or while none has, init ones."""
        if container:
            return [container] if self.container(container).log_id else []
        kinds = ([one.name for one in kind if one.log_id] for kind in (self.main, self.init))
        return next(filter(None, kinds), [])

    def ran_before(self, container: str | None) -> list[str]:
        """Return those that were started again, and have a log that has ended."""
        wanted = [container] if container else self.names
        return [name for name in wanted if self.log_state(name).ended_before]


def newest_first(pods: Iterable[Pod]) -> list[Pod]:
    """Sort the newest first; pods that are being deleted come after the others."""
    return sorted(pods, key=lambda pod: (not pod.is_ending, pod.created), reverse=True)


def newest(pods: Iterable[Pod]) -> Pod | None:
    return max(pods, key=lambda pod: pod.created, default=None)
