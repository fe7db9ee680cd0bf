"""Lines of containers' logs: parsed with their times, merged, and each taken once however often it is read.

The kubelet takes only whole seconds as the start of a log, so a new reading overlaps the last one. Known
lines are recognized by time and text; equal lines of one nanosecond are counted.
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
"""Two threads write a container's two streams, so lines are not quite in the order of their times."""
KEPT = OVERLAP + 2 * SECOND
UNCERTAIN_SECONDS = 60.0
"""For how long after its start a reading may turn out to be of the next container already."""
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
    """Nanoseconds since 1970; 0 for the node's own message where there is no log."""
    text: str
    """Redacted, without its time."""


def parsed(source: Source, line: bytes) -> LogLine:
    """Parse a line of a log that was requested with `timestamps=true`."""
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
    """Write a time in RFC 3339, in whole seconds as the kubelet takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))


def merged(logs: Iterable[Iterable[LogLine]]) -> Iterator[LogLine]:
    """Merge by time; the order within each log stays."""
    return heapq.merge(*logs, key=lambda line: line.at)


@dataclass
class Prefixes:
    """Puts `pod/container` before each line, as soon as lines come from more than one container."""

    seen: set[Source] = field(default_factory=set)

    def put(self, line: LogLine) -> str:
        self.seen.add(line.source)
        return line.text if len(self.seen) == 1 else f"{line.source} {line.text}"


@dataclass
class Remembered:
    """The lines of one container of one pod that were read."""

    last: int = 0
    """Time of the newest line."""
    floor: int = 0
    """Older lines were not requested."""
    _kept: Counter[int] = field(default_factory=Counter)
    _order: deque[tuple[int, int]] = field(default_factory=deque)
    _begun: deque[tuple[float, int]] = field(default_factory=deque)
    """The start of the latest readings, and the time of the newest line then."""

    def begin(self, now: float) -> int:
        """Return the time to read the log from; 0: all of it. `now` is by a monotonic clock."""
        while self._begun and self._begun[0][0] < now - UNCERTAIN_SECONDS:
            self._begun.popleft()
        self._begun.append((now, self.last))
        return max(0, self._begun[0][1] - OVERLAP)

    def new(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Yield the lines of a reading that no earlier one had, without the node's own messages."""
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
