"""What is to be installed, package by package, each file with its hash: a standard lock (PEP 751) as data.

Whatever a project declares becomes this first. What is installed is written anew from it, in a folder of its
own, so that the installer reads no file that a repository brings.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker, default_environment
from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from playground_ops.targets.common.toml_files import table
from playground_ops.targets.packages.interpreters import Interpreter

Entry = Mapping[str, Any]


def digest(path: Path, algorithm: str) -> str:
    """Return the hash of a file, in hexadecimal, whatever its size."""
    found = hashlib.new(algorithm)
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


@dataclass(frozen=True)
class File:
    """A wheel or source, at a URL or a path."""

    hashes: Mapping[str, str]
    """By algorithm, in hexadecimal."""
    url: str | None = None
    path: Path | None = None

    @classmethod
    def at(cls, path: Path) -> "File":
        """Return the file at a path, with the hash that it has."""
        return cls({"sha256": digest(path, "sha256")}, path=path)

    @property
    def name(self) -> str:
        """Return its name, which is that of one file whatever the URL has in it."""
        if self.path:
            return self.path.name
        found = unquote(urlsplit(self.url or "").path).rpartition("/")[2]
        return re.sub(r"^\.+|[^\w.+!-]", "_", found) or "unnamed"

    def text(self) -> str:
        place = f"path = {_quoted(str(self.path))}" if self.path else f"url = {_quoted(str(self.url))}"
        hashes = ", ".join(f"{name} = {_quoted(value)}" for name, value in sorted(self.hashes.items()))
        return f"{{ {place}, hashes = {{ {hashes} }} }}"


@dataclass(frozen=True)
class Package:
    name: str
    version: str | None
    index: str | None
    """The index that its files are said to come from; None: a file or folder that was named itself."""
    wheels: Sequence[File] = ()
    source: File | None = None
    tree: Path | None = None
    git: Entry = field(default_factory=dict)
    """`url` or `path`, and `commit-id`."""
    subdirectory: str = "."

    @property
    def installed_version(self) -> str:
        return self.version or str(parse_wheel_filename(self.wheels[0].name)[1])

    def is_named(self, url: str) -> bool:
        """Return whether the file at `url` has the name of a wheel of it."""
        try:
            found = parse_wheel_filename(unquote(urlsplit(url).path.rpartition("/")[2]))
            version = Version(self.installed_version)
        except (InvalidWheelFilename, InvalidVersion):
            return False
        return found[0] == canonicalize_name(self.name) and str(found[1]) == str(version)

    def text(self) -> str:
        index = f"index = {_quoted(self.index)}\n" if self.index else ""
        version = f"version = {_quoted(self.version)}\n" if self.version else ""
        files = "".join(f"    {one.text()},\n" for one in self.wheels)
        return f"[[packages]]\nname = {_quoted(self.name)}\n{version}{index}wheels = [\n{files}]\n"


@dataclass(frozen=True)
class Machine:
    """What decides whether a package or a wheel is for `interpreter`, with the extras and groups chosen."""

    interpreter: Interpreter
    extras: Sequence[str] = ()
    groups: Sequence[str] = ()

    def wants(self, marker: object) -> bool:
        """Return whether an entry of a lock with that marker is for it."""
        if not isinstance(marker, str) or not marker:
            return True
        chosen = {"extras": frozenset(self.extras), "dependency_groups": frozenset(self.groups)}
        return Marker(marker).evaluate({**self._environment, **chosen}, context="lock_file")

    def _wants(self, marker: str, extra: str) -> bool:
        return Marker(marker).evaluate({**self._environment, "extra": extra})

    @cached_property
    def _environment(self) -> dict[str, Any]:
        version = self.interpreter.version
        found = {"python_full_version": version, "python_version": ".".join(version.split(".")[:2])}
        return {**default_environment(), **found}

    def wants_with(self, marker: str, extras: Iterable[str]) -> bool:
        """Return whether a requirement with that marker counts for who needs its package with `extras`."""
        return not marker or any(self._wants(marker, extra) for extra in ("", *extras))

    def fitting(self, wheels: Iterable[File]) -> list[File]:
        """Return those that can be installed, the best first."""
        ranked = [(self._rank(one.name), one) for one in wheels]
        return [one for rank, one in sorted(ranked, key=lambda pair: pair[0]) if rank < len(self._tags)]

    def _rank(self, wheel: str) -> int:
        try:
            tags = parse_wheel_filename(wheel)[3]
        except (InvalidWheelFilename, InvalidVersion):
            return len(self._tags)
        return min((self._tags.get(tag, len(self._tags)) for tag in tags), default=len(self._tags))

    @cached_property
    def _tags(self) -> dict[Tag, int]:
        """Return the tags of wheels that it takes, with their ranks."""
        major, minor = (int(part) for part in self.interpreter.version.split(".")[:2])
        platforms = list(platform_tags())
        found = [*cpython_tags((major, minor), platforms=platforms)]
        found += compatible_tags((major, minor), f"cp{major}{minor}", platforms)
        return {tag: rank for rank, tag in enumerate(found)}


def read(tables: Mapping[str, Any], folder: Path, machine: Machine) -> list[Package]:
    """Return the packages of a lock in `folder` that are for the machine. Raises as damaged data does."""
    if not str(tables.get("lock-version", "")).startswith("1."):
        raise ValueError(f"lock-version {tables.get('lock-version')!r}")
    return [
        _package(entry, folder) for entry in tables.get("packages", ()) if machine.wants(entry.get("marker"))
    ]


def _package(entry: Entry, folder: Path) -> Package:
    archive, tree, git = (table(entry, name) for name in ("archive", "directory", "vcs"))
    found = Package(canonicalize_name(entry["name"]), entry.get("version"), None)
    below = str({**archive, **tree, **git}.get("subdirectory", "."))
    if tree:
        return replace(found, tree=folder / tree["path"], subdirectory=below)
    if git:
        if git.get("type") != "git" or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", str(git["commit-id"])):
            raise ValueError(f"a repository that is not git's, or without its commit: {entry['name']}")
        return replace(found, git=git, subdirectory=below)
    if archive:
        file = _file(archive, folder)
        if file.name.endswith(".whl"):
            return replace(found, wheels=[file])
        return replace(found, source=file, subdirectory=below)
    wheels = [_file(one, folder) for one in entry.get("wheels", ())]
    source = _file(entry["sdist"], folder) if "sdist" in entry else None
    return replace(found, index=str(entry.get("index", "")), wheels=wheels, source=source)


def _file(entry: Entry, folder: Path) -> File:
    hashes = {str(name): str(value) for name, value in entry["hashes"].items()}
    if not hashes:
        raise ValueError("a file without a hash")
    if "url" in entry:
        return File(hashes, url=str(entry["url"]))
    return File(hashes, path=folder / entry["path"])


def text(packages: Iterable[Package]) -> str:
    """Return a lock of packages that have wheels."""
    head = 'lock-version = "1.0"\ncreated-by = "playground-ops"\n'
    return head + "".join(f"\n{one.text()}" for one in packages)


def _quoted(value: str) -> str:
    """Write a string as TOML: JSON's are TOML's too, but for surrogate pairs and DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
