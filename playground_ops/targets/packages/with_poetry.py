"""A program for a Python that has poetry-core: turns a project of Poetry into requirements for that Python.

`python with_poetry.py PYPROJECT [--lock FILE] [--extra NAME]... [--group NAME]... RESULT`

It writes JSON to the file RESULT: `requirements` (lines for an installer; from a lock one for each package,
exact, with hashes), `indexes` (the URLs of those that they come from), `missing` (what is declared and not in
the lock), `unknown` (extras and groups that the project does not have); or `error`. It runs nothing of the
project.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.utils import canonicalize_name
from poetry.core.constraints.version import Version, parse_constraint
from poetry.core.factory import Factory
from poetry.core.packages.dependency import Dependency
from poetry.core.packages.project_package import ProjectPackage
from poetry.core.version.markers import parse_marker

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLIC = "pypi"
"""Poetry's name of the public index, as in `locked.py`, which this program can't import."""
Entry = Mapping[str, Any]
"""A package of a lock."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pyproject", type=Path)
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--extra", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("result", type=Path)
    found = parser.parse_args(arguments)
    try:
        told = read(found)
    except Exception as error:  # whatever poetry-core finds wrong with the files
        told = {"error": str(error)}
    found.result.write_text(json.dumps(told))


def read(found: argparse.Namespace) -> dict[str, object]:
    package = Factory().create_poetry(found.pyproject.parent.resolve(), with_groups=True).package
    extras, groups = _names(found.extra), _names(found.group)
    unknown = [name for name in extras if name not in package.extras]
    unknown += [name for name in groups if not package.has_dependency_group(name)]
    roots = list(_roots(package, extras, [name for name in groups if name not in unknown]))
    if found.lock is None:
        lines = [root.to_pep_508(with_extras=False) for root in roots]
        return {"requirements": lines, "indexes": [], "missing": [], "unknown": unknown}
    lock = Lock(tomllib.loads(found.lock.read_text("utf-8")), found.pyproject.parent.resolve())
    lines = lock.requirements(roots)
    return {
        "requirements": lines,
        "indexes": sorted(lock.indexes),
        "missing": sorted(set(lock.missing)),
        "unknown": unknown,
    }


def _roots(package: ProjectPackage, extras: Sequence[str], groups: Sequence[str]) -> Iterator[Dependency]:
    chosen = {dependency.name for extra in extras for dependency in package.extras.get(extra, ())}
    for group in ("main", *groups):
        if not package.has_dependency_group(group):
            continue
        for dependency in package.dependency_group(group).dependencies_for_locking:
            if dependency.is_optional() and group == "main" and dependency.name not in chosen:
                continue
            yield dependency


class Lock:
    """The packages of a `poetry.lock`, for the Python that this runs on."""

    def __init__(self, tables: Mapping[str, Any], folder: Path) -> None:
        self._entries: dict[str, list[Entry]] = {}
        for entry in tables.get("package", ()):
            self._entries.setdefault(canonicalize_name(entry["name"]), []).append(entry)
        # Until lock version 2.0 the hashes of all packages stood together.
        self._files = tables.get("metadata", {}).get("files", {})
        self._folder, self._environment = folder, dict(default_environment())
        self.missing: list[str] = []
        self.indexes: set[str] = set()

    def requirements(self, roots: Sequence[Dependency]) -> list[str]:
        """Return the exact requirements of all that `roots` need; what is not there is in `missing`."""
        found: dict[str, str] = {}
        seen: set[tuple[str, str, frozenset[str]]] = set()
        waiting = [(root, frozenset[str]()) for root in roots]
        while waiting:
            dependency, extras = waiting.pop()
            if not dependency.marker.validate({**self._environment, "extra": extras}):
                continue
            entry = self._chosen(dependency)
            if entry is None:
                self.missing.append(self._why_not(dependency))
                continue
            wanted = frozenset(dependency.extras)
            key = (dependency.name, str(entry["version"]), wanted)
            if key not in seen:
                seen.add(key)
                found[dependency.name] = self._line(entry)
                waiting += [(one, wanted) for one in self._needs(entry, wanted)]
        return [found[name] for name in sorted(found)]

    def _chosen(self, dependency: Dependency) -> Entry | None:
        fitting = [
            entry
            for entry in self._entries.get(dependency.name, ())
            if (
                dependency.is_direct_origin() or dependency.constraint.allows(Version.parse(entry["version"]))
            )
            and self._applies(entry)
        ]
        return max(fitting, key=lambda entry: Version.parse(entry["version"]), default=None)

    def _applies(self, entry: Entry) -> bool:
        python = Version.parse(str(self._environment["python_full_version"]))
        if not parse_constraint(entry.get("python-versions", "*")).allows(python):
            return False
        markers = entry.get("markers")
        every = list(markers.values()) if isinstance(markers, dict) else [markers or ""]
        # Those of a group that is not wanted do no harm: any of them admits the package. Of extras, whoever
        # needs it was asked.
        return any(parse_marker(one).validate(self._environment) for one in every)

    def _needs(self, entry: Entry, extras: frozenset[str]) -> Iterator[Dependency]:
        offered = {canonicalize_name(name): listed for name, listed in entry.get("extras", {}).items()}
        # `name (>=1)` or `name[extra] (>=1) ; marker`
        named = {
            canonicalize_name(one.split(";")[0].split("(")[0].split("[")[0].strip())
            for extra in extras
            for one in offered.get(canonicalize_name(extra), ())
        }
        for name, listed in entry.get("dependencies", {}).items():
            for one in listed if isinstance(listed, list) else [listed]:
                if isinstance(one, dict) and one.get("optional") and canonicalize_name(name) not in named:
                    continue
                yield Factory.create_dependency(name, one, root_dir=self._folder)

    def _line(self, entry: Entry) -> str:
        name, source = entry["name"], entry.get("source", {})
        kind, url = source.get("type"), source.get("url", "")
        if kind == "git":
            below = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
            return f"{name} @ git+{url}@{source['resolved_reference']}{below}"
        if kind in ("directory", "file"):
            return f"{name} @ {(self._folder / url).resolve().as_uri()}"
        if kind == "url":
            return f"{name} @ {url}"
        if kind == "legacy" and str(source.get("reference")).lower() != PUBLIC:
            self.indexes.add(url)
        files = entry.get("files") or self._files.get(entry["name"], ())
        return " ".join([f"{name}=={entry['version']}", *(f"--hash={file['hash']}" for file in files)])

    def _why_not(self, dependency: Dependency) -> str:
        versions = [str(entry["version"]) for entry in self._entries.get(dependency.name, ())]
        if not versions:
            return f"`{dependency.pretty_name}` is not in it"
        wanted = f"{dependency.pretty_name} {dependency.pretty_constraint}"
        return f"it has {dependency.pretty_name} {' and '.join(versions)}, not `{wanted}`"


def _names(given: Sequence[str]) -> list[str]:
    return [canonicalize_name(name) for name in given]


if __name__ == "__main__":
    main(sys.argv[1:])
