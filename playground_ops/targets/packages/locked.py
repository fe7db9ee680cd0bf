"""Reads lock files as data: which versions they hold, and those of PDM and pipenv as requirements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.pins import Pins
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.shapes import Shape
from playground_ops.targets.common.toml_files import read_json, read_toml, table
from playground_ops.targets.packages import refusals

PUBLIC = "pypi"
"""The name that Poetry, PDM and pipenv give to the public index: the stack's own index stands for it."""
Entry = Mapping[str, Any]


class Requirements(NamedTuple):
    """What is to be installed, as lines of a requirements file."""

    lines: Sequence[str]
    indexes: Sequence[str]
    """URLs of package indexes besides the configured one."""
    is_complete: bool
    """Whether every package is in it, at one version: then nothing is to be resolved."""


@contextmanager
def readable(project: Project) -> Iterator[None]:
    """Refuse a lock that is not as its tool writes it; its content is anybody's."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise PlaygroundError(refusals.unreadable_lock(project, repr(error))) from error


def pins(project: Project) -> Pins:
    """Return the versions in the project's lock; empty for one that is not read here."""
    kind, file = project.declared.kind, project.declared.file
    assert file is not None
    if kind in ("uv.lock", "pdm.lock"):
        return _versions(read_toml(file, project.checkout).get("package", ()))
    if kind == "pylock.toml":
        return _versions(read_toml(file, project.checkout, Shape.PYLOCK).get("packages", ()))
    if kind == "poetry.lock":
        read_toml(file, project.checkout)  # refused here; Poetry's library reads it
    if kind == "Pipfile.lock":
        content = read_json(file, project.checkout)
        parts = [part for key, part in content.items() if key != "_meta"]
        return _versions([{**one, "name": name} for part in parts for name, one in part.items()])
    return {}


def of_pdm(project: Project) -> Requirements:
    """Return what `pdm.lock` holds for the selection. Raises PlaygroundError (certain)."""
    file, chosen = project.declared.file, project.declared.selection
    assert file is not None
    lock = read_toml(file, project.checkout)
    metadata = table(lock, "metadata")
    wanted = {"default", *chosen.extras, *chosen.groups}
    missing = sorted(wanted - {*metadata.get("groups", ()), "default"})
    if missing:
        raise PlaygroundError(refusals.not_locked(project, missing))
    if "inherit_metadata" not in metadata.get("strategy", ()):
        raise PlaygroundError(refusals.without_groups(project))
    lines: dict[str, str] = {}
    for entry in lock.get("package", ()):
        if wanted & set(entry.get("groups", ())):
            hashes = [str(one["hash"]) for one in entry.get("files", ())]
            marker = _together(entry.get("marker"))
            lines.setdefault(entry["name"], _line(entry, entry["name"], hashes, marker, file.parent))
    sources = table(read_toml(project.directory / "pyproject.toml", project.checkout), "tool", "pdm").get(
        "source"
    )
    return Requirements(list(lines.values()), urls(sources), is_complete=True)


def of_pipenv(project: Project) -> Requirements:
    """Return what `Pipfile.lock` holds for the selection. Raises PlaygroundError (certain)."""
    file, chosen = project.declared.file, project.declared.selection
    assert file is not None
    lock = read_json(file, project.checkout)
    parts = {"dev-packages": "develop", "dev": "develop"}
    wanted = ["default", *(parts.get(group, group) for group in chosen.groups)]
    missing = [*chosen.extras, *(part for part in wanted[1:] if part not in lock)]
    if missing:
        raise PlaygroundError(refusals.not_locked(project, missing))
    lines: dict[str, str] = {}
    for part in wanted:
        for name, entry in table(lock, part).items():
            pinned = {**entry, "version": str(entry.get("version", "")).removeprefix("==")}
            lines.setdefault(
                name, _line(pinned, name, entry.get("hashes", ()), entry.get("markers"), file.parent)
            )
    return Requirements(list(lines.values()), urls(table(lock, "_meta").get("sources")), is_complete=True)


def _line(entry: Entry, name: str, hashes: Iterable[str], marker: str | None, folder: Path) -> str:
    at = f" ; {marker}" if marker else ""
    if entry.get("git"):
        below = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        return f"{name} @ git+{entry['git']}@{entry.get('revision') or entry.get('ref')}{below}{at}"
    place = entry.get("path") or entry.get("file")
    if place and "://" not in place:
        return f"{name} @ {(folder / place).resolve().as_uri()}{at}"
    if place or entry.get("url"):
        return f"{name} @ {place or entry['url']}{at}"
    return " ".join([f"{name}=={entry['version']}{at}", *(f"--hash={one}" for one in hashes)])


def _together(marker: object) -> str | None:
    return marker if isinstance(marker, str) and marker else None


def _versions(entries: Iterable[Entry]) -> Pins:
    found: dict[str, set[str]] = {}
    for entry in entries:
        versions = found.setdefault(canonicalize_name(entry["name"]), set())
        if entry.get("version"):
            versions.add(str(entry["version"]).removeprefix("=="))
    return found


def urls(sources: object) -> list[str]:
    """Return the URLs of the sources that a tool lists, but that of the public index."""
    listed = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    others = [one for one in listed if str(one.get("name")).lower() != PUBLIC]
    return [str(one["url"]) for one in others if one.get("url")]
