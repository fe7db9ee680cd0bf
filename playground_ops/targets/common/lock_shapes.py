"""The types of what is read from locks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field, StrictStr

from playground_ops.targets.common.shape_basics import Keys, Source, Strings, Table


class _Directory(Keys):
    path: StrictStr | None = None


class _LockedSource(Keys):
    """Where uv or Poetry took a package from."""

    type: StrictStr | None = None
    url: StrictStr | None = None
    editable: StrictStr | None = None
    virtual: StrictStr | None = None
    directory: StrictStr | None = None
    path: StrictStr | None = None


class _Locked(Keys):
    name: StrictStr
    version: StrictStr | None = None
    source: _LockedSource | None = None


class Lock(Keys):
    package: list[_Locked] | None = None


class _Hashed(Keys):
    hash: StrictStr | None = None


class _LockedByPdm(_Locked):
    groups: Strings | None = None
    files: list[_Hashed] | None = None
    marker: StrictStr | None = None
    git: StrictStr | None = None
    url: StrictStr | None = None
    path: StrictStr | None = None


class _PdmMetadata(Keys):
    groups: Strings | None = None
    strategy: Strings | None = None


class PdmLock(Keys):
    package: list[_LockedByPdm] | None = None
    metadata: _PdmMetadata | None = None


class _InPylock(Keys):
    name: StrictStr
    version: StrictStr | None = None
    directory: _Directory | None = None
    archive: _Directory | None = None
    vcs: _Directory | None = None
    sdist: _Directory | None = None
    wheels: list[_Directory] | None = None


class Pylock(Keys):
    packages: list[_InPylock] | None = None


class Pipfile(Keys):
    packages: Table | None = None


class _InPipfileLock(Keys):
    version: StrictStr | None = None
    hashes: Strings | None = None
    markers: StrictStr | None = None
    git: StrictStr | None = None
    path: StrictStr | None = None
    file: StrictStr | None = None


class _PipfileMeta(Keys):
    sources: list[Source] | None = None


class PipfileLock(Keys):
    # pipenv writes a key for each category of the Pipfile.
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, _InPipfileLock]]
    meta: _PipfileMeta | None = Field(None, alias="_meta")
