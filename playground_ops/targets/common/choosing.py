"""Decides from which file of a project its packages come: the exact one before those that give ranges."""

import os
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.targets.common.declared import LOCKS, Declared, NotTaken, Selection
from playground_ops.targets.common.dependency_files import Found, files, otherwise_named
from playground_ops.targets.common.pyproject import Tables
from playground_ops.targets.common.repository_files import inside, is_file


def find_declared(checkout: Path, directory: Path, tables: Tables, selection: Selection) -> Declared:
    """Find the file; `tables` are those of the project's `pyproject.toml`. Nothing is run.

    Raises PlaygroundError (certain) when the selection names no such file.
    """
    found = files(checkout, directory, tables, (*selection.extras, *selection.groups))
    if selection.file is not None:
        taken = _named(checkout, directory, selection.file, found.usable)
        rest = [NotTaken(_place(one.file, directory), "another one is configured") for one in found.usable]
    elif found.usable:
        taken = found.usable[0]
        rest = [
            NotTaken(_place(one.file, directory), _why_not(taken, one))
            for one in found.usable[1:]
            # What a lock was made from is not passed over.
            if taken.kind not in LOCKS or one.kind != "pyproject.toml"
        ]
    else:
        others = (*found.others, *otherwise_named(checkout, directory))
        return Declared(None, None, False, others, selection, "")
    outdated = () if selection.file else tuple(found.outdated)
    place = _place(taken.file, directory)
    kept = tuple(one for one in (*rest, *found.others) if one.file != place)
    return Declared(taken.kind, taken.file, taken.exact, kept, selection, place, outdated)


def _named(checkout: Path, directory: Path, name: str, usable: list[Found]) -> Found:
    plain = Path(os.path.normpath(directory / name))
    if not plain.is_relative_to(checkout) or not is_file(checkout, plain, "`dependencies_from`"):
        raise PlaygroundError(_not_there(name, [_place(one.file, directory) for one in usable]))
    file = inside(checkout, plain)
    known = next((one for one in usable if inside(checkout, one.file) == file), None)
    if known is not None:
        return known
    if file.suffix in (".txt", ".in"):
        return Found("requirements.txt", file)
    if file.name == "pylock.toml" or (file.name.startswith("pylock.") and file.suffix == ".toml"):
        return Found("pylock.toml", file, exact=True)
    raise PlaygroundError(_of_no_use(name))


def _why_not(taken: Found, other: Found) -> str:
    if other.exact:
        return f"`{taken.file.name}` comes first"
    return "it gives ranges" if taken.exact else f"`{taken.file.name}` comes first"


def _place(file: Path, directory: Path) -> str:
    return Path(os.path.relpath(file, directory)).as_posix()


def _not_there(name: str, usable: list[str]) -> Finding:
    there = (
        f"There is {', '.join(f'`{one}`' for one in usable)}." if usable else "Nothing else is there either."
    )
    return certain(
        object=f"file/{name}",
        observed="The configured file with its dependencies is not in the repository at this commit.",
        cause=there,
        fix="Correct `dependencies_from` in the configuration; it is relative to the project's folder.",
    )


def _of_no_use(name: str) -> Finding:
    return certain(
        object=f"file/{name}",
        observed="Packages can't be installed from the file that `dependencies_from` names.",
        cause="It declares none, or is the lock of another folder's project.",
        fix="Name a requirements file (`.txt`), a lock, `pyproject.toml` or `setup.py` of the project.",
    )
