"""Installs what a project declares into an environment: exact packages with hashes, all of them as wheels.

What is declared is first turned into a list of such packages, for each kind of file by what brings exactly
that. Only then uv installs, from that list alone; no code of a package or of the repository runs with
credentials.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common import pyproject
from playground_ops.targets.common.command import Inherited, run
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import is_inside
from playground_ops.targets.common.toml_files import parse_toml, read_toml
from playground_ops.targets.packages import exact, locked, refusals
from playground_ops.targets.packages.demand import Demand
from playground_ops.targets.packages.downloads import Downloads
from playground_ops.targets.packages.exact import File, Machine, Package
from playground_ops.targets.packages.gathering import Gathering
from playground_ops.targets.packages.indexes import Index, plain, with_indexes
from playground_ops.targets.packages.installed import check_dagster, conflict, goes_with
from playground_ops.targets.packages.interpreters import Interpreter
from playground_ops.targets.packages.locked import Requirements
from playground_ops.targets.packages.programs import of_poetry
from playground_ops.targets.packages.resolving import Resolver
from playground_ops.targets.packages.tools import Tools
from playground_ops.targets.packages.uv import BUILD_SECONDS, explain


@dataclass(frozen=True)
class Content:
    """What an environment is to hold."""

    packages: Sequence[Package]
    """Each with a wheel."""
    trees: frozenset[str] = frozenset()
    """Paths in the repository that some of it came from."""
    indexes: Sequence[str] = ()
    """URLs of further indexes that were asked."""

    @property
    def versions(self) -> Mapping[str, str]:
        return {one.name: one.installed_version for one in self.packages}


@dataclass(frozen=True)
class Installing:
    """`project`: in its checkout, which is read and never written."""

    project: Project
    tools: Tools
    machine: Machine

    def content(self, told: Sequence[str] | None) -> Content:
        """Return what the project declares. `told`: what its build tells, if it was asked.

        Raises PlaygroundError.
        """
        declared = self.project.declared
        if declared.kind in ("uv.lock", "pylock.toml"):
            with locked.readable(self.project):
                return self._content(self._locked())
        gathering = Gathering(self.project, self.tools, self.machine)
        tables = read_toml(self.project.directory / "pyproject.toml", self.project.checkout)
        is_poetry = declared.kind == "pyproject.toml" and pyproject.is_poetry(tables)
        if declared.kind in ("poetry.lock", "pdm.lock", "Pipfile.lock") or is_poetry:
            self._of_others(gathering)
        elif declared.kind == "requirements.txt":
            assert declared.file is not None
            gathering.settings()
            gathering.of_file(declared.file)
        else:
            gathering.settings()
            gathering.itself(told)
        found = Resolver(self.tools, self.machine).resolve(gathering.demand)
        return Content(found, frozenset(gathering.trees), gathering.demand.indexes)

    def with_instance(self, content: Content, packages: Sequence[str]) -> Content:
        """Return the content with `packages`, at the versions that go with its Dagster; nothing else moves.

        Raises PlaygroundError: certain, naming the packages, when that fails.
        """
        versions, thing = content.versions, self.tools.thing
        dagster = check_dagster(versions, thing)
        missing = [goes_with(name, dagster) for name in packages if name not in versions]
        if not missing:
            return content
        self.tools.uv.say(f"Adding what the instance needs: {', '.join(missing)}.")
        demand = Demand(lines=missing, indexes=list(content.indexes), settled=dict(versions))
        for one in content.packages:
            if one.wheels[0].path is not None:
                demand.add_here(replace(self.tools.wheel(one.wheels[0].path), requires=()))
        try:
            found = Resolver(self.tools, self.machine).resolve(demand)
        except PlaygroundError as error:
            raise PlaygroundError(conflict(thing, missing, error.finding)) from error
        return replace(
            content, packages=[*content.packages, *(one for one in found if one.name not in versions)]
        )

    def _of_others(self, gathering: Gathering) -> None:
        """Take the requirements that locks of other tools hold, and Poetry's own ranges."""
        kind = self.project.declared.kind
        with locked.readable(self.project):
            if kind == "pdm.lock":
                found: Requirements = locked.of_pdm(self.project)
            elif kind == "Pipfile.lock":
                found = locked.of_pipenv(self.project)
            else:
                found = of_poetry(self.project, self.tools.builder)
        gathering.demand.indexes += found.indexes
        gathering.demand.complete = found.is_complete
        gathering.of_lines(found.lines)

    def _locked(self) -> list[Package]:
        declared = self.project.declared
        assert declared.file is not None
        if declared.kind == "pylock.toml":
            return exact.read(
                read_toml(declared.file, self.project.checkout), declared.file.parent, self.machine
            )
        tables = parse_toml(self._exported())
        packages = exact.read(tables, self.tools.copy.directory, replace(self.machine, extras=(), groups=()))
        return [replace(one, tree=one.tree and self._there(one.tree)) for one in packages]

    def _exported(self) -> str:
        """Return uv's lock in the standard form. uv is told to read the lock, and to ask and run nothing."""
        chosen = self.project.declared.selection
        given = [("--extra", name) for name in chosen.extras] + [("--group", name) for name in chosen.groups]
        options = [part for option in given for part in option]
        options += [] if "dev" in chosen.groups else ["--no-dev"]
        options += [
            "--quiet",
            "--no-header",
            "--no-emit-project",
            "--python",
            str(self.machine.interpreter.path),
        ]
        command = ["export", "--frozen", "--format", "pylock.toml", *options]
        done = self.tools.uv_of_the_project.run([*command, "--offline"])
        if "compute missing hashes" in done.words:
            # The index gave none when it was locked. The files are fetched for once, past what is kept: there
            # they would lie under the name of the index, whatever address the lock has for them.
            done = self.tools.uv_of_the_project.run([*command, "--no-cache"], more=self._index_variables())
        if done.code != 0:
            raise PlaygroundError(explain(self.tools.thing, done.words))
        return done.output

    def _index_variables(self) -> Mapping[str, str]:
        """Return the indexes with their credentials, which uv gives to their servers alone."""
        indexes = self.tools.indexes
        others = " ".join(one.with_login for one in indexes.others)
        found = {"UV_DEFAULT_INDEX": indexes.default.with_login, "UV_INDEX": others}
        certificates = {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
        return {**{name: value for name, value in found.items() if value}, **certificates}

    def _there(self, place: Path) -> Path:
        """Return the place in the checkout of one in the copy."""
        copy, path = self.tools.copy.checkout, Path(os.path.normpath(place))
        return self.project.checkout / path.relative_to(copy) if path.is_relative_to(copy) else path

    def _content(self, packages: Sequence[Package]) -> Content:
        trees: set[str] = set()
        found = [self._with_wheel(one, trees) for one in packages]
        indexes = dict.fromkeys(one.index for one in packages if one.index)
        return Content([one for one in found if one is not None], frozenset(trees), [*indexes])

    def _with_wheel(self, package: Package, trees: set[str]) -> Package | None:
        """Return the package with wheels that can be installed; None for the project itself."""
        if package.tree is not None:
            place = self._place(package.tree / package.subdirectory)
            trees.add(place)
            if place == self.project.place:
                return None
            return _of(package, File.at(self.tools.built_tree(place).wheel))
        if package.git:
            built = self.tools.built_repository(package.git, package.subdirectory)
            return _of(package, File.at(built.wheel))
        index = self.tools.indexes.named(package.index) if package.index else None
        wheels = self.machine.fitting(package.wheels)
        for one in wheels:
            if one.path is not None:
                trees.add(self._place(one.path))
        if package.index and index is None and any(one.url for one in wheels):
            self.tools.check_addresses([package.index])
        if wheels and index is None and any(self._needs_care(one, package) for one in wheels):
            return replace(package, wheels=[self.tools.downloads.file(wheels[0])])
        if wheels:
            return replace(package, wheels=wheels)
        if package.source is None:
            raise PlaygroundError(refusals.no_wheel(self.project, package.name, package.version))
        source = package.source
        if source.path is not None:
            trees.add(self._place(source.path))
        file = self.tools.downloads.file(source, index)
        return _of(package, File.at(self.tools.built_from(package.name, file, package.subdirectory).wheel))

    def _needs_care(self, file: File, package: Package) -> bool:
        """Return whether it is fetched here, without credentials, and not by uv."""
        return file.url is not None and (package.index is None or self.tools.indexes.would_be_given(file.url))

    def _place(self, path: Path) -> str:
        """Return the path in the checkout. Raises PlaygroundError (certain) for one that leads out of it."""
        real, checkout = path.resolve(), self.project.checkout
        if not is_inside(checkout, Path(os.path.normpath(path))):
            raise PlaygroundError(
                refusals.outside(self.project, [Path(os.path.relpath(path, self.project.directory))])
            )
        if not real.exists():
            raise PlaygroundError(refusals.not_there(self.project, [real]))
        return real.relative_to(checkout).as_posix()


def _of(package: Package, file: File) -> Package:
    return replace(package, index=None, wheels=[file], source=None, tree=None, git={})


def install(content: Content, interpreter: Interpreter, place: Path, tools: Tools) -> None:
    """Make the environment at `place`. Raises PlaygroundError.

    Its Python is never run, by whoever has credentials: a package may bring a `.pth`, which Python runs.
    """
    with tools.folder_of("installing") as folder:
        lock = folder / "pylock.toml"
        packages = [_known(one, tools.downloads) for one in content.packages]
        lock.write_text(exact.text(packages), "utf-8")
        uv = tools.uv_in(folder)
        uv.run_or_raise(["venv", "--quiet", "--python", str(interpreter.path), str(place)])
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--preview-features", "pylock"]
        python = str(place / "bin" / "python")
        command = ["pip", "install", *options, "--python", python, "--requirements", str(lock)]
        indexes = dict.fromkeys(one.index for one in packages if one.index)
        named = with_indexes(os.environ).get("UV_INDEX", "").split()
        uv.run_or_raise(command, more={"UV_INDEX": " ".join([*named, *indexes])})
    if os.environ.get("UV_COMPILE_BYTECODE") == "1":
        _compile(interpreter, place)


def _known(package: Package, downloads: Downloads) -> Package:
    """Return the package as one of an index only where that is what its address says.

    uv keeps what it installs by the name of the index, and asks for it no more. A lock could give any address
    for a package of an index: kept so, it would be had by whoever asks the index for it.
    """
    urls = [file.url for file in package.wheels if file.url]
    said = [Index(plain(package.index))] if package.index else list(downloads.indexes.every)
    if urls and all(package.is_named(url) for url in urls):
        for index in said:
            if all(downloads.is_from(url, index) for url in urls):
                return replace(package, index=index.url)
    return replace(package, index=None)


def _compile(interpreter: Interpreter, place: Path) -> None:
    """Compile bytecode as uv would, by the Python that the environment was made from: it runs none of it."""
    command = [str(interpreter.path), "-I", "-S", "-m", "compileall", "-q", "-j", "0", str(place / "lib")]
    variables = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
    run(command, Inherited(variables), seconds=BUILD_SECONDS)
