"""Builds wheels from folders of sources. Their code runs apart from whoever has credentials (`box.py`).

What a build itself needs is installed first, from the index, as wheels; the build then asks nobody.
"""

import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.toml_files import read_toml, strings, table
from playground_ops.targets.packages.box import Box, Foreign
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.uv import Uv, explain

_PROGRAM = Path(__file__).with_name("with_build.py")
_RESULT_BYTES = 20_000_000
_NO = MappingProxyType[str, str]({})


@dataclass(frozen=True)
class Built:
    wheel: Path
    name: str
    version: str
    requires: Sequence[str]


class CantBuild(Exception):
    """A build failed. `words`: what it printed."""

    def __init__(self, why: str, words: str) -> None:
        super().__init__(why)
        self.words = words


@dataclass(frozen=True)
class Builder:
    """Builds for `interpreter`. `folder`: room of its own, which whoever calls removes."""

    uv: Uv
    """It knows the indexes; it never sees a folder that is built."""
    interpreter: Interpreter
    folder: Path
    box: Box
    _tools: dict[tuple[str, ...], Path] = field(default_factory=dict)

    def wheel(self, tree: Path, *, within: Path, more: Mapping[str, str] = _NO) -> Built:
        """Build the sources in `tree`, in place. `within`: the folder, around it, that the build may reach.

        Raises CantBuild, and PlaygroundError for what may pass: an index that is away.
        """
        found, work = self._asked("wheel", tree, within, more)
        wheel = Path(str(found.get("wheel")))
        try:
            is_there = wheel.resolve().parent == work / "dist"
            is_file = is_there and stat.S_ISREG(wheel.lstat().st_mode)
            return read_wheel(wheel) if is_file else _nothing(tree)
        except (OSError, KeyError, StopIteration, ValueError, zipfile.BadZipFile) as error:
            raise CantBuild(f"What it built is no wheel: {error!r}", "") from error

    def requires(self, tree: Path, *, within: Path) -> list[str]:
        """Return the requirements that the build backend of what is in `tree` tells. Raises as `wheel`."""
        return strings(self._asked("requires", tree, within, _NO)[0]["requires"])

    def told(
        self, libraries: Sequence[str], arguments: Sequence[str], readable: Sequence[Path]
    ) -> Mapping[str, Any]:
        """Return what a program of this project, by its path, writes to the file that is its last argument.

        It has `libraries`, and runs as apart as a build. Raises CantBuild, and PlaygroundError as `wheel`.
        """
        python, place = self._python(libraries), self.folder.resolve() / "told"
        place.mkdir(exist_ok=True)
        result = place / "result.json"
        result.unlink(missing_ok=True)
        foreign = replace(self._foreign(place), readable=[*readable, *self._readable(python)])
        done = foreign.run([str(python), "-I", *arguments, str(result)])
        if found := _result(result):
            return found
        raise CantBuild("It says nothing", done.words)

    def _asked(
        self, what: str, tree: Path, within: Path, more: Mapping[str, str]
    ) -> tuple[Mapping[str, Any], Path]:
        """Ask twice at most: a backend may want something of its own first."""
        system = table(read_toml(tree / "pyproject.toml", within), "build-system")
        libraries = strings(system.get("requires")) or ([] if "requires" in system else ["setuptools"])
        backend = str(system.get("build-backend") or "setuptools.build_meta:__legacy__")
        told = [what, str(tree), backend, json.dumps(strings(system.get("backend-path")))]
        digest = hashlib.sha256(f"{what}\0{tree}".encode()).hexdigest()[:12]
        found: Mapping[str, Any] = {}
        for number in range(2):
            python, work = self._python(libraries), self.folder.resolve() / f"{what}-{digest}-{number}"
            (work / "dist").mkdir(parents=True)
            result = work / "result.json"
            foreign = replace(self._foreign(work), readable=self._readable(python), writable=[within])
            done = foreign.run([str(python), "-I", str(_PROGRAM), *told, str(result)], more)
            found = _result(result)
            if found.get("error") or not ({"requires", "wheel"} & set(found) or found.get("needs")):
                raise CantBuild(str(found.get("error") or "It says nothing"), done.words)
            if "needs" not in found:
                return found, work
            libraries += strings(found["needs"])
        raise CantBuild(f"It wants {', '.join(strings(found['needs']))}.", "")

    def _foreign(self, work: Path) -> Foreign:
        return Foreign(self.uv.thing, work, self.box, self.uv.say, self.uv.keep)

    def _readable(self, python: Path) -> list[Path]:
        base = Path(os.path.realpath(self.interpreter.path))
        return [python.parents[1], _PROGRAM.parent, base.parents[1]]

    def _python(self, libraries: Sequence[str]) -> Path:
        """Return a Python that has them, all from wheels of the index. Raises PlaygroundError, CantBuild."""
        wanted = tuple(dict.fromkeys(_plain(libraries)))
        if wanted in self._tools:
            return self._tools[wanted]
        place = self.folder / f"tools-{len(self._tools)}"
        python, file = place / "bin" / "python", self.folder / f"tools-{len(self._tools)}.in"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{one}\n" for one in wanted))
        uv = replace(self.uv, folder=self.folder)
        uv.run_or_raise(["venv", "--quiet", "--clear", "--python", str(self.interpreter.path), str(place)])
        options = ["--only-binary", ":all:", "--python", str(python), "--requirements", str(file)]
        # At first from what uv has: what was asked before needs no index.
        for offline in (["--offline"], []):
            done = uv.run(["pip", "install", "--quiet", *options, *offline])
            if done.code == 0:
                self._tools[wanted] = python
                return python
        finding = explain(self.uv.thing, done.words)
        if finding.kind is FindingKind.CERTAIN:
            raise CantBuild(f"What its build needs can't be had: {finding.observed}", done.words)
        raise PlaygroundError(finding)


def _plain(libraries: Sequence[str]) -> list[str]:
    """Return requirements that name packages of an index, and nothing else that uv would follow."""
    found = []
    for one in libraries:
        try:
            requirement = Requirement(one)
        except InvalidRequirement as error:
            raise CantBuild(f"What its build needs is no requirement: {one}", "") from error
        if requirement.url is not None:
            raise CantBuild(f"What its build needs has an address, and no index to come from: {one}", "")
        if len(str(requirement).splitlines()) != 1:
            raise CantBuild(f"What its build needs is no requirement: {one!r}", "")
        found.append(str(requirement))
    return found


def _result(file: Path) -> Mapping[str, Any]:
    """Read what the program wrote; the build could have written it as well, or made a link of it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return {}
        try:
            found = json.loads(opened.read(_RESULT_BYTES))
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def read_wheel(wheel: Path) -> Built:
    """Return what a wheel says of itself. Raises what a damaged one raises."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        about = HeaderParser().parsestr(archive.read(name).decode("utf-8", errors="replace"))
    requires = [str(one) for one in about.get_all("Requires-Dist") or ()]
    name = str(about["Name"])
    if not re.fullmatch(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", name, re.ASCII):
        raise ValueError(f"it is named {name!r}")
    return Built(wheel, name, str(Version(str(about["Version"]))), requires)


def _nothing(tree: Path) -> Built:
    raise ValueError(f"nothing in {tree.name}")
