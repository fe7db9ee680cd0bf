"""Text in the columns of a terminal: how wide it is, cut, wrapped, and laid out as a table. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

CUT, GAP = "...", "  "
_WORD = re.compile(r"(?:`[^`]*`|\S)+")
"""What stays in one line: a command in backticks is copied as a whole."""


def width(text: str) -> int:
    """Return the columns that a terminal takes for the text, or more: signs that it may join count each."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(sign: str) -> int:
    if sign == "\ufe0f":  # makes the sign before it an emoji, which is wide
        return 1
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def shortened_to(room: int, text: str) -> str:
    """Return the text in one line that is at most `room` columns wide; one that was cut ends with `...`."""
    flat = " ".join(text.split())
    if width(flat) <= room:
        return flat
    end = CUT[: max(room, 0)]
    return f"{_head(flat, room - len(end)).rstrip()}{end}"


def _head(text: str, room: int) -> str:
    taken = 0
    for at, sign in enumerate(text):
        taken += _columns(sign)
        if taken > room:
            return text[:at]
    return text


def wrapped(text: str, room: int, first: str = "", hanging: str = "") -> list[str]:
    """Return lines of at most `room` columns, the first one after `first`, the others after `hanging`.

    Only a command in backticks may be wider: it stays whole. Any other word that is too long is torn.
    """
    left = room - max(width(first), width(hanging))
    words = (
        part
        for word in _WORD.findall(" ".join(text.split()))
        for part in ([word] if "`" in word else _torn(word, left))
    )
    return _filled(words, room, first, hanging)


def _in_cell(text: str, room: int) -> list[str]:
    return _filled((part for word in text.split() for part in _torn(word, room)), room)


def _filled(words: Iterable[str], room: int, first: str = "", hanging: str = "") -> list[str]:
    lines: list[str] = []
    line, is_empty = first, True
    for word in words:
        if not is_empty and width(line) + 1 + width(word) > room:
            lines.append(line)
            line, is_empty = hanging, True
        line += word if is_empty else f" {word}"
        is_empty = False
    return [*lines, line]


def _torn(word: str, room: int) -> Iterator[str]:
    while word and width(word) > room:
        head = _head(word, room) or word[0]
        yield head
        word = word[len(head) :]
    if word:
        yield word


@dataclass(frozen=True)
class Column:
    """A column of a table, and what becomes of it where the terminal is narrow."""

    name: str
    least: int | None = None
    """The columns of the terminal to which it may shrink; None: it is never cut."""
    dropped: int = 0
    """Which column is left out first where shrinking is not enough: the one with the highest number; 0: it
    stays."""


@dataclass(frozen=True)
class Laid:
    lines: Sequence[str]
    is_whole: bool
    """Whether nothing was cut or left out."""


Rows = Sequence[Sequence[str]]


def cut_table(columns: Sequence[Column], rows: Rows, room: int | None) -> Laid:
    """Return a table of which each row is one line. `room` is None where nothing is to be cut."""
    flat = _flat(rows)
    kept, shown, widths = _fitted(columns, flat, room)
    short = [[shortened_to(most, cell) for most, cell in zip(widths, row, strict=True)] for row in shown]
    whole = short == flat
    return Laid(list(_lines(kept, [[[cell] for cell in row] for row in short], widths)), whole)


def wrapped_table(columns: Sequence[Column], rows: Rows, room: int | None) -> Laid:
    """Return a table with all of its text: cells are wrapped to the terminal."""
    every = [replace(column, dropped=0) for column in columns]
    kept, shown, widths = _fitted(every, _flat(rows), room)
    cells = [[_in_cell(cell, most) for most, cell in zip(widths, row, strict=True)] for row in shown]
    return Laid(list(_lines(kept, cells, widths)), is_whole=True)


def _flat(rows: Rows) -> list[list[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def _fitted(
    columns: Sequence[Column], rows: Rows, room: int | None
) -> tuple[Sequence[Column], Rows, Sequence[int]]:
    """Return the columns that fit, their cells, and how wide each may be."""
    while True:
        natural = [
            max(width(column.name), *(width(row[at]) for row in rows), 0) for at, column in enumerate(columns)
        ]
        if room is None:
            return columns, rows, natural
        left = room - len(GAP) * (len(columns) - 1)
        least = [
            wide if column.least is None else min(wide, max(column.least, width(column.name)))
            for column, wide in zip(columns, natural, strict=True)
        ]
        first = max(range(len(columns)), key=lambda at: columns[at].dropped)
        if sum(least) <= left or columns[first].dropped == 0:
            return columns, rows, _shares(natural, least, left)
        columns = [column for at, column in enumerate(columns) if at != first]
        rows = [[cell for at, cell in enumerate(row) if at != first] for row in rows]


def _shares(natural: Sequence[int], least: Sequence[int], left: int) -> list[int]:
    """Return the widths: what is too wide loses first, down to the least; then each has to give."""
    at_least = least if sum(least) <= left else [1] * len(least)
    limit = _highest(lambda most: sum(_capped(natural, at_least, most)) <= left, max(natural, default=1))
    shares = _capped(natural, at_least, limit)
    spare = left - sum(shares)
    for at in reversed(range(len(shares))):
        more = max(0, min(spare, natural[at] - shares[at]))
        shares[at] += more
        spare -= more
    return shares


def _capped(natural: Sequence[int], least: Sequence[int], most: int) -> list[int]:
    return [max(low, min(wide, most)) for wide, low in zip(natural, least, strict=True)]


def _highest(fits: Callable[[int], bool], most: int) -> int:
    return next((value for value in range(most, 1, -1) if fits(value)), 1)


def _lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Sequence[str]]], widths: Sequence[int]
) -> Iterator[str]:
    yield _line([shortened_to(most, one.name) for one, most in zip(columns, widths, strict=True)], widths)
    yield _line(["-" * most for most in widths], widths)
    for row in rows:
        for cells in zip_longest(*row, fillvalue=""):
            yield _line(cells, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (most - width(cell)) for cell, most in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()
