"""Time as a value that is passed in, so that tests can own it; and as it is written."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds; only differences mean something, and setting the machine's clock does not move it."""

    def utc_now(self) -> str:
        """ISO 8601 to the millisecond, for people to read; never compared."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def utc_now(self) -> str:
        return datetime.now(timezone.utc).isoformat(timespec="milliseconds")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def moment(text: str) -> datetime:
    """Of a time in RFC 3339. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # which Python 3.10 does not know
