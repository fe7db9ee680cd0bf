"""What is prepared without being configured: dbt projects of dagster-dbt, and the state of components.

`dagster dev` prepares them while it loads; a server does not, and finds no manifest and no state. Whether
there is anything to prepare is read from files: most projects have nothing, and lose no time.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground_ops.targets.common.preparing import Step
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import is_inside, read_or_nothing

_NO_SOURCES = {"node_modules", "__pycache__", "venv", "site-packages", "dbt_packages", "tests", "target"}
_COMPONENT_FILES = {"defs.yaml", "component.yaml"}
_TYPE = re.compile(r"^[^\S\n]*type:[^\S\n]*[\"']?(\w+)[\w.]*", re.MULTILINE)
_STATEFUL = b"StateBackedComponent"

SCRIPT = """
import asyncio, importlib, os, sys
from pathlib import Path

modules, root = sys.argv[1:], Path.cwd()


def dbt_projects():
    import dagster_dbt.dbt_project as dbt
    dbt.using_dagster_dev = lambda: True  # so that `prepare_if_dev()` prepares
    found = []
    for name in modules:
        values = vars(importlib.import_module(name)).values()
        found += [one for one in values if isinstance(one, dbt.DbtProject) and one not in found]
    return found


def prepared(project):
    from dagster_dbt.cli.app import sync_project_to_packaged_dir
    if not project.manifest_path.exists():
        project.preparer.prepare(project)
    if project.packaged_project_dir:
        sync_project_to_packaged_dir(project)
    print(f"The dbt project in {project.project_dir} is prepared.", flush=True)


def prepare_components():
    from dagster.components.component.component import Component
    from dagster.components.core.component_tree import ComponentTree
    done = set()
    for one in ComponentTree.for_project(root).get_all_components(of_type=Component):
        config = getattr(one, "defs_state_config", None)
        if config is not None:
            if config.management_type.value == "LOCAL_FILESYSTEM" and config.key not in done:
                done.add(config.key)
                asyncio.run(one.refresh_state(root))
                print(f"The state of {config.key} is there.", flush=True)
        elif any(base.__name__ == "DbtProjectComponent" for base in type(one).__mro__):
            prepared(one.project)


if "--components" in modules:
    modules.remove("--components")
    prepare_components()
for project in dbt_projects() if modules else []:
    prepared(project)
"""
"""`python -c SCRIPT [--components] MODULE...`, in the project's folder, on any Dagster that a project has."""


def steps(project: Project, python: str, libraries: Sequence[Path]) -> list[Step]:
    """Return what is to be prepared. `libraries`: the folders of its environment that packages are in."""
    seen = _read(project)
    modules = seen.dbt_modules if _has(libraries, "dagster_dbt") and _lacks_a_manifest(project) else ()
    kept = any(_keeps_state(project, name, libraries) for name in seen.component_packages)
    if not modules and not kept:
        return []
    told = [
        *(["its dbt project, as `dagster-dbt project prepare-and-package` does"] if modules else []),
        *(["the state of its components, as `dg utils refresh-defs-state` does"] if kept else []),
    ]
    words = [python, "-c", SCRIPT, *(["--components"] if kept else []), *modules]
    return [Step(words, " and ".join(told))]


@dataclass(frozen=True)
class _Seen:
    dbt_modules: tuple[str, ...] = ()
    """Modules that make a `DbtProject`."""
    component_packages: tuple[str, ...] = ()
    """The packages whose components the project's files name."""


def _read(project: Project) -> _Seen:
    modules: list[str] = []
    packages: set[str] = set()
    for file in _files(project.directory):
        if file.name in _COMPONENT_FILES:
            packages |= set(_TYPE.findall(_text(project, file).decode(errors="replace")))
        elif (
            file.suffix == ".py"
            and b"DbtProject(" in _text(project, file)
            and (name := _module(file, project))
        ):
            modules.append(name)
    # Dagster's own components keep no state.
    return _Seen(tuple(sorted(modules)), tuple(sorted(packages - {"dagster"})))


def _files(tree: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(tree):
        below[:] = sorted(name for name in below if name not in _NO_SOURCES and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))


def _module(file: Path, project: Project) -> str | None:
    if not file.is_relative_to(project.module_root):
        return None
    parts = file.relative_to(project.module_root).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _lacks_a_manifest(project: Project) -> bool:
    """Return whether a dbt project of the repository comes without the manifest that it is loaded from."""
    folders = [file.parent for file in _files(project.checkout) if file.name == "dbt_project.yml"]
    return any(not (folder / "target" / "manifest.json").is_file() for folder in folders)


def _has(libraries: Sequence[Path], package: str) -> bool:
    return any((folder / package).is_dir() for folder in libraries)


def _keeps_state(project: Project, package: str, libraries: Sequence[Path]) -> bool:
    """Return whether a component of the package, which is the repository's or a library's, keeps state."""
    for root in (project.module_root, *libraries):
        checkout = project.checkout if root == project.module_root else root
        tree = root / package
        if is_inside(checkout, tree) and tree.is_dir():
            sources = (file for file in _files(tree) if file.suffix == ".py")
            if any(_STATEFUL in read_or_nothing(checkout, file) for file in sources):
                return True
    return False


def _text(project: Project, file: Path) -> bytes:
    return read_or_nothing(project.checkout, file)
