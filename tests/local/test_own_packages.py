"""Packages of the repository itself: whatever names them, their content decides which environment is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.installed import installed
from tests.cluster.packageindex import wheel
from tests.local.own_packages import (
    DAGSTER,
    DAGSTER_OF_A_BUILD,
    GREETER_OF_A_BUILD,
    answer,
    ensure,
    package,
    project,
    repository,
    write,
)

POETRY = """\
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = "^3.10"
dagster = {path = "../wheels/dagster-1.13.0-py3-none-any.whl"}
shared = {path = "../libs/shared", develop = true}
"""
OF_UV = """\
[project]
name = "own"
version = "1"
dependencies = ["dagster", "shared"]
[tool.uv.sources]
dagster = {path = "../wheels/dagster-1.13.0-py3-none-any.whl"}
shared = {path = "../libs/shared", editable = true}
"""
OF_HATCH = """\
[project]
name = "own"
version = "1"
dependencies = [
    "dagster @ {root:uri}/../wheels/dagster-1.13.0-py3-none-any.whl",
    "shared @ {root:uri}/../libs/shared",
]
[tool.hatch.metadata]
allow-direct-references = true
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
SPELLINGS = {
    "no dot": ("requirements.txt", "libs/shared\n"),
    "editable": ("requirements.txt", "-e libs/shared\n"),
    "by name": ("requirements.txt", "shared @ file:libs/shared\n"),
    "in another file": ("requirements.txt", "-r more/base.txt\n"),
    "Poetry": ("own/pyproject.toml", POETRY),
    "uv": ("own/pyproject.toml", OF_UV),
    "hatch": ("own/pyproject.toml", OF_HATCH),
}


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return repository(tmp_path / "checkout")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_code_of_a_library_decides_however_it_is_named(
    spelling: str, checkout: Path, environments: Environments
) -> None:
    # given
    file, text = SPELLINGS[spelling]
    package(checkout / "libs" / "shared")
    write(checkout / "own" / "playground" / "definitions.py", "")
    write(checkout / "more" / "base.txt", f"{DAGSTER}\nlibs/shared\n")
    write(checkout / file, f"{DAGSTER}\n{text}" if spelling in ("no dot", "editable", "by name") else text)
    below = "own" if file.startswith("own/") else "."
    first = ensure(environments, project(checkout, below))
    # when
    write(checkout / "libs" / "shared" / "shared" / "__init__.py", "ANSWER = 2\n")
    second = ensure(environments, project(checkout, below))
    # then
    assert answer(environments, first, "shared") == "ANSWER = 1"
    assert answer(environments, second, "shared") == "ANSWER = 2"
    # and code that nobody installs changes nothing
    write(checkout / "libs" / "unused" / "x.py", "")
    assert ensure(environments, project(checkout, below)) == second
    write(checkout / "libs" / "shared" / "shared" / "__init__.py", "ANSWER = 1\n")
    assert ensure(environments, project(checkout, below)) == first


def test_so_does_a_library_of_the_library_and_what_it_links_to(
    checkout: Path, environments: Environments
) -> None:
    # given
    source = '[tool.uv.sources]\ndeeper = {path = "../deeper"}\n'
    package(checkout / "libs" / "shared", source, needs="deeper\n")
    package(checkout / "libs" / "deeper")
    write(checkout / "common" / "__init__.py", "ANSWER = 1\n")
    (checkout / "libs" / "deeper" / "deeper" / "common").symlink_to("../../../common")
    write(checkout / "requirements.txt", f"{DAGSTER}\nlibs/shared\n")
    first = ensure(environments, project(checkout))
    # when
    write(checkout / "libs" / "deeper" / "deeper" / "__init__.py", "ANSWER = 2\n")
    second = ensure(environments, project(checkout))
    write(checkout / "common" / "__init__.py", "ANSWER = 2\n")
    third = ensure(environments, project(checkout))
    # then
    assert len({first.key, second.key, third.key}) == 3
    assert answer(environments, third, "deeper") == "ANSWER = 2"


