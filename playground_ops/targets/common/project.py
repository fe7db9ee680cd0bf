"""Reads a project's own settings: where its code lies, which module to load, its dependencies."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.targets.common.encoding import marked
from playground_ops.targets.common.modules import has_module, has_package, nearest_folders, offered
from playground_ops.targets.common.shadows import check_shadows

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_MODULE = "playground.definitions"

DependencySource = Literal["uv.lock", "pyproject.toml", "requirements.txt"]
LoadFlag = Literal["--module-name", "--autoload-defs-module-name"]


@dataclass(frozen=True)
class Project:
    checkout: Path
    directory: Path
    """The subdirectory of the checkout that holds the project; a real path. Its processes start there."""
    module_root: Path
    """The folder that its module lies in: `src`, or the project's own."""
    module: str
    load_flag: LoadFlag
    """The option of `dagster api grpc` that `module` goes with."""
    dependency_source: DependencySource | None
    """None: it declares no dependencies."""
    dependency_file: Path | None
    """The lock of a workspace's member lies above the project's own folder."""
    requires_python: str | None
    attribute: str | None = None
    """The name in the module that is loaded; None: Dagster finds it."""

    @property
    def load_arguments(self) -> tuple[str, ...]:
        """Return the options by which `dagster api grpc` is told what to load."""
        named = ("--attribute", self.attribute) if self.attribute else ()
        return (self.load_flag, self.module, *named, "-d", str(self.directory))

    @property
    def place(self) -> str:
        """Return its folder as people name it: relative to the checkout."""
        return self.directory.relative_to(self.checkout).as_posix()


@dataclass(frozen=True)
class _Choice:
    module: str
    said_by: str
    load_flag: LoadFlag = "--module-name"


def read_project(
    checkout: Path, subdirectory: str = ".", module: str | None = None, attribute: str | None = None
) -> Project:
    """Read a project from the tree; nothing is imported or run.

    The module is the one given, else what `[tool.dg.project]` or `[tool.dagster]` declares, else
    `playground.definitions`. Raises PlaygroundError (certain).
    """
    checkout = checkout.resolve()
    directory = _directory(checkout, subdirectory)
    declared = read_toml(directory / "pyproject.toml", checkout)
    places = (directory / "src", *_declared_roots(directory, declared), directory)
    roots = [root for root in dict.fromkeys(map(Path.resolve, places)) if root.is_dir()]
    roots = [root for root in roots if root.is_relative_to(checkout)]
    choice = _choice(checkout, directory, roots, declared, module)
    home = _home(roots, choice)
    if home is None:
        raise PlaygroundError(_no_module(checkout, directory, roots, choice))
    if attribute and choice.load_flag == "--autoload-defs-module-name":
        raise PlaygroundError(_no_attribute(choice.module, attribute))
    check_shadows(checkout, dict.fromkeys((directory, home)), choice.module)
    source, file = _dependencies(checkout, directory, declared)
    return Project(
        checkout=checkout,
        directory=directory,
        module_root=home,
        module=choice.module,
        attribute=attribute,
        load_flag=choice.load_flag,
        dependency_source=source,
        dependency_file=file,
        requires_python=_text(_table(declared, "project").get("requires-python")),
    )


def read_toml(path: Path, checkout: Path) -> Mapping[str, Any]:
    """Return the tables of a TOML file; none where it is missing. Raises PlaygroundError if it is invalid."""
    name = path.relative_to(checkout).as_posix() if path.is_relative_to(checkout) else path.name
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if finding := marked(name, content):
        raise PlaygroundError(finding)
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlaygroundError(
            certain(
                object=f"file/{name}",
                observed="It can't be read as TOML.",
                cause=f"{error}.",
                fix="Correct the file and commit it.",
            )
        ) from error


def _directory(checkout: Path, subdirectory: str) -> Path:
    directory = (checkout / subdirectory).resolve()
    if not directory.is_relative_to(checkout) or Path(subdirectory).is_absolute():
        raise PlaygroundError(
            certain(
                object=f"subdirectory/{subdirectory}",
                observed="It leads out of the repository.",
                cause="It is absolute, has too many `..`, or is a symbolic link to somewhere else.",
                fix="Give a path relative to the root of the repository.",
            )
        )
    if not directory.is_dir():
        projects = nearest_folders(checkout, subdirectory)
        raise PlaygroundError(
            certain(
                object=f"subdirectory/{subdirectory}",
                observed="This folder is not in the repository at this commit.",
                cause=f"Projects are in {', '.join(f'`{place}`' for place in projects)}."
                if projects
                else "The repository holds no project.",
                fix="Correct the subdirectory in the configuration, or the ref.",
            )
        )
    return directory


