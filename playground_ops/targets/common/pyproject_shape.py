"""The types of what is read from `pyproject.toml` and `dg.toml`."""

from __future__ import annotations

from pydantic import StrictBool, StrictStr

from playground_ops.targets.common.shape_basics import Dashed, Keys, Source, Strings, Table


class _Project(Dashed):
    name: StrictStr | None = None
    version: StrictStr | None = None
    requires_python: StrictStr | None = None
    dependencies: Strings | None = None
    optional_dependencies: dict[str, Strings] | None = None
    dynamic: Strings | None = None
    classifiers: Strings | None = None
    scripts: dict[str, StrictStr] | None = None
    entry_points: dict[str, Table] | None = None


class _BuildSystem(Dashed):
    requires: Strings | None = None
    build_backend: StrictStr | None = None
    backend_path: Strings | None = None


class _DgProject(Keys):
    root_module: StrictStr | None = None
    code_location_target_module: StrictStr | None = None
    defs_module: StrictStr | None = None
    autoload_defs: StrictBool | None = None


class DgFile(Keys):
    project: _DgProject | None = None


class _DagsterModule(Keys):
    name: StrictStr | None = None


class _Dagster(Keys):
    module_name: StrictStr | None = None
    modules: list[_DagsterModule] | None = None


class _Workspace(Dashed):
    members: Strings | None = None
    exclude: Strings | None = None


class _UvBackend(Dashed):
    module_root: StrictStr | None = None


class _UvSource(Keys):
    path: StrictStr | None = None


class _Uv(Dashed):
    package: StrictBool | None = None
    workspace: _Workspace | None = None
    sources: dict[str, _UvSource | list[_UvSource]] | None = None
    override_dependencies: Strings | None = None
    exclude_dependencies: Strings | None = None
    build_backend: _UvBackend | None = None


class _PoetryDependency(Keys):
    version: StrictStr | None = None
    path: StrictStr | None = None
    optional: StrictBool | None = None


_PoetryDependencies = dict[str, StrictStr | _PoetryDependency | list[_PoetryDependency]]


class _PoetryGroup(Keys):
    dependencies: _PoetryDependencies | None = None


class _Poetry(Dashed):
    name: StrictStr | None = None
    version: StrictStr | None = None
    package_mode: StrictBool | None = None
    dependencies: _PoetryDependencies | None = None
    dev_dependencies: _PoetryDependencies | None = None
    group: dict[str, _PoetryGroup] | None = None
    extras: dict[str, Strings] | None = None
    source: list[Source] | None = None
    plugins: dict[str, Table] | None = None


class _Pdm(Dashed):
    dev_dependencies: dict[str, Strings] | None = None
    source: list[Source] | None = None
    build: Table | None = None


class _Find(Keys):
    where: Strings | None = None


class _Packages(Keys):
    find: _Find | None = None


class _Setuptools(Keys):
    packages: Strings | _Packages | None = None


class _Wheel(Keys):
    packages: Strings | None = None


class _HatchTargets(Keys):
    wheel: _Wheel | None = None


class _HatchBuild(Keys):
    targets: _HatchTargets | None = None
    hooks: Table | None = None


class _Hatch(Keys):
    build: _HatchBuild | None = None


class _FlitMetadata(Keys):
    requires: Strings | None = None


class _Flit(Keys):
    metadata: _FlitMetadata | None = None


class _Dg(Keys):
    project: _DgProject | None = None


class _Tools(Keys):
    dg: _Dg | None = None
    dagster: _Dagster | None = None
    uv: _Uv | None = None
    poetry: _Poetry | None = None
    pdm: _Pdm | None = None
    setuptools: _Setuptools | None = None
    hatch: _Hatch | None = None
    flit: _Flit | None = None


class PyProject(Dashed):
    project: _Project | None = None
    build_system: _BuildSystem | None = None
    dependency_groups: dict[str, list[StrictStr | Table]] | None = None
    tool: _Tools | None = None
