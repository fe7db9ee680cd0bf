"""A program for a Python that has PyPA's build: asks a project's build backend which packages it needs.

`python with_build.py FOLDER RESULT`

It writes JSON to the file RESULT: `needs` (what the backend itself wants installed first), or `requires` (the
requirements of the project); or `error`. The backend runs the project's own code, as any build does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import PathDistribution
from pathlib import Path

from build import ProjectBuilder, check_dependency


def main(folder: str, result: str) -> None:
    try:
        found = read(folder)
    except Exception as error:  # whatever the project's own code raises
        found = {"error": str(error)}
    Path(result).write_text(json.dumps(found))


def read(folder: str) -> dict[str, object]:
    builder = ProjectBuilder(folder)
    needs = [one for one in builder.get_requires_for_build("wheel") if list(check_dependency(one))]
    if needs:
        return {"needs": sorted(needs)}
    with tempfile.TemporaryDirectory() as place:
        metadata = PathDistribution(Path(builder.metadata_path(place))).metadata
        return {"requires": metadata.get_all("Requires-Dist") or []}


if __name__ == "__main__":
    main(*sys.argv[1:3])
