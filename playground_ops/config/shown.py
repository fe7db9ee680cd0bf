"""What may be shown of what a file says: no password, no control character, not too much."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playground_ops.config.written import text_of

_SHOWN_CHARACTERS = 80
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")  # RFC 3986; what else stands there may be a password
_PLAIN_KEY = re.compile(r"[\w-]{1,80}")
# Bounded, so that it stays linear on a long line.
_TOKEN = re.compile(r"([?&;#][\w.-]{0,40}(?:token|pass|secret|key|auth|sig)[\w.-]{0,40}=)[^&;\s]*", re.I)


def masked(text: str) -> str:
    """Without the user information of a URL or of `user:password@host`, and without tokens of a query.

    Everything up to the last `@` goes: a password may hold a slash, a space or an `@` of its own.
    """
    before, at, host = text.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    if at and slashes and _SCHEME.fullmatch(scheme):
        text = f"{scheme}://***@{host}"
    elif at and ":" in before:
        text = f"***@{host}"
    return _TOKEN.sub(r"\1***", text)


def shown(text: str) -> str:
    """Masked; in one line; printable, as a terminal obeys what is not; 80 characters of it."""
    text = masked(text)
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def value_shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return kind_of(value)
    if value == "":
        return "empty text"
    text = str(value).lower() if isinstance(value, bool) else str(text_of(value))
    return f"`{shown(text)}` ({kind_of(value)})"


def kind_of(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "a boolean"
    if value is None:
        return "nothing"
    return "a number" if isinstance(value, int | float) else "text"


def path_of(steps: Sequence[str | int]) -> str:
    """`code_locations[1].repo.url`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            key = step if _PLAIN_KEY.fullmatch(step) else f'"{shown(step)}"'
            path += f".{key}" if path else key
    return path
