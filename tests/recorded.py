"""Recorded answers of a real API server about pods that did not come up, and their replay.

`Listening` records beside the product while such pods are made on the tests' cluster (`-m soak`); `Replay` is
the same connection without a cluster. It gives the recorded answers and no others: a query that was not made
to the real server is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.api.refusals import Refusal, refusal
from tests.cluster.places import cache

FOLDER = Path(__file__).parent / "unit" / "recorded"
TEMPORARY = re.compile(r"/tmp/pytest-of-[^/]+/pytest-\d+")
NOISE = ("managedFields",)
"""Fields of metadata: long, and never read in a pod."""


@dataclass(frozen=True)
class Recording:
    """One observation: queries and answers, the time, and whatever else the observation needs."""

    now: datetime
    """The time on the API server's clock."""
    answers: dict[str, Any]
    about: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> Recording:
        found = json.loads(file.read_text())
        return cls(datetime.fromisoformat(found["now"]), found["answers"], found["about"])

    def write(self, file: Path) -> None:
        """Write an answer a line, without the folder of the tests on the recording machine."""
        file.parent.mkdir(parents=True, exist_ok=True)
        answers = [
            f"{json.dumps(name)}: {json.dumps(answer, sort_keys=True)}"
            for name, answer in sorted(self.answers.items())
        ]
        head = f'"now": "{self.now.isoformat()}",\n"about": {json.dumps(self.about, sort_keys=True)}'
        text = "{" + head + ',\n"answers": {\n' + ",\n".join(answers) + "\n}}\n"
        file.write_text(TEMPORARY.sub("/srv", text.replace(str(cache()), "/var/cache/cluster")))


def all_of(kind: str) -> Iterator[tuple[str, Recording]]:
    for file in sorted((FOLDER / kind).glob("*.json")):
        yield file.stem, Recording.read(file)


class Listening(Connection):
    """Keeps every answer since `heard` was last cleared."""

    def __init__(self, real: Connection) -> None:
        super().__init__(real.context)
        self.way = real.way
        self.heard: dict[str, Any] = {}

    def answer(self, asked: Question) -> bytes:
        try:
            answer = super().answer(asked)
        except Refusal as refused:
            told = {"code": refused.code, "reason": refused.reason, "message": refused.message}
            self.heard[_name(asked)] = {"refused": told}
            raise
        self.heard[_name(asked)] = _plain(answer)
        return answer

    def recording(self, **about: Any) -> Recording:
        return Recording(self.now(), dict(self.heard), about)


class Replay(Connection):
    def __init__(self, recording: Recording) -> None:
        super().__init__("recorded")
        self._recording = recording

    def now(self) -> datetime:
        return self._recording.now

    def answer(self, asked: Question) -> bytes:
        assert asked.method == "GET", f"nothing is written to a recording: {asked}"
        found = self._recording.answers[_name(asked)]
        if isinstance(found, dict) and "refused" in found:
            told = found["refused"]
            raise refusal(asked.path, None, told["code"], told)
        return (found if isinstance(found, str) else json.dumps(found)).encode()


def _name(asked: Question) -> str:
    return asked.path + (f"?{urlencode(asked.query)}" if asked.query else "")


def _plain(answer: bytes) -> Any:
    """Return a log as text, an object without fields that nothing reads."""
    text = answer.decode(errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    for one in (found, *found.get("items", ())):
        for name in NOISE:
            one.get("metadata", {}).pop(name, None)
    return found
