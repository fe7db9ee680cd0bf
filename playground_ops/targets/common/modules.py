"""Finds Python modules in a tree of files, without importing anything."""

import difflib
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from playground_ops.targets.common.repository_files import is_file, is_folder, shown

_NO_CODE = {"node_modules", "__pycache__", "venv", "site-packages", "build", "dist", "tests", "test"}
_PROJECT_FILES = ("pyproject.toml", "setup.py", "requirements.txt", "dg.toml")
LISTED = 5
_MOST_FILES = 500
"""How many are compared with what is wanted."""


def has_module(checkout: Path, root: Path, module: str) -> bool:
    """Return whether `module` is a file or a package with an `__init__.py` below `root`.

    Raises PlaygroundError (certain) where a link on the way leads out of the checkout.
    """
    path = root.joinpath(*module.split("."))
    return is_file(checkout, path.with_name(f"{path.name}.py")) or is_file(checkout, path / "__init__.py")


def has_package(checkout: Path, root: Path, module: str) -> bool:
    """Return whether `module` is a package below `root`; one without `__init__.py` counts.

    Raises PlaygroundError (certain) where a link on the way leads out of the checkout.
    """
    return is_folder(checkout, root.joinpath(*module.split(".")))


def offered(checkout: Path, wanted: str) -> list[str]:
    """Return modules named like definitions, those most like `wanted` first, each with its subdirectory."""
    found = {}
    for file in _files(checkout, ("definitions.py", "repository.py"), inside=("definitions",)):
        directory = _project_of(file, checkout)
        module = _name(file, directory)
        found[f"`{shown(module)}` in subdirectory `{_place(directory, checkout)}`"] = module
    return sorted(found, key=lambda text: (-_likeness(found[text], wanted), text))[:LISTED]


def nearest_folders(checkout: Path, wanted: str) -> list[str]:
    """Return subdirectories that hold a project, those most like `wanted` first."""
    folders = {_project_of(file, checkout) for file in _files(checkout, _PROJECT_FILES)}
    places = [_place(folder, checkout) for folder in folders]
    return sorted(places, key=lambda place: (-_likeness(place, wanted), place))[:LISTED]


def _place(folder: Path, checkout: Path) -> str:
    return shown(folder.relative_to(checkout).as_posix())


def _likeness(name: str, wanted: str) -> float:
    return difflib.SequenceMatcher(None, name, wanted).ratio()


def _name(file: Path, directory: Path) -> str:
    root = directory / "src" if (directory / "src") in file.parents else directory
    parts = list(file.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _project_of(file: Path, checkout: Path) -> Path:
    for folder in file.parents:
        if folder == checkout or any((folder / name).is_file() for name in _PROJECT_FILES):
            return folder
    return checkout


def _files(checkout: Path, names: Sequence[str], inside: Sequence[str] = ()) -> Iterator[Path]:
    return islice(_all_files(checkout, names, inside), _MOST_FILES)


def _all_files(checkout: Path, names: Sequence[str], inside: Sequence[str]) -> Iterator[Path]:
    for folder, below, files in os.walk(checkout):
        below[:] = sorted(name for name in below if name not in _NO_CODE and not name.startswith("."))
        wanted = [name for name in files if name in names]
        if Path(folder).name in inside and "__init__.py" in files:
            wanted.append("__init__.py")
        yield from (Path(folder, name) for name in sorted(wanted))
