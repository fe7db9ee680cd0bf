"""Prints what differs between definitions, as a table."""

from collections.abc import Sequence

from playground_ops.cli.console import table
from playground_ops.core.changes import Difference

COLUMNS = ("change", "kind", "name", "field", "before", "after")


def show_differences(differences: Sequence[Difference]) -> None:
    """Print a row for each definition, and one for each field of it that changes. Nothing where none is."""
    rows = [row for one in differences for row in _rows(one)]
    if rows:
        table(COLUMNS, rows)


def _rows(one: Difference) -> Sequence[tuple[str, ...]]:
    what, fields = (one.change, one.kind, one.name), [field.in_short() for field in one.fields]
    rows = [(*what, field.path, field.before or "-", field.after or "-") for field in fields]
    return rows or [(*what, "", "", "")]
