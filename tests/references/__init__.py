"""What is made from the code and committed: `python -m tests.references` writes it, a test compares.

The texts are the docstrings below the fields of the configuration's classes. Nothing here is needed at run
time, so a stack does not carry it.
"""

from __future__ import annotations

from pathlib import Path


def written() -> dict[Path, str]:
    """Return the files as the code makes them."""
    from tests.references import commands, schema, tables

    return {
        schema.PATH: schema.text(),
        tables.PATH: tables.written(tables.PATH.read_text()),
        commands.PATH: commands.text(),
    }
