"""Lines of containers' logs: read with their times, merged, and each taken once however often it is read.

The kubelet gives a log from a time on, in whole seconds. So what is asked for again overlaps what was read,
and what is known is told from what is new by time and text; equal lines of one nanosecond are counted.
"""

import calendar
import heapq
import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from playground_ops.core.redact import redact

SECOND = 1_000_000_000
OVERLAP = SECOND
"""A container's two streams are written by two threads: lines are not quite in the order of their times."""
KEPT = OVERLAP + 2 * SECOND
UNCERTAIN_SECONDS = 60.0
"""For how long after a reading has begun it may turn out that it was of the next container already."""
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))(?: |$)"
)


@dataclass(frozen=True)
class Source:
    pod: str
    container: str

    def __str__(self) -> str:
        return f"{self.pod}/{self.container}"


@dataclass(frozen=True)
class LogLine:
    source: Source
    at: int
    """Nanoseconds since 1970; 0 of what the node itself says where there is no log."""
    text: str
    """Redacted, without its time."""


def parsed(source: Source, line: bytes) -> LogLine:
    """Of a log that was asked for with `timestamps=true`."""
    text = line.decode(errors="replace").rstrip("\r")
    found = _STAMP.match(text)
    if found is None:
        return LogLine(source, 0, redact(text))
    seconds = calendar.timegm(tuple(int(part) for part in found.groups()[:6]))
    if found[8]:
        away = int(found[9]) * 3600 + int(found[10]) * 60
        seconds -= away if found[8] == "+" else -away
    return LogLine(
        source, seconds * SECOND + int((found[7] or "0").ljust(9, "0")), redact(text[found.end() :])
    )


def since(at: int) -> str:
    """RFC 3339, in whole seconds as the kubelet takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))


def merged(logs: Iterable[Iterable[LogLine]]) -> Iterator[LogLine]:
    """By time; each log's own order stays."""
    return heapq.merge(*logs, key=lambda line: line.at)


@dataclass
class Prefixes:
    """`pod/container` before each line, as soon as lines come from more than one."""

    seen: set[Source] = field(default_factory=set)

    def put(self, line: LogLine) -> str:
        self.seen.add(line.source)
        return line.text if len(self.seen) == 1 else f"{line.source} {line.text}"


@dataclass
class Remembered:
    """Of one container of one pod: which lines were read."""

    last: int = 0
    """Time of the newest line."""
    floor: int = 0
    """What is older was not asked for."""
    _kept: Counter[int] = field(default_factory=Counter)
    _order: deque[tuple[int, int]] = field(default_factory=deque)
    _begun: deque[tuple[float, int]] = field(default_factory=deque)
    """When the latest readings began, and the newest line then."""

    def begin(self, now: float) -> int:
        """The time from which the log is to be read now; 0: all of it. `now` is of a monotonic clock."""
        while self._begun and self._begun[0][0] < now - UNCERTAIN_SECONDS:
            self._begun.popleft()
        self._begun.append((now, self.last))
        return max(0, self._begun[0][1] - OVERLAP)

    def new(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Those of one reading that no earlier one had; without what the node says where there is no log."""
        already, mine = self.last, Counter[int]()
        for line in lines:
            if not line.at:
                continue
            mark = hash((line.at, line.text))
            if line.at <= already:
                mine[mark] += 1
                if line.at < self.floor or mine[mark] <= self._kept[mark]:
                    continue
            self._keep(line.at, mark)
            yield line

    def _keep(self, at: int, mark: int) -> None:
        self._kept[mark] += 1
        self._order.append((at, mark))
        self.last = max(self.last, at)
        oldest = self._begun[0][1] if self._begun else self.last
        while self._order[0][0] < oldest - KEPT:
            _, gone = self._order.popleft()
            self._kept[gone] -= 1
            if not self._kept[gone]:
                del self._kept[gone]
