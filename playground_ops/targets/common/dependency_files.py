"""The files of a project's folder that say which packages it needs: usable ones in order, and the others."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from playground_ops.targets.common import pyproject, requirement_files
from playground_ops.targets.common.declared import LOCKS, Kind, NotTaken
from playground_ops.targets.common.pins import Sought, gaps
from playground_ops.targets.common.pyproject import Tables
from playground_ops.targets.common.python_versions import setup_cfg
from playground_ops.targets.common.repository_files import inside, is_file, is_folder, name_of, read
from playground_ops.targets.common.requirement_files import Contents
from playground_ops.targets.common.toml_files import read_toml, strings, table


class Found(NamedTuple):
    kind: Kind
    file: Path
    exact: bool = False


class Files(NamedTuple):
    usable: list[Found]
    others: list[NotTaken]
    outdated: list[str]
    """What a compiled `requirements.txt` lacks, where nothing else is exact."""


_MOST_NAMED = 20
CONDA = (
    "conda's, which are not installed here: declare the packages in `pyproject.toml` or `requirements.txt`"
)


def files(checkout: Path, directory: Path, tables: Tables, chosen: tuple[str, ...]) -> Files:
    """Look for them. `tables`: those of `pyproject.toml`; `chosen`: names of extras and groups."""
    locks, others = _locks(checkout, directory, tables)
    declares = pyproject.declares(tables, chosen)
    ranges = [Found("pyproject.toml", directory / "pyproject.toml")] if declares else []
    setup = [] if declares else _setup(checkout, directory, chosen)
    outdated: list[str] = []
    file = directory / "requirements.txt"
    if is_file(checkout, file):
        listed = requirement_files.contents(file, checkout)
        lacks = _lacks(listed, tables)
        found = Found("requirements.txt", file, exact=listed.exact)
        if listed.exact and not lacks:
            locks.append(found)
        elif declares:
            others.append(NotTaken(file.name, "; ".join(lacks[:3]) or "it does not pin all that it names"))
            outdated = lacks if listed.exact and listed.compiled and "dagster" in listed.pins else []
        elif setup and not listed.by_path and "dagster" not in listed.names:
            setup.append(found)
        else:
            setup.insert(0, found)
    return Files(
        [*locks, *ranges, *setup], [*others, *_unusable(checkout, directory)], [] if locks else outdated
    )


def _locks(checkout: Path, directory: Path, tables: Tables) -> tuple[list[Found], list[NotTaken]]:
    found, others = [], []
    uv = uv_lock(checkout, directory, tables)
    if uv is not None:
        found.append(Found("uv.lock", uv, exact=True))
    named = [one for one in _matching(directory, "pylock.*.toml") if is_file(checkout, one)]
    if is_file(checkout, directory / "pylock.toml"):
        found.append(Found("pylock.toml", directory / "pylock.toml", exact=True))
    elif len(named) == 1 and not found:
        found.append(Found("pylock.toml", named.pop(), exact=True))
    others += [NotTaken(one.name, "it is for one purpose; name it by `dependencies_from`") for one in named]
    for kind in LOCKS[2:]:
        if not is_file(checkout, directory / kind):
            continue
        if kind == "poetry.lock" and "project" not in tables and not table(tables, "tool", "poetry"):
            others.append(NotTaken(kind, "no `pyproject.toml` beside it says what it was locked for"))
        else:
            found.append(Found(kind, directory / kind, exact=True))
    return found, others


def uv_lock(checkout: Path, directory: Path, tables: Tables) -> Path | None:
    """Return uv's lock of the project, or of the workspace that it is a member of."""
    if is_file(checkout, directory / "uv.lock"):
        return directory / "uv.lock"
    if "project" not in tables:
        return None
    for above in directory.parents:
        if not above.is_relative_to(checkout):
            break
        workspace = table(read_toml(above / "pyproject.toml", checkout), "tool", "uv", "workspace")
        if workspace and _is_member(directory.relative_to(above), workspace):
            said_by = f"`tool.uv.workspace.members` of `{name_of(checkout, above / 'pyproject.toml')}`"
            for pattern in strings(workspace.get("members")):
                inside(checkout, above / pattern, said_by)
            return above / "uv.lock" if is_file(checkout, above / "uv.lock") else None
    return None


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return what of a folder has such a name and can be shown, sorted; no more than a person reads."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if fnmatch(one.name, pattern) and one.name.isprintable()]
    except OSError:
        return []
    return [folder / name for name in sorted(names)[:_MOST_NAMED]]


def _is_member(place: Path, workspace: Tables) -> bool:
    def listed(key: str) -> bool:
        # `*` is one level, as in uv; Path.match compares from the right, so the depth is compared too.
        patterns = [path for pattern in strings(workspace.get(key)) if (path := Path(pattern)).parts]
        return any(
            place.match(pattern.as_posix())
            and ("**" in pattern.parts or len(pattern.parts) == len(place.parts))
            for pattern in patterns
        )

    return listed("members") and not listed("exclude")


def _lacks(listed: Contents, tables: Tables) -> list[str]:
    """Return what a requirements file lacks of what `pyproject.toml` declares, as far as that can be read."""
    declared = pyproject.requirements(tables, (), ())
    if declared is None:
        names = sorted(pyproject.names_of_poetry(tables))
        declared = [one for name in names if (one := requirement_files.requirement_of(name))]
    return gaps(Sought(declared, pyproject.decided_elsewhere(tables)), listed.pins)


def _setup(checkout: Path, directory: Path, chosen: tuple[str, ...]) -> list[Found]:
    """Return what setuptools reads; it can only be told of dependencies by these words."""
    config, script = setup_cfg(checkout, directory), directory / "setup.py"
    if is_file(checkout, script):
        words = ("install_requires", "pbr", *(["extras_require"] if chosen else []))
        text = (read(checkout, script) or b"").decode(errors="replace")
        if any(word in text for word in words) or config.has_option("options", "install_requires"):
            return [Found("setup.py", script)]
    if config.has_option("options", "install_requires"):
        return [Found("setup.cfg", directory / "setup.cfg")]
    return []


def _unusable(checkout: Path, directory: Path) -> list[NotTaken]:
    names = ("environment.yml", "environment.yaml", "conda-lock.yml", "pixi.toml", "pixi.lock")
    found = [NotTaken(name, CONDA) for name in names if is_file(checkout, directory / name)]
    if is_file(checkout, directory / "Pipfile") and not is_file(checkout, directory / "Pipfile.lock"):
        why = "only its lock is read: run `pipenv lock` and commit `Pipfile.lock`"
        found.append(NotTaken("Pipfile", why))
    return found


def otherwise_named(checkout: Path, directory: Path) -> list[NotTaken]:
    """Return files that may be meant, where nothing is found under the usual names."""
    below = directory / "requirements"
    searched = [(directory, "requirements*.in"), (directory, "requirements*.txt")]
    searched += [(below, "*.txt"), (below, "*.in")] if is_folder(checkout, below) else []
    places = sorted({place for folder, pattern in searched for place in _matching(folder, pattern)})
    why = "it has no usual name; name it by `dependencies_from`"
    names = [place.relative_to(directory).as_posix() for place in places if is_file(checkout, place)]
    found = [NotTaken(name, why) for name in names]
    if is_file(checkout, directory / "setup.py"):
        found.append(NotTaken("setup.py", "it has no `install_requires`"))
    return found
