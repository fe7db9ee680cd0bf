"""What is to be resolved: requirements of an index as plain text, and wheels that are here already."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from playground_ops.targets.common.toml_files import strings, table
from playground_ops.targets.packages.builder import Built

OPTIONS = {
    "prerelease": r"disallow|allow|if-necessary|explicit|if-necessary-or-explicit",
    "resolution": r"highest|lowest|lowest-direct",
    "exclude-newer": r"[\w :.+-]+",
}
"""Settings of uv that decide on versions, with what they may be: no other of a repository's counts."""


@dataclass
class Demand:
    lines: list[str] = field(default_factory=list)
    """Requirements (PEP 508) without addresses."""
    constraints: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    """URLs of indexes that the project names, to be asked before the default one."""
    pinned: dict[str, str] = field(default_factory=dict)
    """The URL of the one index that a package is to come from, by its name."""
    links: list[str] = field(default_factory=list)
    """Folders and pages in which wheels are looked for."""
    no_index: bool = False
    options: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, set[str]] = field(default_factory=dict)
    """By the names of packages, those of the files that may be taken, where that is said."""
    complete: bool = False
    """Whether every package is among the lines, at one version."""
    settled: dict[str, str] = field(default_factory=dict)
    """Versions of packages that are there without being looked at again, by their names."""
    here: dict[str, Built] = field(default_factory=dict)
    """Wheels that are in a folder, by the names of their packages."""

    def add(self, requirement: Requirement, hashes: Iterable[str] = ()) -> None:
        """Add one of an index, whose marker holds. `hashes`: those that it may have; empty: any."""
        self.lines.append(_without_address(requirement, marker=None))
        if found := set(hashes):
            self.hashes.setdefault(canonicalize_name(requirement.name), set()).update(found)

    def add_here(self, built: Built, extras: Iterable[str] = (), marker: str = "") -> None:
        """Add a package that is to come from this wheel, wherever it is named."""
        self.here[canonicalize_name(built.name)] = built
        chosen = f"[{','.join(sorted(extras))}]" if extras else ""
        at = f" ; {marker}" if marker else ""
        self.lines.append(f"{built.name}{chosen} @ {built.wheel.as_uri()}{at}")

    def set_of_uv(self, settings: Mapping[str, object]) -> None:
        """Take those of uv's settings that decide on versions."""
        self.constraints += plain(strings(settings.get("constraint-dependencies")))
        self.overrides += plain(strings(settings.get("override-dependencies")))
        for key, form in OPTIONS.items():
            value = settings.get(key)
            if isinstance(value, str) and re.fullmatch(form, value):
                self.options[key] = value

    def metadata(self) -> str:
        """Return settings of uv that tell it what packages need which it is not to look into: wheels that are
        here, so that it follows none of their addresses, and what is settled."""
        needs = {
            name: [_without_address(one, one.marker) for one in parsed(built.requires)]
            for name, built in self.here.items()
        }
        needs = {**{name: [] for name in self.settled}, **needs}
        return "".join(
            f"[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = {json.dumps(listed)}\n"
            for name, listed in sorted(needs.items())
        )


def parsed(requirements: Sequence[str]) -> list[Requirement]:
    """Return those that are valid."""
    found = []
    for one in requirements:
        try:
            found.append(Requirement(one))
        except InvalidRequirement:
            continue
    return found


def plain(requirements: Sequence[str]) -> list[str]:
    """Return those that are valid and have no address."""
    return [str(one) for one in parsed(requirements) if one.url is None]


def indexes_of(settings: Mapping[str, object]) -> tuple[list[str], dict[str, str]]:
    """Return the URLs of the indexes in uv's settings that are asked for any package, and all by name."""
    listed = settings.get("index")
    tables = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    named = {str(one.get("name")): str(one["url"]) for one in tables if "url" in one}
    asked = [str(one["url"]) for one in tables if "url" in one and not one.get("explicit")]
    pip = table(settings, "pip")
    for found in (settings, pip):
        asked += strings(found.get("extra-index-url"))
        asked += [one for one in [found.get("index-url")] if isinstance(one, str)]
    return asked, named


def _without_address(requirement: Requirement, marker: Marker | None) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    at = f" ; {marker}" if marker else ""
    return f"{requirement.name}{extras}{'' if requirement.url else requirement.specifier}{at}"
