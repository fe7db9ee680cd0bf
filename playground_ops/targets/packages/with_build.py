"""A program for a Python that has a build backend: asks it what a project needs, or for its wheel.

`python with_build.py requires|wheel FOLDER BACKEND PATHS RESULT`

BACKEND is a module, and an object in it behind a colon; PATHS a list (JSON) of folders in FOLDER to find it
in (PEP 517). It writes JSON to the file RESULT: `needs` (what the backend itself wants installed first), or
`requires` (the requirements of the project), or `wheel` (the path of what was built, beside RESULT); or
`error`. The backend runs the project's own code, as any build does.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution
from pathlib import Path
from typing import Any
from zipfile import ZipFile


def main(what: str, folder: str, backend: str, paths: str, result: str) -> None:
    os.chdir(folder)
    sys.argv[1:] = []
    try:
        found = _asked(what, _backend(backend, json.loads(paths)), Path(result).parent / "dist")
    except Exception as error:  # whatever the project's own code raises
        found = {"error": f"{type(error).__name__}: {error}"}
    except SystemExit as error:  # as setuptools ends what it refuses
        found = {"error": f"It ended: {error}"}
    Path(result).write_text(json.dumps(found))


def _backend(name: str, paths: list[str]) -> Any:
    sys.path[:0] = [os.path.realpath(path) for path in paths]
    module, _, attributes = name.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in attributes.split(".") if attributes else ():
        found = getattr(found, attribute)
    return found


def _asked(what: str, backend: Any, out: Path) -> dict[str, object]:
    asked = getattr(backend, "get_requires_for_build_wheel", None)
    wanted: list[str] = asked(None) if asked else []
    if needs := [one for one in wanted if not _is_there(one)]:
        return {"needs": needs}
    if what == "wheel":
        return {"wheel": str(out / backend.build_wheel(str(out), None, None))}
    with tempfile.TemporaryDirectory() as place:
        if hasattr(backend, "prepare_metadata_for_build_wheel"):
            info = Path(place, backend.prepare_metadata_for_build_wheel(place, None))
        else:
            with ZipFile(Path(place, backend.build_wheel(place, None, None))) as archive:
                archive.extractall(place)
            info = next(Path(place).glob("*.dist-info"))
        return {"requires": PathDistribution(info).metadata.get_all("Requires-Dist") or []}


def _is_there(requirement: str) -> bool:
    name = re.match(r"\s*([A-Za-z0-9][\w.-]*)", requirement)
    try:
        return name is not None and distribution(name[1]) is not None
    except PackageNotFoundError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:6])
