"""Times as this project and an API server write them."""

from __future__ import annotations

from datetime import datetime


def moment(text: str) -> datetime:
    """Of a time in RFC 3339. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # which Python 3.10 does not know
