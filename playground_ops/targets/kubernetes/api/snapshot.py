"""A cached view of a cluster at one time: the same question is sent once."""

import json
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from threading import Lock
from typing import Any

from playground_ops.targets.kubernetes.api.connection import Connection, Question, Way


class Snapshot(Connection):
    """Asks through another connection; any number of threads may share it.

    It is for reading: it notices what is written through it, but not what others write.
    """

    def __init__(self, of: Connection) -> None:
        super().__init__(of.context, of.access)
        self._of = of
        self._kept: dict[tuple[str, ...], Future[bytes]] = {}
        self._taken = Lock()

    def now(self) -> datetime:
        return self._of.now()

    @property
    def way(self) -> Way:
        return self._of.way

    def selected(self, folder: str, within: str, labels: Mapping[str, str | None]) -> dict[str, Any]:
        """Ask once for everything `within`, and pick those with these labels here."""
        found = self.request("GET", folder, query={"labelSelector": within})
        return {**found, "items": [one for one in found["items"] if _has(one, labels)]}

    def answer(self, asked: Question) -> bytes:
        if asked.method != "GET":
            with self._taken:
                self._kept = {key: one for key, one in self._kept.items() if key[0] != asked.path}
            return self._of.answer(asked)
        key = (asked.path, asked.accept, json.dumps(asked.query, sort_keys=True))
        with self._taken:
            known = self._kept.get(key)
            kept = self._kept.setdefault(key, Future())
        if known is None:
            try:
                kept.set_result(self._of.answer(asked))
            except BaseException as error:
                kept.set_exception(error)
        return kept.result()


def _has(one: Mapping[str, Any], labels: Mapping[str, str | None]) -> bool:
    own = one["metadata"].get("labels") or {}
    return all(name in own and value in (None, own[name]) for name, value in labels.items())
