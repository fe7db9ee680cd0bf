"""Source code without docstrings and comments, which only its readers need. Lines stay, for tracebacks."""

from __future__ import annotations

import ast
import io
import threading
import tokenize

SHOWN = ("playground/", "playground_ops/cli/", "playground_ops/defs/")
"""Beginnings of names of files whose docstrings people see: as help, and as descriptions in the UI."""

_ONE_AT_A_TIME = threading.Lock()
"""Python 3.11's parser counts its depth for all threads together, and then raises SystemError (gh-106905)."""


def without(name: str, source: bytes) -> bytes:
    """Of a file of that name; what is no Python code, or shown to people, is as it was. Idempotent."""
    if not name.endswith(".py") or name.startswith(SHOWN):
        return source
    with _ONE_AT_A_TIME:
        parsed = ast.parse(source)
    lines = source.split(b"\n")
    for node in ast.walk(parsed):
        body = getattr(node, "body", None)
        told = [found for found in body if _is_text(found)] if isinstance(body, list) else []
        for found in told:
            # A body is never empty.
            _blank(lines, found, b"..." if found is told[0] and told == body else b"")
    return _without_comments(b"\n".join(lines))


def _without_comments(source: bytes) -> bytes:
    lines = source.split(b"\n")
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.COMMENT:
            row = token.start[0] - 1
            # A token's columns count characters.
            lines[row] = lines[row].decode()[: token.start[1]].rstrip().encode()
    return b"\n".join(lines)


def _is_text(found: ast.stmt) -> bool:
    return (
        isinstance(found, ast.Expr)
        and isinstance(found.value, ast.Constant)
        and isinstance(found.value.value, str)
    )


def _blank(lines: list[bytes], found: ast.stmt, instead: bytes) -> None:
    first, last = found.lineno - 1, (found.end_lineno or found.lineno) - 1
    before, after = lines[first][: found.col_offset], lines[last][found.end_col_offset :]
    lines[first : last + 1] = [b""] * (last - first + 1)
    lines[first] = (before + instead + after).rstrip()