def test_so_does_a_wheel_that_an_option_finds(checkout: Path, environments: Environments) -> None:
    wheel(checkout / "wheels", "greeter", "1.0")
    write(checkout / "requirements.txt", "--no-index\n--find-links wheels\ndagster\ngreeter\n")
    first = ensure(environments, project(checkout))
    wheel(checkout / "wheels", "greeter", "2.0")
    second = ensure(environments, project(checkout))
    assert installed(environments.folder / first.key)["greeter"] == "1.0"
    assert installed(environments.folder / second.key)["greeter"] == "2.0"


def test_what_a_build_reads_is_declared_and_its_code_is_not(
    checkout: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: dependencies that only the project's own build knows
    own = package(checkout / "own", needs=DAGSTER_OF_A_BUILD)
    wheel(checkout / "wheels", "greeter", "1.0")
    write(own / "playground" / "definitions.py", "")
    first = ensure(environments, project(checkout, "own"))
    # when
    write(own / "own" / "__init__.py", "ANSWER = 2\n")
    second = ensure(environments, project(checkout, "own"))
    write(own / "needs.txt", DAGSTER_OF_A_BUILD + GREETER_OF_A_BUILD)
    third = ensure(environments, project(checkout, "own"))
    # then
    assert first == second
    assert "greeter" in installed(environments.folder / third.key)
    assert "own" not in installed(environments.folder / third.key)
    # and it is known from then on, without its build
    monkeypatch.setenv("UV_NO_BUILD", "1")
    said: list[str] = []
    assert environments.ensure(project(checkout, "own"), said.append) == third
    assert said == []


SETUP = """\
from setuptools import setup
setup(name="own", version="1", py_modules=[], install_requires=open("needs.txt").read().split("\\n"))
"""
SETUP_CFG = """\
[metadata]
name = own
version = 1
[options]
packages =
install_requires =
    dagster==1.13.999
"""


@pytest.mark.parametrize("file", ["setup.py", "setup.cfg"])
def test_what_setuptools_is_told_is_declared(
    file: str, checkout: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(checkout / "wheels"))
    wheel(checkout / "wheels", "dagster", "1.13.999")
    write(checkout / "needs.txt", "dagster==1.13.999")
    write(checkout / file, SETUP if file == "setup.py" else SETUP_CFG)
    made = ensure(environments, project(checkout))
    assert set(installed(environments.folder / made.key)) == {"dagster"}


def test_the_project_itself_is_no_part_of_it(checkout: Path, environments: Environments) -> None:
    # given
    package(checkout / "own", needs=DAGSTER_OF_A_BUILD)
    wheel(checkout / "wheels", "greeter", "1.0")
    write(checkout / "own" / "playground" / "definitions.py", "")
    write(checkout / "own" / "requirements.txt", "-e .\n")
    first = ensure(environments, project(checkout, "own"))
    # when
    write(checkout / "own" / "own" / "__init__.py", "ANSWER = 2\n")
    second = ensure(environments, project(checkout, "own"))
    write(checkout / "own" / "needs.txt", DAGSTER_OF_A_BUILD + GREETER_OF_A_BUILD)
    third = ensure(environments, project(checkout, "own"))
    # then
    assert first == second
    assert set(installed(environments.folder / first.key)) == {"dagster"}
    assert set(installed(environments.folder / third.key)) == {"dagster", "greeter"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("../beside", "from outside its repository: `../beside`"),
        ("{beside}", "from outside its repository: `{beside}`"),
        ("libs/link", "from outside its repository: `{beside}`"),
        ("libs/missing", "a package at `libs/missing`, which is not in the repository"),
    ],
)
def test_one_that_the_repository_does_not_have_is_named(
    line: str, told: str, checkout: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # as a shell may export it
    beside = package(checkout.parent / "beside")
    (checkout / "libs").mkdir()
    (checkout / "libs" / "link").symlink_to(beside)
    write(checkout / "requirements.txt", f"{DAGSTER}\n{line.format(beside=beside)}\n")
    with pytest.raises(PlaygroundError) as refused:
        environments.ensure(project(checkout), lambda message: None)
    assert refused.value.finding.kind is FindingKind.CERTAIN
    assert told.format(beside=beside) in str(refused.value)
    assert [place.name for place in environments.folder.glob("*") if place.name != ".locks"] == []
