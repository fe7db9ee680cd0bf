"""Finds the exact packages, with hashes, for what is demanded: by uv, which reads nothing of the repository.

It is given a folder with requirements as plain text, in which is nothing else, and takes wheels alone. What
has no wheel is built from its source elsewhere, and then is one.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.toml_files import parse_toml
from playground_ops.targets.packages import exact
from playground_ops.targets.packages.demand import Demand
from playground_ops.targets.packages.exact import Machine, Package
from playground_ops.targets.packages.indexes import Indexes, with_indexes
from playground_ops.targets.packages.tools import Tools
from playground_ops.targets.packages.uv import explain

_SOURCES = 30
"""Packages without a wheel that are built for one environment."""
_NAME = "playground-resolution"


@dataclass(frozen=True)
class Resolver:
    tools: Tools
    machine: Machine

    def resolve(self, demand: Demand) -> list[Package]:
        """Return the packages that `demand` needs. Raises PlaygroundError."""
        pages = [one for one in demand.links if "://" in one]
        self.tools.check_addresses([*demand.indexes, *demand.pinned.values(), *pages])
        self.tools.check_lines([*demand.lines, *demand.constraints, *demand.overrides, *_pins(demand)])
        for _ in range(_SOURCES):
            words, found = self._asked(demand)
            if found is not None:
                return list(_with_right_hashes(found, demand, self.tools.thing))
            lacking = {name: version for name, version in _without_wheels(words) if name not in demand.here}
            if not lacking:
                break
            for name, version in lacking.items():
                _, file = self.tools.downloads.source(name, version, frozenset(_values(demand, name)))
                demand.add_here(self.tools.built_from(name, file))
        raise PlaygroundError(explain(self.tools.thing, words))

    def _asked(self, demand: Demand) -> tuple[str, list[Package] | None]:
        """Ask uv. Returns its words, and the packages if there is a solution."""
        with self.tools.folder_of("resolving") as folder:
            uv = self.tools.uv_in(folder)
            done = uv.run(
                ["pip", "compile", *_options(demand, folder), *self._python()],
                more=_variables(demand, folder, self.tools.indexes),
            )
            if done.code != 0:
                return done.words, None
            return done.words, exact.read(parse_toml(done.output), folder, self.machine)

    def _python(self) -> list[str]:
        return ["--python", str(self.machine.interpreter.path)]


def _options(demand: Demand, folder: Path) -> list[str]:
    """Write what is demanded into `folder`, and return the options that name it."""
    options = ["--quiet", "--no-header", "--format", "pylock.toml", "--only-binary", ":all:"]
    constraints = [*demand.constraints, *_pins(demand)]
    for name, lines in (("constraints", constraints), ("overrides", demand.overrides)):
        if lines:
            (folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in lines), "utf-8")
            options += [f"--{name}", f"{name}.txt"]
    options += [f"--{name}={value}" for name, value in sorted(demand.options.items())]
    options += [f"--find-links={place}" for place in demand.links]
    options += ["--no-index"] if demand.no_index else []
    if demand.complete:
        options.append("--no-deps")
        named = {canonicalize_name(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in demand.lines}
        if named <= {*demand.hashes, *demand.here}:
            # A package is known by its hashes, from whichever index.
            options += ["--index-strategy", "unsafe-best-match"]
    if demand.pinned:
        (folder / "pyproject.toml").write_text(_project(demand), "utf-8")
        return [*options, "pyproject.toml"]
    (folder / "requirements.in").write_text("".join(f"{one}\n" for one in demand.lines), "utf-8")
    return [*options, "requirements.in"]


def _pins(demand: Demand) -> list[str]:
    return [f"{name}=={version}" for name, version in demand.settled.items() if name not in demand.here]


def _project(demand: Demand) -> str:
    """Return a project of our own that has the demanded dependencies, some of them from one index."""
    urls = sorted(set(demand.pinned.values()))
    tables = [f'[project]\nname = "{_NAME}"\nversion = "0"\ndependencies = {json.dumps(demand.lines)}\n']
    for number, url in enumerate(urls):
        tables.append(f'[[tool.uv.index]]\nname = "i{number}"\nurl = {json.dumps(url)}\nexplicit = true\n')
    pins = [f'{name} = {{ index = "i{urls.index(url)}" }}\n' for name, url in sorted(demand.pinned.items())]
    return "".join([*tables, "[tool.uv.sources]\n", *pins])


def _variables(demand: Demand, folder: Path, known: Indexes) -> dict[str, str]:
    """Return uv's settings: the machine's, the indexes that the project names, and what wheels here need."""
    ours = with_indexes(os.environ)
    found = {}
    others = [one for one in demand.indexes if not known.stand_for(one)]
    if others:
        found["UV_INDEX"] = " ".join([*ours.get("UV_INDEX", "").split(), *dict.fromkeys(others)])
    if demand.here or demand.settled:
        file = ours.get("UV_CONFIG_FILE")
        kept = Path(file).read_text("utf-8") if file else ""
        (folder / "settings.toml").write_text(f"{kept}\n{demand.metadata()}", "utf-8")
        found |= {"UV_CONFIG_FILE": str(folder / "settings.toml"), "UV_NO_CONFIG": "false"}
    return found


def _without_wheels(words: str) -> Iterator[tuple[str, str]]:
    """Yield the packages that uv says to have no wheel, and which versions are wanted."""
    flat = re.sub(r"\s+", " ", words)
    for name, version in re.findall(
        r"([A-Za-z0-9][\w.-]*?)((?:[<>=!~]=?[\w.*+!,<>=~]+)?) ha(?:s|ve) no usable wheels", flat
    ):
        yield canonicalize_name(name), version


def _values(demand: Demand, name: str) -> set[str]:
    return {one.partition(":")[2] for one in demand.hashes.get(name, ())}


def _with_right_hashes(packages: Sequence[Package], demand: Demand, thing: str) -> Iterator[Package]:
    """Yield them with those files alone that have a hash which is allowed. Raises PlaygroundError."""
    for one in packages:
        allowed = _values(demand, one.name)
        if not allowed or one.name in demand.here:
            yield one
            continue
        wheels = [file for file in one.wheels if allowed & set(file.hashes.values())]
        if not wheels:
            raise PlaygroundError(explain(thing, f"Hash mismatch for `{one.name}=={one.version}`"))
        yield replace(one, wheels=wheels)
