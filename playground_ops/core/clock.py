"""Time as a value that is passed in, so that tests control it; and times as text."""

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Return seconds: only differences mean something, and setting the clock does not change them."""

    def utc_now(self) -> str:
        """Return ISO 8601 to the millisecond, for people to read; it is never compared."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def utc_now(self) -> str:
        return datetime.now(timezone.utc).isoformat(timespec="milliseconds")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def moment(text: str) -> datetime:
    """Read a time in RFC 3339. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know the Z


def micro_time(when: datetime) -> str:
    """Write a time in UTC as Kubernetes does (meta/v1 MicroTime)."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
