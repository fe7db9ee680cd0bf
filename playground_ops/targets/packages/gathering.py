"""Reads what a project without a lock declares: what comes from an index, and what is built from folders.

Folders of the repository, of others, and files at an address are wheels before anything is resolved, and what
these need is read from the wheel. So whoever resolves follows no address that a repository names.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common import pyproject, requirement_files
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import is_inside
from playground_ops.targets.common.toml_files import read_toml, strings, table
from playground_ops.targets.packages import refusals
from playground_ops.targets.packages.builder import Built
from playground_ops.targets.packages.demand import Demand, indexes_of, parsed, plain
from playground_ops.targets.packages.exact import File, Machine
from playground_ops.targets.packages.sources_of_uv import Sources
from playground_ops.targets.packages.tools import Tools

_ROOT = "{root}"
"""Where a build's answer has the folder of the repository."""
_HASH = re.compile(r"--hash[ =](\w+:[0-9a-f]+)")
_UNNAMED = re.compile(r"(?P<place>[^\s\[;]+)(?:\[(?P<extras>[^\]]*)\])?(?:\s*;\s*(?P<marker>.*))?$")


@dataclass
class Gathering:
    """`project`: in its checkout, which is read; builds are made in the copy that `tools` has."""

    project: Project
    tools: Tools
    machine: Machine
    demand: Demand = field(default_factory=Demand)
    trees: set[str] = field(default_factory=set)
    """Paths in the repository of what was taken from it, the project's own included."""
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def of_requirements(self, requirements: Iterable[str]) -> None:
        """Take requirements of the project itself: what its table declares, or its build tells."""
        sources = Sources.of(self.project.directory, self.project.checkout)
        for one in requirements:
            self._line(one.replace(f"file://{_ROOT}", self.project.checkout.as_uri()), sources)

    def of_lines(self, lines: Iterable[str]) -> None:
        """Take lines of a requirements file that has no options. Raises PlaygroundError."""
        for line in lines:
            self._line(line, None)

    def of_file(self, file: Path) -> None:
        """Take a requirements file in pip's format. Raises PlaygroundError."""
        checkout = self.project.checkout
        for line in requirement_files.lines(file, checkout, constraints=False):
            option = re.match(r"(-[a-zA-Z]|--[a-z-]+)(?:\s*=?\s*)(.*)", line)
            if option and option[1] not in ("-e", "--editable"):
                self._option(option[1], option[2].strip(), file)
            else:
                self._line(option[2] if option else line, None)

    def itself(self, told: Sequence[str] | None = None) -> None:
        """Take what the project needs by its own `pyproject.toml`, or what its build tells."""
        chosen, tables = self.project.declared.selection, self._tables(self.project.directory)
        unknown = (
            [*_not_in(chosen.extras, tables, "project", "optional-dependencies")] if told is None else []
        )
        groups = [*_not_in(chosen.groups, tables, "dependency-groups")]
        ours = table(tables, "tool", "pdm", "dev-dependencies")
        unknown += [name for name in groups if name not in ours]
        if unknown:
            raise PlaygroundError(refusals.unknown(self.project, unknown))
        listed = pyproject.requirements(tables, chosen.extras, chosen.groups)
        self.of_requirements(map(str, listed) if listed is not None else _chosen(told or (), self.machine))
        if listed is None:
            self.of_requirements(map(str, pyproject.of_groups(tables, chosen.groups)))
        for name in set(groups) & set(ours):
            self.of_requirements(line.removeprefix("-e ") for line in strings(ours[name]))

    def settings(self) -> None:
        """Take those of uv's settings in the project that decide on versions and indexes."""
        found = read_toml(self.project.directory / "uv.toml", self.project.checkout)
        found = found or table(self._tables(self.project.directory), "tool", "uv")
        self.demand.set_of_uv(found)
        asked = indexes_of(found)[0]
        self.demand.indexes += [one for one in asked if "://" in one]
        for one in (*strings(found.get("find-links")), *(one for one in asked if "://" not in one)):
            self._option("--find-links", one, self.project.directory / "pyproject.toml")

    def _option(self, name: str, value: str, file: Path) -> None:
        if name in ("-i", "--index-url", "--extra-index-url"):
            self.demand.indexes.append(value)
        elif name in ("-f", "--find-links"):
            is_page = re.match(r"https?://", value)
            place = value if is_page else self.project.checkout / self._inside(value, file.parent, value)
            self.demand.links.append(str(place))
        elif name == "--no-index":
            self.demand.no_index = True
        elif name == "--pre":
            self.demand.options["prerelease"] = "allow"
        elif name in ("-c", "--constraint"):
            lines = requirement_files.lines(file.parent / value, self.project.checkout)
            self.demand.constraints += plain([re.split(r"\s--?[a-z]", line)[0] for line in lines])

    def _line(self, line: str, sources: Sources | None) -> None:
        hashes, text = _HASH.findall(line), re.split(r"\s--?[a-z]", line)[0].strip()
        try:
            self._requirement(Requirement(text), sources, (), hashes)
            return
        except InvalidRequirement:
            found = _UNNAMED.match(re.sub(r"#egg=([\w.-]+)(?:\[[^]]*\])?$", "", text))
        if found is None:
            raise PlaygroundError(refusals.no_requirement(self.project, text))
        extras = [one.strip() for one in (found["extras"] or "").split(",") if one.strip()]
        if not self._wants(found["marker"] or "", ()):
            return
        self._at(found["place"], self.project.directory, extras, found["marker"] or "", hashes)

    def _requirement(
        self, found: Requirement, sources: Sources | None, extras: Iterable[str], hashes: Sequence[str] = ()
    ) -> None:
        marker = str(found.marker or "")
        if not self._wants(marker, extras):
            return
        if sources is not None and found.url is None:
            source = sources.find(found.name, lambda one: self._wants(one, extras))
            if source is not None and source.index:
                self.demand.pinned[canonicalize_name(found.name)] = source.index
            elif source is not None:
                self._at(source.place, source.folder, sorted(found.extras), "", hashes)
                return
        if found.url is None:
            self.demand.add(found, hashes)
        else:
            self._at(found.url, self.project.directory, sorted(found.extras), "", hashes)

    def _wants(self, marker: str, extras: Iterable[str]) -> bool:
        try:
            return self.machine.wants_with(marker, extras)
        except ValueError as error:
            raise PlaygroundError(refusals.no_requirement(self.project, marker)) from error

    def _at(self, place: str, base: Path, extras: Sequence[str], marker: str, hashes: Sequence[str]) -> None:
        """Take what is at a path or an address. `extras`: those of it."""
        if place.startswith("git+"):
            git, below = _git(place)
            self._take(self.tools.built_repository(git, below), extras, None)
            return
        if re.match(r"https?://", place):
            self._take(self._downloaded(place, hashes), extras, None)
            return
        if "://" in place and not place.startswith("file://"):
            raise PlaygroundError(refusals.no_requirement(self.project, place))
        path = self._inside(place, base, place)
        self.trees.add(path)
        there = self.project.checkout / path
        if there.is_file():
            self._take(self._from_file(there), extras, None)
        elif path == self.project.place:
            self._itself_named(extras)
        else:
            sources = Sources.of(there, self.project.checkout)
            self._take(self.tools.built_tree(path), extras, sources)

    def _itself_named(self, extras: Sequence[str]) -> None:
        tables = self._tables(self.project.directory)
        listed = pyproject.requirements(tables, extras, ())
        if listed is None:
            told = self.tools.told_by(self.project.place)
            self.of_requirements(_chosen(told, self.machine, extras))
        else:
            self.of_requirements(map(str, listed))

    def _take(self, built: Built, extras: Sequence[str], sources: Sources | None) -> None:
        """Take a wheel, and what it needs from elsewhere than an index."""
        known = (built.wheel, tuple(extras))
        if known in self._seen:
            return
        self._seen.add(known)
        self.demand.add_here(built, extras)
        for one in parsed(built.requires):
            pinned = sources is not None and sources.find(one.name, lambda _: True) is not None
            if one.url is not None or pinned:
                self._requirement(one, sources, extras)

    def _from_file(self, file: Path) -> Built:
        if file.name.endswith(".whl"):
            return self.tools.wheel(file)
        return self.tools.built_from(file.name, File({}, path=file))

    def _downloaded(self, url: str, hashes: Sequence[str]) -> Built:
        fragment = dict(re.findall(r"(\w+)=([^&]+)", urlsplit(url).fragment))
        wanted = dict(one.split(":", 1) for one in hashes) | {
            name: value for name, value in fragment.items() if re.fullmatch(r"sha\d+|md5", name)
        }
        file = self.tools.downloads.file(File(wanted, url=url.partition("#")[0]))
        assert file.path is not None
        if file.name.endswith(".whl"):
            return self.tools.wheel(file.path)
        return self.tools.built_from(file.name, file, fragment.get("subdirectory", "."))

    def _inside(self, place: str, base: Path, written: str) -> str:
        """Return the path in the checkout of what is at a path. Raises PlaygroundError (certain)."""
        value = re.sub(r"^file:(?://(?:localhost)?)?", "", place)
        value = unquote(value) if value != place else value
        checkout, copy = self.project.checkout, self.tools.copy.checkout
        path = Path(os.path.normpath(base / value.partition("#")[0]))
        if path.is_relative_to(copy):
            path = checkout / path.relative_to(copy)
        real = path.resolve()
        if not is_inside(checkout, path):
            told = real if path.is_relative_to(checkout) or Path(value).is_absolute() else Path(written)
            raise PlaygroundError(refusals.outside(self.project, [told]))
        if not real.exists():
            raise PlaygroundError(refusals.not_there(self.project, [real]))
        return real.relative_to(checkout).as_posix()

    def _tables(self, folder: Path) -> Mapping[str, Any]:
        return read_toml(folder / "pyproject.toml", self.project.checkout)


def _chosen(told: Sequence[str], machine: Machine, extras: Sequence[str] | None = None) -> Iterator[str]:
    """Yield what a build tells for the extras, without the markers."""
    chosen = machine.extras if extras is None else extras
    for one in parsed(told):
        if machine.wants_with(str(one.marker or ""), chosen):
            one.marker = None
            yield str(one)


def _not_in(names: Sequence[str], tables: Mapping[str, Any], *where: str) -> Iterator[str]:
    there = {canonicalize_name(name) for name in table(tables, *where)}
    yield from (name for name in names if canonicalize_name(name) not in there)


def _git(place: str) -> tuple[dict[str, str], str]:
    """Return the address and commit of `git+URL@REF#subdirectory=FOLDER`, and the folder."""
    address, _, fragment = place.removeprefix("git+").partition("#")
    below = dict(re.findall(r"(\w+)=([^&]+)", fragment)).get("subdirectory", ".")
    head, at, ref = address.rpartition("@")
    if not at or "/" not in head.partition("://")[2]:
        head, ref = address, ""
    return {"url": head, "commit-id": ref}, below
