"""An API server in memory for objects that are written: as strict about versions as the real one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.api.refusals import refusal

REASONS = {404: "NotFound", 409: "Conflict"}


class Written:
    """The objects, by path; they outlive the connections."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.ahead = timedelta()
        """How far its clock is ahead."""
        for one in objects:
            self.keep(path(one), one)

    def keep(self, where: str, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        kept = copy.deepcopy(body)
        kept["metadata"]["resourceVersion"] = str(self.version)
        self.objects[where] = kept
        return kept


class Server(Connection):
    """A connection to it."""

    def __init__(self, written: Written, access: Access = Access.PERSON) -> None:
        super().__init__("memory", access)
        self.written = written
        self.asked: list[tuple[str, str]] = []

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.written.ahead

    def answer(self, asked: Question) -> bytes:
        self.asked.append((asked.method, asked.path))
        found: Any = {
            "GET": self._get,
            "POST": self._post,
            "PUT": self._put,
            "PATCH": self._apply,
            "DELETE": self._delete,
        }[asked.method](asked)
        return json.dumps(found).encode()

    def _get(self, asked: Question) -> Any:
        return self._there(asked)

    def _post(self, asked: Question) -> Any:
        body: Any = asked.body
        where = f"{asked.path}/{body['metadata']['name']}"
        if where in self.written.objects:
            raise _refused(asked, 409, "AlreadyExists")
        return self.written.keep(where, body)

    def _put(self, asked: Question) -> Any:
        body: Any = asked.body
        if body["metadata"]["resourceVersion"] != self._there(asked)["metadata"]["resourceVersion"]:
            raise _refused(asked, 409)
        return self.written.keep(asked.path, body)

    def _apply(self, asked: Question) -> Any:
        body: Any = asked.body
        return self.written.keep(asked.path, body)

    def _delete(self, asked: Question) -> Any:
        self._there(asked)
        return self.written.objects.pop(asked.path)

    def _there(self, asked: Question) -> dict[str, Any]:
        if asked.path not in self.written.objects:
            raise _refused(asked, 404)
        return self.written.objects[asked.path]


def _refused(asked: Question, code: int, reason: str = "") -> Exception:
    told = {"reason": reason or REASONS[code], "message": REASONS[code]}
    return refusal(asked.path, asked.body, code, told)


Made = Callable[[], Server]
