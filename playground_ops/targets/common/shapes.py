"""The types of what is read from files of a repository; all other keys may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

Strings = list[StrictStr]
Table = dict[str, Any]


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class _Keys(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True, strict=True, extra="ignore")


class _Dashed(_Keys):
    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=_dashed)


class _Project(_Dashed):
    name: StrictStr | None = None
    version: StrictStr | None = None
    requires_python: StrictStr | None = None
    dependencies: Strings | None = None
    optional_dependencies: dict[str, Strings] | None = None
    dynamic: Strings | None = None
    classifiers: Strings | None = None
    scripts: dict[str, StrictStr] | None = None
    entry_points: dict[str, Table] | None = None


class _BuildSystem(_Dashed):
    requires: Strings | None = None
    build_backend: StrictStr | None = None
    backend_path: Strings | None = None


class _DgProject(_Keys):
    root_module: StrictStr | None = None
    code_location_target_module: StrictStr | None = None
    defs_module: StrictStr | None = None
    autoload_defs: StrictBool | None = None


class _DgFile(_Keys):
    project: _DgProject | None = None


class _DagsterModule(_Keys):
    name: StrictStr | None = None


class _Dagster(_Keys):
    module_name: StrictStr | None = None
    modules: list[_DagsterModule] | None = None


class _Workspace(_Dashed):
    members: Strings | None = None
    exclude: Strings | None = None


class _UvBackend(_Dashed):
    module_root: StrictStr | None = None


class _UvSource(_Keys):
    path: StrictStr | None = None


class _Uv(_Dashed):
    package: StrictBool | None = None
    workspace: _Workspace | None = None
    sources: dict[str, _UvSource | list[_UvSource]] | None = None
    override_dependencies: Strings | None = None
    exclude_dependencies: Strings | None = None
    build_backend: _UvBackend | None = None


class _Source(_Keys):
    """A package index, as Poetry, PDM and pipenv list them."""

    name: StrictStr | None = None
    url: StrictStr | None = None


class _PoetryDependency(_Keys):
    version: StrictStr | None = None
    path: StrictStr | None = None
    optional: StrictBool | None = None


_PoetryDependencies = dict[str, StrictStr | _PoetryDependency | list[_PoetryDependency]]


class _PoetryGroup(_Keys):
    dependencies: _PoetryDependencies | None = None


class _Poetry(_Dashed):
    name: StrictStr | None = None
    version: StrictStr | None = None
    package_mode: StrictBool | None = None
    dependencies: _PoetryDependencies | None = None
    dev_dependencies: _PoetryDependencies | None = None
    group: dict[str, _PoetryGroup] | None = None
    extras: dict[str, Strings] | None = None
    source: list[_Source] | None = None
    plugins: dict[str, Table] | None = None


class _Pdm(_Dashed):
    dev_dependencies: dict[str, Strings] | None = None
    source: list[_Source] | None = None
    build: Table | None = None


class _Find(_Keys):
    where: Strings | None = None


class _Packages(_Keys):
    find: _Find | None = None


class _Setuptools(_Keys):
    packages: Strings | _Packages | None = None


class _Wheel(_Keys):
    packages: Strings | None = None


class _HatchTargets(_Keys):
    wheel: _Wheel | None = None


class _HatchBuild(_Keys):
    targets: _HatchTargets | None = None
    hooks: Table | None = None


class _Hatch(_Keys):
    build: _HatchBuild | None = None


class _FlitMetadata(_Keys):
    requires: Strings | None = None


class _Flit(_Keys):
    metadata: _FlitMetadata | None = None


class _Dg(_Keys):
    project: _DgProject | None = None


class _Tools(_Keys):
    dg: _Dg | None = None
    dagster: _Dagster | None = None
    uv: _Uv | None = None
    poetry: _Poetry | None = None
    pdm: _Pdm | None = None
    setuptools: _Setuptools | None = None
    hatch: _Hatch | None = None
    flit: _Flit | None = None


class _PyProject(_Dashed):
    project: _Project | None = None
    build_system: _BuildSystem | None = None
    dependency_groups: dict[str, list[StrictStr | Table]] | None = None
    tool: _Tools | None = None


class _Directory(_Keys):
    path: StrictStr | None = None


class _LockedSource(_Keys):
    """Where uv or Poetry took a package from."""

    type: StrictStr | None = None
    url: StrictStr | None = None
    editable: StrictStr | None = None
    virtual: StrictStr | None = None
    directory: StrictStr | None = None
    path: StrictStr | None = None


class _Locked(_Keys):
    name: StrictStr
    version: StrictStr | None = None
    source: _LockedSource | None = None


class _Lock(_Keys):
    package: list[_Locked] | None = None


class _Hashed(_Keys):
    hash: StrictStr | None = None


class _LockedByPdm(_Locked):
    groups: Strings | None = None
    files: list[_Hashed] | None = None
    marker: StrictStr | None = None
    git: StrictStr | None = None
    url: StrictStr | None = None
    path: StrictStr | None = None


class _PdmMetadata(_Keys):
    groups: Strings | None = None
    strategy: Strings | None = None


class _PdmLock(_Keys):
    package: list[_LockedByPdm] | None = None
    metadata: _PdmMetadata | None = None


class _InPylock(_Keys):
    name: StrictStr
    version: StrictStr | None = None
    directory: _Directory | None = None
    archive: _Directory | None = None
    vcs: _Directory | None = None
    sdist: _Directory | None = None
    wheels: list[_Directory] | None = None


class _Pylock(_Keys):
    packages: list[_InPylock] | None = None


class _Pipfile(_Keys):
    packages: Table | None = None


class _InPipfileLock(_Keys):
    version: StrictStr | None = None
    hashes: Strings | None = None
    markers: StrictStr | None = None
    git: StrictStr | None = None
    path: StrictStr | None = None
    file: StrictStr | None = None


class _PipfileMeta(_Keys):
    sources: list[_Source] | None = None


class _PipfileLock(_Keys):
    # pipenv writes a key for each category of the Pipfile.
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, _InPipfileLock]]
    meta: _PipfileMeta | None = Field(None, alias="_meta")


class Shape(Enum):
    """What a file holds."""

    PYPROJECT = _PyProject
    DG = _DgFile
    LOCK = _Lock
    PDM_LOCK = _PdmLock
    PYLOCK = _Pylock
    PIPFILE = _Pipfile
    PIPFILE_LOCK = _PipfileLock

    @classmethod
    def named(cls, name: str) -> Shape | None:
        """Return the shape of the file with that name; None: nothing of it is read."""
        return cls.PYLOCK if name.startswith("pylock.") else _NAMED.get(name)


_NAMED = {
    "pyproject.toml": Shape.PYPROJECT,
    "dg.toml": Shape.DG,
    "uv.lock": Shape.LOCK,
    "poetry.lock": Shape.LOCK,
    "pdm.lock": Shape.PDM_LOCK,
    "Pipfile": Shape.PIPFILE,
    "Pipfile.lock": Shape.PIPFILE_LOCK,
}
_WANTED = {
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "bool_type": "`true` or `false`",
}
MOST_TOLD = 5


def wrong_types(found: Mapping[str, Any], shape: Shape | None) -> list[tuple[str, str]]:
    """Return what is wrong and what is wanted, as sentences, for each key with a value of another type."""
    if shape is None:
        return []
    try:
        shape.value.model_validate(found)
    except ValidationError as error:
        return _told(found, error)
    return []


def _told(found: Mapping[str, Any], error: ValidationError) -> list[tuple[str, str]]:
    wanted: dict[str, list[str]] = {}
    observed: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False):
        key, value = _place(found, one["loc"])
        missing = one["type"] == "missing"
        name = f"{key}.{one['loc'][-1]}".lstrip(".") if missing else key
        observed[name] = f"`{name}` is {'missing' if missing else _kind(value)}."
        is_wanted = "a value" if missing else _WANTED.get(one["type"], one["msg"])
        if is_wanted not in wanted.setdefault(name, []):
            wanted[name].append(is_wanted)
    # Where it may be one of several, the one that it comes nearest to is told.
    nearest = [name for name in wanted if not any(one.startswith((f"{name}.", f"{name}[")) for one in wanted)]
    return [
        (observed[name], f"{' or '.join(wanted[name]).capitalize()} is wanted there.")
        for name in nearest[:MOST_TOLD]
    ]


def _place(found: Any, steps: Sequence[str | int]) -> tuple[str, Any]:
    """Return the key that an error is about, and its value; names of types are among the steps."""
    key = ""
    for step in steps:
        if isinstance(step, int) and isinstance(found, list) and step < len(found):
            key, found = f"{key}[{step}]", found[step]
        elif isinstance(found, dict) and step in found:
            key, found = f"{key}.{step}".lstrip("."), found[step]
    return key, found


def _kind(value: Any) -> str:
    kinds = {dict: "a table", list: "a list", str: "a text", bool: "`true` or `false`"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "a date or time")
