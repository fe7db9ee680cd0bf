"""The paths of packages that a project's files name. A package from outside of the checkout is none of it."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common import requirement_files
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import is_inside
from playground_ops.targets.common.shapes import Shape
from playground_ops.targets.common.toml_files import read_json, read_toml, strings, table
from playground_ops.targets.packages import refusals

_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=?\s*)")
_IN_UV_LOCK = ("editable", "virtual", "directory", "path")
_IN_PYLOCK = ("directory", "archive", "vcs", "sdist")


def check(project: Project) -> None:
    """Raise PlaygroundError (certain) with the paths that lead out of the checkout."""
    out = [
        path if _is_above(project, folder / path) else os.path.realpath(folder / path)
        for folder, path in _named(project)
        if not is_inside(project.checkout, folder / path)
    ]
    if out:
        raise PlaygroundError(refusals.outside(project, [Path(path) for path in dict.fromkeys(out)]))


def _is_above(project: Project, path: Path) -> bool:
    return not Path(os.path.normpath(path)).is_relative_to(project.checkout)


def _named(project: Project) -> Iterator[tuple[Path, str]]:
    """Yield each path with the folder that it is relative to."""
    kind, file, checkout = project.declared.kind, project.declared.file, project.checkout
    if file is None:
        return
    yield from ((project.directory, path) for path in _of_project(project))
    if kind == "requirements.txt":
        lines = requirement_files.lines(file, checkout)
        yield from ((project.directory, path) for line in lines if (path := _path_of(line)))
    elif kind == "pylock.toml":
        entries = read_toml(file, checkout, Shape.PYLOCK).get("packages", ())
        yield from ((file.parent, path) for entry in entries for path in _of_pylock(entry))
    elif kind in ("uv.lock", "poetry.lock", "pdm.lock"):
        entries = read_toml(file, checkout).get("package", ())
        yield from ((file.parent, path) for entry in entries for path in _of_lock(entry))
    elif kind == "Pipfile.lock":
        parts = [part for key, part in read_json(file, checkout).items() if key != "_meta"]
        entries = [entry for part in parts for entry in part.values()]
        found = (entry.get("path") or entry.get("file") for entry in entries)
        yield from ((file.parent, path) for one in found if one and (path := _local(one)))


def _of_project(project: Project) -> Iterator[str]:
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    sources = table(tables, "tool", "uv", "sources").values()
    poetry = table(tables, "tool", "poetry", "dependencies").values()
    for found in (*sources, *poetry):
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, dict) and one.get("path"):
                yield one["path"]
    for text in strings(table(tables, "project").get("dependencies")):
        if path := _path_of(text):
            yield path


def _of_lock(entry: Mapping[str, Any]) -> Iterator[str]:
    source = entry.get("source") or {}
    named = [source.get(key) for key in _IN_UV_LOCK] + [entry.get("path")]
    if source.get("type") in ("directory", "file"):
        named.append(source.get("url"))
    yield from (path for one in named if one and (path := _local(one)))


def _of_pylock(entry: Mapping[str, Any]) -> Iterator[str]:
    named = [(entry.get(key) or {}).get("path") for key in _IN_PYLOCK]
    named += [one.get("path") for one in entry.get("wheels") or ()]
    yield from (path for one in named if one and (path := _local(one)))


def _path_of(line: str) -> str | None:
    """Return the path that a line of a requirements file, or a requirement, names."""
    if line.startswith("-") and not _EDITABLE.match(line):
        return None
    text = re.split(r"\s(?:--?[a-z]|;)", _EDITABLE.sub("", line))[0].strip()
    found = requirement_files.requirement_of(text)
    if found is not None:
        return _local(found.url) if found.url else None
    named = re.match(r"[\w.-]+(?:\[[^\]]*\])?\s*@\s*(\S+)", text)
    place = named[1] if named else text
    return _local(re.sub(r"\[[\w,\s.-]*\]$", "", place)) if named or "/" in place else None


def _local(text: str) -> str | None:
    """Return the path; None for a URL, and for one with a variable in it, which the installer knows."""
    if "$" in text or "{" in text:
        return None
    url = urlsplit(text)
    if url.scheme == "file":
        return unquote(url.path) if url.netloc in ("", "localhost") else None
    return None if url.scheme else text.partition("#")[0]
