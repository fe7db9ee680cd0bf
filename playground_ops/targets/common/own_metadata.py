"""A project's own metadata (`importlib.metadata`) from its files alone, as an install would leave it.

Its environment is shared by releases that lock the same, so it never contains the project itself. What can be
read is written here without a build; what can't (a version from git, generated files) needs one.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from playground_ops.targets.common.project import Project
from playground_ops.targets.common.python_versions import setup_cfg
from playground_ops.targets.common.repository_files import read
from playground_ops.targets.common.toml_files import read_toml

_COPIES_ONLY = (
    *("hatchling", "setuptools", "flit_core", "flit", "poetry", "pdm", "uv_build"),
    *("whey", "hatchling.ouroboros"),
)
"""Build backends that without hooks put nothing into a wheel that is not in the tree."""
_HOOKS = re.compile(r"\b(?:cmdclass|ext_modules|cffi_modules|rust_extensions|use_scm_version|versioneer)\b")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?")
_LONGEST = 100
"""Characters of a version: it is in the name of a folder."""
_PLACEHOLDER = "0.0.0"


@dataclass(frozen=True)
class Declared:
    """The metadata that a project's files declare."""

    name: str
    version: str
    headers: tuple[tuple[str, str], ...] = ()
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By group: `console_scripts`, or what a library looks for."""

    @property
    def folder(self) -> str:
        return f"{re.sub(r'[-_.]+', '_', self.name)}-{self.version}.dist-info"


def declared(project: Project) -> Declared | None:
    """Return what can be read without a build; None without a name or a version."""
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    found = _of_project(tables) or _of_poetry(tables)
    if found is None and "project" not in tables:
        found = _of_setup_cfg(project)
    # A folder is named by it.
    if found is None or not _NAME.fullmatch(found.name):
        return None
    try:
        version = str(Version(found.version[:_LONGEST]))
    except InvalidVersion:
        return None
    return Declared(found.name, version, found.headers, found.entry_points)


def needs_build(project: Project) -> bool:
    """Return whether only a build knows its metadata, or generates files that its code may import."""
    tables = read_toml(project.directory / "pyproject.toml", project.checkout)
    setup = _text_of(project, "setup.py")
    tools, system = _table(tables, "tool"), _table(tables, "build-system")
    no_package = (
        _table(tools, "uv").get("package") is False or _table(tools, "poetry").get("package-mode") is False
    )
    if no_package or not (system or setup):
        return False
    dynamic = set(_table(tables, "project").get("dynamic") or ())
    backend = str(system.get("build-backend") or "setuptools").partition(".")[0]
    return (
        declared(project) is None
        or bool(dynamic & {"version", "scripts", "gui-scripts", "entry-points"})
        or backend not in _COPIES_ONLY
        or "backend-path" in system
        or bool(_HOOKS.search(setup))
        or any(_has_hook(tools))
    )


def has_version_from_git(project: Project) -> bool:
    """Return whether a build asks git's tags for the version."""
    named = (_text_of(project, name) for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    return bool(re.search(r"scm|vcs|versioning|versioneer|\bpbr\b", "".join(named)))


def write(found: Declared, folder: Path) -> None:
    """Write `NAME-VERSION.dist-info` into `folder`, which is to be on the import path."""
    place = folder / found.folder
    place.mkdir(parents=True, exist_ok=True)
    headers = [("Metadata-Version", "2.1"), ("Name", found.name), ("Version", found.version), *found.headers]
    (place / "METADATA").write_text("".join(f"{key}: {_line(value)}\n" for key, value in headers), "utf-8")
    (place / "INSTALLER").write_text("playground-ops\n")
    points = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in sorted(entries.items()))
        for group, entries in sorted(found.entry_points.items())
    ]
    if points:
        (place / "entry_points.txt").write_text("\n".join(points), "utf-8")
    record_itself(place)


def record_itself(place: Path) -> None:
    """Write RECORD with the files of the folder alone: the project's own stay in its checkout."""
    names = sorted(file.relative_to(place.parent).as_posix() for file in place.rglob("*") if file.is_file())
    text = io.StringIO()
    rows = [name for name in names if not name.endswith("/RECORD")] + [f"{place.name}/RECORD"]
    csv.writer(text, lineterminator="\n").writerows([name, "", ""] for name in rows)
    (place / "RECORD").write_text(text.getvalue(), "utf-8")


