"""Reads a project's own settings: where its code lies, which module to load, its dependencies."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.targets.common.declared import AS_FOUND, Declared, Selection
from playground_ops.targets.common.modules import has_module, has_package, nearest_folders, offered
from playground_ops.targets.common.python_versions import requires_python
from playground_ops.targets.common.repository_files import inside, is_folder, reading, shown
from playground_ops.targets.common.shadows import check_shadows
from playground_ops.targets.common.toml_files import read_toml

DEFAULT_MODULE = "playground.definitions"

_MODULE = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)*")
_LONGEST_MODULE = 500

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
    requires_python: str | None
    declared: Declared
    """Where its dependencies are declared."""
    attribute: str | None = None
    """The name in the module that is loaded; None: Dagster finds it."""
    metadata: Path | None = None
    """The folder with its own metadata, for the import path behind its code; None: it has none."""

    @property
    def load_arguments(self) -> tuple[str, ...]:
        """Return the options by which `dagster api grpc` is told what to load."""
        named = ("--attribute", self.attribute) if self.attribute else ()
        return (self.load_flag, self.module, *named, "-d", str(self.directory))

    @property
    def place(self) -> str:
        """Return its folder as people name it: relative to the checkout."""
        return self.directory.relative_to(self.checkout).as_posix()

    def moved(self, checkout: Path) -> "Project":
        """Return the same project in a copy of its checkout."""

        def there(place: Path) -> Path:
            return checkout / place.relative_to(self.checkout)

        file = self.declared.file
        return replace(
            self,
            checkout=checkout,
            directory=there(self.directory),
            module_root=there(self.module_root),
            declared=replace(self.declared, file=file and there(file)),
        )


@dataclass(frozen=True)
class _Choice:
    module: str
    said_by: str
    load_flag: LoadFlag = "--module-name"


def read_project(
    checkout: Path,
    subdirectory: str = ".",
    module: str | None = None,
    attribute: str | None = None,
    selection: Selection = AS_FOUND,
) -> Project:
    """Read a project from the tree; nothing is imported or run.

    The module is the one given, else what `[tool.dg.project]` or `[tool.dagster]` declares, else
    `playground.definitions`. Raises PlaygroundError (certain).
    """
    with reading(f"project/{shown(subdirectory)}"):
        return _read(checkout.resolve(), subdirectory, module, attribute, selection)


def _read(
    checkout: Path, subdirectory: str, module: str | None, attribute: str | None, selection: Selection
) -> Project:
    # Only here: a read-only command has 0.4 s in all.
    from playground_ops.targets.common.choosing import find_declared

    directory = _directory(checkout, subdirectory)
    declared = read_toml(directory / "pyproject.toml", checkout)
    roots = _roots(checkout, directory, declared)
    choice = _choice(checkout, directory, roots, declared, module)
    home = _home(checkout, roots, choice)
    if home is None:
        raise PlaygroundError(_no_module(checkout, directory, roots, choice))
    if attribute and choice.load_flag == "--autoload-defs-module-name":
        raise PlaygroundError(_no_attribute(choice.module, attribute))
    check_shadows(checkout, dict.fromkeys((directory, home)), choice.module)
    return Project(
        checkout=checkout,
        directory=directory,
        module_root=home,
        module=choice.module,
        attribute=attribute,
        load_flag=choice.load_flag,
        requires_python=requires_python(checkout, directory, declared),
        declared=find_declared(checkout, directory, declared, selection),
    )


def _directory(checkout: Path, subdirectory: str) -> Path:
    directory = inside(checkout, checkout / subdirectory, "`subdirectory` in the configuration")
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
        return _dg_choice(checkout, roots, dg)
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
        return _Choice(_importable(names[0], "`[tool.dagster]`"), "`[tool.dagster]` says so")
    return _Choice(
        DEFAULT_MODULE, "nothing else is said by the configuration, `[tool.dg.project]` or `[tool.dagster]`"
    )


def _dg_choice(checkout: Path, roots: list[Path], dg: Mapping[str, Any]) -> _Choice:
    root = str(dg["root_module"])
    target = _text(dg.get("code_location_target_module"))
    module = _importable(target or f"{root}.definitions", "`[tool.dg.project]`")
    defs = _importable(_text(dg.get("defs_module")) or f"{root}.defs", "`[tool.dg.project]`")
    has_file = any(has_module(checkout, place, module) for place in roots)
    has_defs = any(has_package(checkout, place, defs) for place in roots)
    if dg.get("autoload_defs") or (target is None and not has_file and has_defs):
        return _Choice(defs, "`[tool.dg.project]` says so", "--autoload-defs-module-name")
    return _Choice(module, "`[tool.dg.project]` says so")


def _dagster_modules(dagster: Mapping[str, Any]) -> list[str]:
    listed = dagster.get("modules")
    entries = listed if isinstance(listed, list) else []
    names = [_text(entry.get("name")) for entry in entries if isinstance(entry, dict)]
    return [name for name in [_text(dagster.get("module_name")), *names] if name]


def _importable(module: str, said_by: str) -> str:
    """Return the name of a module. Raises PlaygroundError (certain) where it is a path or an option."""
    if len(module) <= _LONGEST_MODULE and _MODULE.fullmatch(module):
        return module
    raise PlaygroundError(
        certain(
            object=f"module/{shown(module)}",
            observed="That is no name of a module.",
            cause=f"{said_by} names it; a name is words with dots between them.",
            fix="Write it like `my_project.definitions`, and push.",
        )
    )


def _home(checkout: Path, roots: list[Path], choice: _Choice) -> Path | None:
    found = has_module if choice.load_flag == "--module-name" else has_package
    return next((root for root in roots if found(checkout, root, choice.module)), None)


def _roots(checkout: Path, directory: Path, declared: Mapping[str, Any]) -> list[Path]:
    """Return the folders to look for the module in. Raises PlaygroundError where one leads out."""
    places = [inside(checkout, directory / "src")]
    for key, place in _declared_roots(declared):
        places.append(inside(checkout, directory / place, f"`tool.{key}` of `pyproject.toml`"))
    return [root for root in dict.fromkeys((*places, directory)) if is_folder(checkout, root)]


def _declared_roots(declared: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the package folders in build backends' settings, for projects without a usual layout."""
    tools = _table(declared, "tool")
    root = _table(_table(tools, "uv"), "build-backend").get("module-root")
    yield from [("uv.build-backend.module-root", root)] if root else []
    where = _table(_table(_table(tools, "setuptools"), "packages"), "find").get("where")
    yield from (("setuptools.packages.find.where", place) for place in where or [])
    wheel = tools
    for name in ("hatch", "build", "targets", "wheel"):
        wheel = _table(wheel, name)
    for package in wheel.get("packages") or []:
        yield "hatch.build.targets.wheel.packages", str(Path(package).parent)


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
