"""What is made from the code is committed as the code makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playground_ops.cli.main import LISTED
from tests.references import commands, tables, written

FILES = written()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_as_the_code_makes_it(path: Path) -> None:
    assert path.read_text() == FILES[path], "`python -m tests.references` writes it"


def test_each_command_and_each_group_of_commands_is_on_the_page() -> None:
    told = re.findall(r"(?m)^## `(.+)`$", commands.PATH.read_text())
    assert list(dict.fromkeys(name.split()[0] for name in told)) == list(LISTED)
    assert {"secret git", "secret rotate-database"} <= set(told)


def test_a_row_stands_in_one_table_alone() -> None:
    """`kubernetes` and `postgres` are told in the first one, and expanded in the second."""
    stack, cluster = ({row.path for row in tables.tables()[name]} for name in ("stack", "kubernetes"))
    assert stack & cluster == {"kubernetes", "postgres"}


def test_links_in_texts_lead_to_pages_and_headings_that_are_there() -> None:
    docs = tables.PATH.parent
    rows = "\n".join(str(row) for table in tables.tables().values() for row in table)
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", rows)
    assert links
    for page, anchor in links:
        headings = re.findall(r"(?m)^#+ (.+)$", (docs / (page or tables.PATH.name)).read_text())
        known = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}
        assert not anchor or anchor in known, (page, anchor)
