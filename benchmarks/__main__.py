"""Measure everything and write `docs/measured/one-machine.md`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import commands, idling, moving, starting
from benchmarks.figures import MEASURED, Figure, table
from tests.pipelines import pipeline
from tests.stacks import a_stack

RESULTS = MEASURED / "one-machine.md"


def main() -> None:
    figures: list[Figure] = []

    def tell(found: list[Figure]) -> None:
        figures.extend(found)
        for figure in found:
            print(figure.row(), file=sys.stderr, flush=True)

    tell(starting.measure())
    with a_stack() as stack, tempfile.TemporaryDirectory() as folder:
        code = pipeline(Path(folder) / "repository")
        code.commit("first")
        stack.configure(code_locations=[{"name": "a", **code.location}, {"name": "b"}])
        stack.bootstrap()
        tell(commands.measure(stack))
        tell(idling.measure(stack))
        tell(moving.measure(stack, code))
    RESULTS.write_text("# Measured\n\nWritten by `uv run python -m benchmarks`.\n\n" + table(figures))


if __name__ == "__main__":
    main()
