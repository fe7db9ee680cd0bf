"""Text fits the columns that it is given, also where signs are two of them wide."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from playground_ops.cli.fitting import CUT, Column, cut_table, shortened_to, width, wrapped, wrapped_table
from playground_ops.core.redact import printable

WORDS = st.text(st.sampled_from("aé日本語한ー🙂❤\ufe0f́. -,:x"), max_size=120)
ROOMS = st.integers(20, 160)
ROWS = st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=6)
COLUMNS = (Column("location", 8), Column("commit", dropped=1), Column("by", 6, dropped=2), Column("what", 9))


@given(WORDS, st.integers(0, 160))
def test_what_is_cut_is_one_line_that_fits_and_ends_with_dots(text: str, room: int) -> None:
    shown = shortened_to(room, text)
    assert width(shown) <= room
    assert "\n" not in shown
    flat = " ".join(text.split())
    assert shown == flat or shown.endswith(CUT[:room])


@given(WORDS, ROOMS)
def test_what_is_wrapped_fits_and_is_whole(text: str, room: int) -> None:
    lines = wrapped(text, room, "  fix    ", "         ")
    assert max(map(width, lines)) <= room
    assert "".join("".join(lines).split()) == "fix" + "".join(text.split())


@given(ROWS, ROOMS)
def test_a_cut_table_fits_and_has_a_line_for_each_row(rows: list[tuple[str, ...]], room: int) -> None:
    laid = cut_table(COLUMNS, rows, room)
    assert len(laid.lines) == len(rows) + 2
    assert max(map(width, laid.lines)) <= room
    free = cut_table(COLUMNS, rows, None)
    assert free.is_whole
    if laid.is_whole and rows:
        assert laid.lines == free.lines


@given(ROWS, ROOMS)
def test_a_wrapped_table_fits_and_has_all_of_it(rows: list[tuple[str, ...]], room: int) -> None:
    laid = wrapped_table(COLUMNS, rows, room)
    assert max(map(width, laid.lines)) <= room
    assert laid.is_whole
    shown = sorted("".join("\n".join(laid.lines[2:]).split()))
    assert shown == sorted(
        "".join(sign for row in rows for cell in row for sign in cell if not sign.isspace())
    )


@given(ROWS, st.integers(0, 20))
def test_a_terminal_of_no_use_ends_nothing(rows: list[tuple[str, ...]], room: int) -> None:
    cut_table(COLUMNS, rows, room)
    wrapped_table(COLUMNS, rows, room)
    wrapped("a word", room, "  fix    ", "         ")


@given(st.text(max_size=40))
def test_no_terminal_takes_more_columns_than_are_counted(text: str) -> None:
    """A sign that Python's tables do not know yet counts as one column."""
    known = printable("".join(sign for sign in text if unicodedata.category(sign) not in ("Cn", "Co", "Cs")))
    assert width(known) >= wcswidth(known.replace("\n", "").replace("\t", ""))


def test_columns_go_in_their_order_and_the_widest_gives_first() -> None:
    rows = [("orders", "1" * 12, "ada@example", "It ended because it could not be imported.")]
    wide, narrow, narrowest = (cut_table(COLUMNS, rows, room).lines for room in (60, 38, 24))
    assert wide[2] == "orders    111111111111  ada@example  It ended because it..."
    assert narrow[2] == "orders    111111111111  It ended be..."
    assert narrowest[2] == "orders    It ended be..."


def test_a_command_is_never_torn() -> None:
    command = "`uv run playground-ops history orders --target kubernetes --context kind-x`"
    lines = wrapped(f"Its own words are longer: {command}, or look.", 40, "  fix    ", "         ")
    assert lines == ["  fix    Its own words are longer:", f"         {command},", "         or look."]


@pytest.mark.parametrize("room", [None, 80])
def test_a_table_without_rows_has_its_head(room: int | None) -> None:
    assert cut_table(COLUMNS, [], room).lines == (
        ["location  commit  by  what", "--------  ------  --  ----"]
    )