def _of_project(tables: Mapping[str, Any]) -> Declared | None:
    """Read PEP 621."""
    about = _table(tables, "project")
    name, version = about.get("name"), about.get("version")
    if not (isinstance(name, str) and isinstance(version, str)):
        return None
    points = {
        "console_scripts": _entries(about.get("scripts")),
        "gui_scripts": _entries(about.get("gui-scripts")),
        **{group: _entries(found) for group, found in _table(about, "entry-points").items()},
    }
    return Declared(name, version, tuple(_headers(about)), {key: one for key, one in points.items() if one})


def _headers(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, header in (("description", "Summary"), ("requires-python", "Requires-Python")):
        if isinstance(about.get(key), str):
            yield header, about[key]
    for url in _entries(about.get("urls")).items():
        yield "Project-URL", ", ".join(url)
    yield from (("Classifier", str(one)) for one in about.get("classifiers") or ())
    yield from (("Requires-Dist", str(one)) for one in about.get("dependencies") or ())
    for extra, needs in _table(about, "optional-dependencies").items():
        yield "Provides-Extra", extra
        yield from (("Requires-Dist", _of_extra(str(one), extra)) for one in needs)


def _of_extra(text: str, extra: str) -> str:
    # As packaging reads it: after a URL a marker is set off by a space.
    needed, found, marker = text.partition(" ;" if "@" in text else ";")
    before = f"({marker.strip()}) and " if found else ""
    return f"{needed.strip()}; {before}extra == '{extra}'"


def _of_poetry(tables: Mapping[str, Any]) -> Declared | None:
    tools = _table(tables, "tool")
    about = _table(tools, "poetry")
    name, version = about.get("name"), about.get("version")
    from_git = "poetry-dynamic-versioning" in tools and version == _PLACEHOLDER
    if not (isinstance(name, str) and isinstance(version, str)) or from_git:
        return None
    points = {"console_scripts": _entries(about.get("scripts"))}
    points |= {group: _entries(found) for group, found in _table(about, "plugins").items()}
    summary = [("Summary", str(about["description"]))] if about.get("description") else []
    return Declared(name, version, tuple(summary), {key: one for key, one in points.items() if one})


def _of_setup_cfg(project: Project) -> Declared | None:
    """Read what stands in `setup.cfg` as it is: no `attr:` and no `file:`."""
    parser = setup_cfg(project.checkout, project.directory)
    name, version = (parser.get("metadata", key, fallback="") for key in ("name", "version"))
    if not name or not version or version.startswith(("attr:", "file:")):
        return None
    points: dict[str, dict[str, str]] = {}
    section = "options.entry_points"
    for group, lines in parser.items(section) if parser.has_section(section) else ():
        pairs = (line.partition("=") for line in lines.splitlines() if "=" in line)
        points[group] = {key.strip(): target.strip() for key, _, target in pairs}
    return Declared(name, version, (), points)


def _has_hook(tools: Mapping[str, Any]) -> Iterator[bool]:
    hatch = _table(_table(tools, "hatch"), "build")
    yield bool(hatch.get("hooks"))
    yield from (
        bool(_table(one, "hooks")) for one in _table(hatch, "targets").values() if isinstance(one, dict)
    )
    yield "setuptools_scm" in tools or "setuptools-git-versioning" in tools
    yield "poetry-dynamic-versioning" in tools or "versioningit" in tools or "versioneer" in tools
    yield bool(_table(tools, "poetry").get("build"))
    pdm = _table(_table(tools, "pdm"), "build")
    yield bool(pdm.get("custom-hook") or pdm.get("run-setuptools"))


def _entries(found: object) -> dict[str, str]:
    """Return the texts of a table; Poetry may give a script as a table with a `reference`."""
    if not isinstance(found, dict):
        return {}
    texts = {key: one.get("reference") if isinstance(one, dict) else one for key, one in found.items()}
    return {str(key): one for key, one in texts.items() if isinstance(one, str)}


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name)
    return table if isinstance(table, dict) else {}


def _line(value: str) -> str:
    return " ".join(value.split())


def _text_of(project: Project, name: str) -> str:
    return (read(project.checkout, project.directory / name) or b"").decode(errors="replace")
