"""Reads which version of this program a stack's repository pins: data of a commit, and never a place.

A commit decides the version of this one package. A URL, a path or another index would let it run anything
with the rights of `ops`: only the index that the stack's configuration names is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.program import DISTRIBUTION
from playground_ops.targets.common.pyproject import decided_elsewhere
from playground_ops.targets.common.repository_files import inside, is_file, is_folder, reading, shown
from playground_ops.targets.common.requirement_files import contents, requirement_of
from playground_ops.targets.common.toml_files import read_toml, strings, table

FIRST = Version("0.2.0")
"""The first version that can be run from a repository without its code."""
PYPROJECT, REQUIREMENTS, LOCK = "pyproject.toml", "requirements.txt", "uv.lock"
_LONGEST = 60
_INDEX = ("registry",)


@dataclass(frozen=True)
class Pin:
    version: str
    file: str
    """The file that says so."""
    hashes: tuple[str, ...] = ()
    """Hashes of its wheel, as `sha256:...`; none where nothing is locked."""


def is_clone(checkout: Path, subdirectory: str = ".") -> bool:
    """Return whether the repository holds this program's own code. Raises PlaygroundError (certain)."""
    with reading(f"project/{shown(subdirectory)}"):
        root = checkout.resolve()
        return is_folder(root, inside(root, root / subdirectory) / "playground_ops")


def read_pin(checkout: Path, subdirectory: str = ".") -> Pin:
    """Return the version that the repository pins. Raises PlaygroundError (certain) with file and key."""
    with reading(f"project/{shown(subdirectory)}"):
        root = checkout.resolve()
        directory = inside(root, root / subdirectory)
        wanted, file = _wanted(root, directory)
        locked = _locked(root, directory)
    exact = {one.version for one in wanted if one.operator in ("==", "===") and not one.version.endswith("*")}
    if locked is None and (len(wanted) != 1 or len(exact) != 1):
        raise PlaygroundError(_range(file, wanted))
    if locked and not wanted.contains(locked.version, prereleases=True):
        raise PlaygroundError(_disagree(file, wanted, locked))
    found = locked or Pin(exact.pop(), file)
    version = _version(found)
    if version < FIRST:
        raise PlaygroundError(_too_old(found))
    return Pin(str(version), found.file, found.hashes)


def _wanted(root: Path, directory: Path) -> tuple[SpecifierSet, str]:
    """Return what is said of its version, and by which file."""
    tables = read_toml(directory / PYPROJECT, root)
    if DISTRIBUTION in decided_elsewhere(tables):
        raise PlaygroundError(
            _from_elsewhere(PYPROJECT, "tool.uv", f"It says where {DISTRIBUTION} comes from.")
        )
    listed = [requirement_of(text) for text in strings(table(tables, "project").get("dependencies"))]
    found = [one for one in listed if one and canonicalize_name(one.name) == DISTRIBUTION]
    if found:
        return _together(found), PYPROJECT
    if not is_file(root, directory / REQUIREMENTS):
        raise PlaygroundError(_none())
    listing = contents(directory / REQUIREMENTS, root)
    pins = listing.pins
    if DISTRIBUTION not in listing.names:
        raise PlaygroundError(_none())
    if DISTRIBUTION not in pins:
        return SpecifierSet(), REQUIREMENTS
    if not pins[DISTRIBUTION]:
        raise PlaygroundError(_from_elsewhere(REQUIREMENTS, DISTRIBUTION, "It is a URL or a path."))
    return SpecifierSet(",".join(f"=={one}" for one in pins[DISTRIBUTION])), REQUIREMENTS


def _together(found: Sequence[Requirement]) -> SpecifierSet:
    for one in found:
        if one.url:
            said = f"It is `{shown(str(one))}`."
            raise PlaygroundError(_from_elsewhere(PYPROJECT, "project.dependencies", said))
    return SpecifierSet(",".join(sorted({str(one.specifier) for one in found} - {""})))


