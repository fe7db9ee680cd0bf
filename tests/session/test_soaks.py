"""Results of soaks: each has its own row, whichever of them run together."""

from __future__ import annotations

from tests.session.soaks import HEAD, merged


def test_a_row_is_replaced_by_the_next_run_and_all_else_stays() -> None:
    first = merged("# Soaks\n\nOf some machine.\n\n", ["| `b` | failed |", "| `a` | passed |"])
    assert first.splitlines() == [
        "# Soaks",
        "",
        "Of some machine.",
        "",
        *HEAD,
        "| `a` | passed |",
        "| `b` | failed |",
    ]
    again = merged(first, ["| `b` | passed |", "| `c[x \\| y]` | passed |"])
    assert again.splitlines()[:6] == first.splitlines()[:6]
    assert again.splitlines()[6:] == ["| `a` | passed |", "| `b` | passed |", "| `c[x \\| y]` | passed |"]


def test_a_file_that_is_not_there_begins_with_the_table() -> None:
    assert merged("", ["| `a` | passed |"]).splitlines() == [*HEAD, "| `a` | passed |"]
