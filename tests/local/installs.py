"""Projects and packages that try to reach the credentials of a package index, and who installs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.project import read_project
from playground_ops.targets.packages.environments import Environment, Environments
from tests.local.own_packages import BACKEND, SYSTEM, write
from tests.local.watched_index import PASSWORD, Watched

ABOUT = '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = [{needs}]\n'
PKG_BESIDE = '[tool.uv.sources]\npkg = {path = "pkg"}\n'
LOOKS_AROUND = """
import os, pathlib, socket, sys

def tried(what):
    try:
        return what()
    except Exception as error:
        return type(error).__name__

def seen():
    place = pathlib.Path(os.environ.get("LOOK_AT", "/nowhere"))
    parent = f"/proc/{os.getppid()}/environ"
    return repr({
        "variables": dict(os.environ),
        "secret": tried(lambda: pathlib.Path(SECRET).read_text()),
        "beside": tried(lambda: pathlib.Path(SECRET).with_name("written").write_text("x")),
        "caller": tried(lambda: open(parent).read()),
        "index": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 2) and "reached"),
    })
"""


def package(place: Path, secret: Path, port: int) -> Path:
    """Make a package whose build looks around, and has what it saw in a module of its wheel."""
    looks = LOOKS_AROUND.replace("SECRET", repr(str(secret))).replace("PORT", str(port))
    backend = BACKEND.format(name=place.name).replace(
        "    (HERE /", '    (HERE / NAME / "seen.py").write_text(f"SEEN = {seen()}\\n")\n    (HERE /', 1
    )
    write(place / "backend.py", looks + backend)
    write(place / place.name / "__init__.py", "")
    write(place / "needs.txt", "")
    dynamic = 'dynamic = ["version", "dependencies"]\n'
    write(place / "pyproject.toml", f'[project]\nname = "{place.name}"\n{dynamic}{SYSTEM}')
    return place


def wheel(folder: Path, name: str, number: str, files: Mapping[str, str] = {}, needs: str = "") -> Path:
    info = f"{name}-{number}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{needs}"
    content = {f"{name}.py": f'NUMBER = "{number}"\n', f"{info}/METADATA": about, **files}
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*content, f"{info}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{number}-py3-none-any.whl"
    with ZipFile(made, "w") as archive:
        for file, text in content.items():
            archive.writestr(file, text)
    return made


def made(environments: Environments, checkout: Path) -> Environment:
    return environments.ensure(read_project(checkout), lambda line: None)


def module(environments: Environments, found: Environment, name: str) -> str:
    (file,) = (environments.folder / found.key / "lib").glob(f"python*/site-packages/{name}")
    return file.read_text()


def refusal(environments: Environments, checkout: Path) -> str:
    with pytest.raises(PlaygroundError) as refused:
        made(environments, checkout)
    assert refused.value.finding.kind is FindingKind.CERTAIN
    assert PASSWORD not in refused.value.finding.model_dump_json()
    return str(refused.value)


def to_the_attacker(elsewhere: Watched) -> set[str]:
    assert elsewhere.seen, "it was asked"
    return elsewhere.given