def _choice(
    checkout: Path, directory: Path, roots: list[Path], declared: Mapping[str, Any], module: str | None
) -> _Choice:
    if module is not None:
        return _Choice(module, "the configuration says so")
    tools = _table(declared, "tool")
    dg = _table(_table(tools, "dg"), "project") or _table(
        read_toml(directory / "dg.toml", checkout), "project"
    )
    if _text(dg.get("root_module")):
        return _dg_choice(roots, dg)
    dagster = _table(tools, "dagster")
    names = _dagster_modules(dagster)
    if len(names) > 1:
        raise PlaygroundError(
            certain(
                object=f"project/{directory.relative_to(checkout).as_posix()}",
                observed=f"`[tool.dagster]` names {len(names)} modules: {', '.join(names)}.",
                cause="A code location loads one.",
                fix="Set the location's module in the configuration; a second location can load the other.",
            )
        )
    if names:
        return _Choice(names[0], "`[tool.dagster]` says so")
    return _Choice(
        DEFAULT_MODULE, "nothing else is said by the configuration, `[tool.dg.project]` or `[tool.dagster]`"
    )


def _dg_choice(roots: list[Path], dg: Mapping[str, Any]) -> _Choice:
    root = str(dg["root_module"])
    target = _text(dg.get("code_location_target_module"))
    module = target or f"{root}.definitions"
    defs = _text(dg.get("defs_module")) or f"{root}.defs"
    has_file = any(has_module(place, module) for place in roots)
    has_defs = any(has_package(place, defs) for place in roots)
    if dg.get("autoload_defs") or (target is None and not has_file and has_defs):
        return _Choice(defs, "`[tool.dg.project]` says so", "--autoload-defs-module-name")
    return _Choice(module, "`[tool.dg.project]` says so")


def _dagster_modules(dagster: Mapping[str, Any]) -> list[str]:
    listed = dagster.get("modules")
    entries = listed if isinstance(listed, list) else []
    names = [_text(entry.get("name")) for entry in entries if isinstance(entry, dict)]
    return [name for name in [_text(dagster.get("module_name")), *names] if name]


def _home(roots: list[Path], choice: _Choice) -> Path | None:
    found = has_module if choice.load_flag == "--module-name" else has_package
    return next((root for root in roots if found(root, choice.module)), None)


def _declared_roots(directory: Path, declared: Mapping[str, Any]) -> list[Path]:
    """Return the package folders in build backends' settings, for projects without a usual layout."""
    tools = _table(declared, "tool")
    places: list[Any] = [_table(_table(tools, "uv"), "build-backend").get("module-root")]
    where = _table(_table(_table(tools, "setuptools"), "packages"), "find").get("where")
    places += where if isinstance(where, list) else []
    wheel = tools
    for name in ("hatch", "build", "targets", "wheel"):
        wheel = _table(wheel, name)
    packages = wheel.get("packages")
    places += [str(Path(package).parent) for package in packages or [] if isinstance(package, str)]
    return [directory / place for place in places if isinstance(place, str) and not Path(place).is_absolute()]


def _dependencies(
    checkout: Path, directory: Path, declared: Mapping[str, Any]
) -> tuple[DependencySource | None, Path | None]:
    lock = _lock(checkout, directory, declared)
    if lock is not None:
        return "uv.lock", lock
    project = _table(declared, "project")
    poetry = _table(_table(_table(declared, "tool"), "poetry"), "dependencies")
    if project.get("dependencies") or "dependencies" in project.get("dynamic", ()) or poetry:
        return "pyproject.toml", directory / "pyproject.toml"
    if (directory / "requirements.txt").is_file():
        return "requirements.txt", directory / "requirements.txt"
    return None, None


def _lock(checkout: Path, directory: Path, declared: Mapping[str, Any]) -> Path | None:
    if (directory / "uv.lock").is_file():
        return directory / "uv.lock"
    if "project" not in declared:
        return None
    for above in directory.parents:
        if not above.is_relative_to(checkout):
            break
        workspace = _table(
            _table(_table(read_toml(above / "pyproject.toml", checkout), "tool"), "uv"), "workspace"
        )
        if workspace and _is_member(directory.relative_to(above), workspace):
            return above / "uv.lock" if (above / "uv.lock").is_file() else None
    return None


def _is_member(place: Path, workspace: Mapping[str, Any]) -> bool:
    def listed(key: str) -> bool:
        # `*` is one level, as in uv; Path.match compares from the right, so the depth is compared too.
        patterns = [Path(pattern) for pattern in workspace.get(key, ()) if isinstance(pattern, str)]
        return any(
            place.match(pattern.as_posix())
            and ("**" in pattern.parts or len(pattern.parts) == len(place.parts))
            for pattern in patterns
        )

    return listed("members") and not listed("exclude")


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name)
    return table if isinstance(table, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _no_module(checkout: Path, directory: Path, roots: list[Path], choice: _Choice) -> Finding:
    searched = ", ".join(f"`{root.relative_to(checkout).as_posix()}`" for root in roots)
    there = offered(checkout, choice.module)
    return certain(
        object=f"module/{choice.module}",
        observed=f"It is not in the repository at this commit; looked in {searched}.",
        cause=f"It is wanted because {choice.said_by}. "
        + (f"There is {', '.join(there)}." if there else "No `definitions.py` is there either."),
        fix="Set the location's module, or its subdirectory, in the configuration, or add the module and "
        "push.",
    )


def _no_attribute(module: str, attribute: str) -> Finding:
    return certain(
        object=f"module/{module}",
        observed=f"The location's `attribute` {attribute} can't be looked for in it.",
        cause="The project has all that lies in this folder loaded, and no module with names.",
        fix="Remove `attribute`, or name by `module` the module that has it.",
    )