def _locked(root: Path, directory: Path) -> Pin | None:
    """Return what the nearest lock has, which may be that of a workspace above."""
    for folder in dict.fromkeys((directory, root)):
        listed = read_toml(folder / LOCK, root).get("package") or ()
        found = [one for one in listed if canonicalize_name(str(one.get("name"))) == DISTRIBUTION]
        if not found:
            continue
        if len(found) > 1:
            raise PlaygroundError(_several(found))
        (one,) = found
        if not isinstance(one.get("source"), dict) or tuple(one["source"]) != _INDEX:
            raise PlaygroundError(_from_elsewhere(LOCK, "package.source", "It is no index."))
        return Pin(str(one.get("version")), LOCK, _hashes(one.get("wheels")))
    return None


def _hashes(wheels: object) -> tuple[str, ...]:
    listed = wheels if isinstance(wheels, list) else []
    found = [str(one.get("hash")) for one in listed if isinstance(one, dict)]
    return tuple(sorted(one for one in found if one.startswith("sha256:") and one[7:].isalnum()))


def _version(found: Pin) -> Version:
    try:
        if len(found.version) > _LONGEST:
            raise InvalidVersion(found.version)
        return Version(found.version)
    except InvalidVersion as error:
        raise PlaygroundError(_no_version(found)) from error


def _none() -> Finding:
    return certain(
        object=f"file/{PYPROJECT}",
        observed=f"`project.dependencies` does not name {DISTRIBUTION}.",
        cause="The repository of `ops` holds no code of this program (a folder `playground_ops`) and "
        "doesn't say which version of it is meant.",
        fix=f'Put `"{DISTRIBUTION}[local]==VERSION"` there, and push.',
    )


def _range(file: str, wanted: SpecifierSet) -> Finding:
    said = f"`{DISTRIBUTION}{shown(str(wanted))}`" if str(wanted) else f"{DISTRIBUTION} without a version"
    return certain(
        object=f"file/{file}",
        observed=f"It has {said}, and no `{LOCK}` has an exact one.",
        cause="A release runs one version for its whole life.",
        fix=f"Write `==VERSION`, or commit the `{LOCK}` that `uv lock` writes.",
    )


def _disagree(file: str, wanted: SpecifierSet, locked: Pin) -> Finding:
    return certain(
        object=f"file/{LOCK}",
        observed=f"It has {DISTRIBUTION} {shown(locked.version)}, and {file} wants `{shown(str(wanted))}`.",
        cause="One was changed and not the other.",
        fix="Run `uv lock`, commit both files, and push.",
    )


def _several(found: Sequence[Mapping[str, Any]]) -> Finding:
    versions = ", ".join(sorted(shown(str(one.get("version"))) for one in found))
    return certain(
        object=f"file/{LOCK}",
        observed=f"It has several versions of {DISTRIBUTION}: {versions}.",
        cause="Which one is used depends on the Python or the platform; a release runs one version.",
        fix="Pin one version for all of them, run `uv lock`, and push.",
    )


def _no_version(found: Pin) -> Finding:
    return certain(
        object=f"file/{found.file}",
        observed=f"`{shown(found.version)}` is no version of {DISTRIBUTION}.",
        cause="A version is written as `0.2.0`.",
        fix="Correct it and push.",
    )


def _too_old(found: Pin) -> Finding:
    return certain(
        object=f"file/{found.file}",
        observed=f"It pins {DISTRIBUTION} {found.version}.",
        cause=f"Versions before {FIRST} run `ops` from git only where the repository holds their code.",
        fix=f"Pin {FIRST} or later and push.",
    )


def _from_elsewhere(file: str, key: str, observed: str) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"`{key}` does not take {DISTRIBUTION} from the package index. {observed}",
        cause="`ops` has rights in the cluster: a URL, a path or an index of a commit's choice would run "
        "anything with them. Only the index of the stack's configuration is asked.",
        fix=f'Pin a version, `"{DISTRIBUTION}[local]==VERSION"`, and remove what says where it comes from. '
        "To run other code, let the repository be a clone of this project.",
    )
