"""The content of a project's environment as a key: the same content gives the same key."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.targets.common.project import Project, read_toml
from playground_ops.targets.common.sources import content_hash

_LOCAL_LINE = re.compile(r"^\s*(?:-e\s|--editable|\.|/|file:)|@\s*(?:file:|\.)")
_INCLUDE_LINE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)")


@dataclass(frozen=True)
class Wanted:
    digest: str
    """Hexadecimal; the same for projects that lock or require the same."""
    has_local: bool
    """Whether packages of the repository itself are installed, other than the project's own."""


def wanted(project: Project) -> Wanted:
    """Return what `project` declares. Raises PlaygroundError (certain)."""
    assert project.dependency_file is not None
    if project.dependency_source == "uv.lock":
        return _locked(project, project.dependency_file)
    if project.dependency_source == "pyproject.toml":
        return _declared(project, project.dependency_file)
    return _required(project, project.dependency_file)


def _locked(project: Project, lock: Path) -> Wanted:
    # The lock's own text, and what it lacks: the code of packages in the same repository, which package of a
    # workspace is wanted, and uv's settings.
    member = project.directory.relative_to(lock.parent).as_posix()
    trees = [
        (lock.parent / place).resolve() for place in _local_places(read_toml(lock, project.checkout), member)
    ]
    outside = [tree for tree in trees if not tree.is_relative_to(project.checkout)]
    if outside:
        raise PlaygroundError(_outside(project, outside))
    settings = [_settings(folder / "pyproject.toml", project) for folder in (lock.parent, project.directory)]
    parts = [
        lock.read_text("utf-8"),
        member,
        *settings,
        *(content_hash([tree]) for tree in trees if tree.exists()),
    ]
    return Wanted(_digest(parts), bool(trees))


def _declared(project: Project, file: Path) -> Wanted:
    tables = read_toml(file, project.checkout)
    about = {
        name: tables.get("project", {}).get(name) for name in ("dependencies", "dynamic", "requires-python")
    }
    poetry = tables.get("tool", {}).get("poetry", {}).get("dependencies")
    parts = [
        json.dumps([about, poetry, tables.get("build-system")], sort_keys=True),
        _settings(file, project),
    ]
    sources = tables.get("tool", {}).get("uv", {}).get("sources", {})
    has_local = any(_is_local(source) for source in sources.values()) or "file:" in parts[0]
    if has_local or about["dynamic"]:
        # Only uv knows which trees it takes, and which of these in turn: the complete repository counts.
        parts.append(content_hash([project.checkout]))
    return Wanted(_digest(parts), has_local)


def _required(project: Project, file: Path) -> Wanted:
    lines = list(_lines(file, project.checkout, set()))
    has_local = any(_LOCAL_LINE.search(line) for line in lines)
    more = [content_hash([project.checkout])] if has_local else []
    return Wanted(_digest([*lines, *more]), has_local)


def _lines(file: Path, checkout: Path, seen: set[Path]) -> Iterator[str]:
    if file in seen or not file.resolve().is_relative_to(checkout) or not file.is_file():
        return
    seen.add(file)
    for line in file.read_text("utf-8", errors="replace").splitlines():
        included = _INCLUDE_LINE.match(line)
        if included:
            yield from _lines((file.parent / included[1]).resolve(), checkout, seen)
        if not line.lstrip().startswith("#"):
            yield line


def _local_places(lock: Mapping[str, Any], member: str) -> list[str]:
    """Return the folders of the packages that `member` needs from its own repository, itself left out."""
    packages: dict[str, list[Mapping[str, Any]]] = {}
    for package in lock.get("package", ()):
        packages.setdefault(package["name"], []).append(package)
    own = [package for versions in packages.values() for package in versions if _place(package) == member]
    waiting = [name for package in own for name in _needs(package, with_extras=())]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            every = packages.get(name, [])
            waiting += [need for package in every for need in _needs(package, with_extras=None)]
    places = {_place(package) for name in reached for package in packages.get(name, [])}
    return sorted(place for place in places if place is not None and place != member)


def _place(package: Mapping[str, Any]) -> str | None:
    source = package.get("source", {})
    place = source.get("editable", source.get("directory", source.get("virtual")))
    return Path(place).as_posix() if isinstance(place, str) else None


def _needs(package: Mapping[str, Any], with_extras: Sequence[str] | None) -> list[str]:
    """Return the names it depends on, with the named extras, or with None all extras."""
    extras = package.get("optional-dependencies", {})
    chosen = extras if with_extras is None else {name: extras[name] for name in with_extras}
    listed = [package.get("dependencies", []), *chosen.values()]
    return [entry["name"] for entries in listed for entry in entries]


def _is_local(source: object) -> bool:
    entries = source if isinstance(source, list) else [source]
    return any(isinstance(entry, dict) and ("path" in entry or entry.get("workspace")) for entry in entries)


def _settings(file: Path, project: Project) -> str:
    tools = read_toml(file, project.checkout).get("tool", {})
    return json.dumps(tools.get("uv", {}), sort_keys=True, default=str)


def _digest(parts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}\0{part}".encode())
    return digest.hexdigest()


def _outside(project: Project, trees: Sequence[Path]) -> Finding:
    return certain(
        object=f"environment/{project.place}",
        observed=f"It needs packages from outside its repository: {', '.join(str(tree) for tree in trees)}.",
        cause="`[tool.uv.sources]` points to a folder that only its author has.",
        fix="Move the package into the repository, or depend on a released version of it.",
    )
