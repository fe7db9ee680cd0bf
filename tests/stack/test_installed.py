"""The program as it is installed: from its wheel by pip, in an environment of its own, without a clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import pytest

from playground_ops.version import __version__
from tests.guardian import Guardian
from tests.session.deadlines import stretched
from tests.stacks import ROOT, free_port
from tests.wheels import CONSTRAINTS, build, built, sdist_in, wheel_in

NEEDED = {
    *("click", "dagster", "dagster-postgres", "dagster-webserver", "kubernetes", "pydantic", "pyyaml"),
    *("sqlalchemy", "tabulate", "tomli", "websockets"),
}
"""All that the program needs without its extra. A new one is in the stock image too, or is not taken."""
SHIPPED = {
    *("configvalues.schema.json", "py.typed", "shipped/CHANGELOG.md", "shipped/configvalues.yaml"),
}
"""What is no Python in the package."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory)


def test_the_wheel_has_the_two_packages_and_what_init_writes(packages: Path) -> None:
    with ZipFile(wheel_in(packages)) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        (about,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(about).decode())
    assert {name.split("/")[0] for name in names} == {"playground_ops", "playground"}
    assert {name for name in names if not name.endswith(".py")} == {
        "playground/py.typed",
        *(f"playground_ops/{name}" for name in SHIPPED),
    }
    sources = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("playground*/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert metadata["Version"] == __version__
    needs = metadata.get_all("Requires-Dist") or []
    assert {re.split(r"[^\w.-]", need)[0] for need in needs if "extra ==" not in need} == NEEDED


def test_the_sdist_has_what_the_wheel_is_made_of_and_no_tests(packages: Path) -> None:
    with tarfile.open(sdist_in(packages)) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    own = {"playground_ops", "playground", "configvalues.yaml", "CHANGELOG.md", "README.md", "pyproject.toml"}
    assert tops == {*own, "PKG-INFO", ".gitignore"}


def test_they_are_the_same_by_the_byte_each_time(packages: Path, tmp_path: Path) -> None:
    """The wheel straight from the tree, at another time, is that from the sdist."""
    build(ROOT, tmp_path, "--wheel")
    assert wheel_in(tmp_path).read_bytes() == wheel_in(packages).read_bytes()
    build(ROOT, tmp_path, "--sdist")
    assert sdist_in(tmp_path).read_bytes() == sdist_in(packages).read_bytes()


@dataclass(frozen=True)
class Installed:
    """A machine with the program in a virtual environment, on PATH as an activated one is."""

    folder: Path
    environ: dict[str, str]

    def run(self, *command: str, where: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "venv" / "bin" / command[0]), *command[1:]],
            cwd=self.folder / where,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=stretched(200),
            check=False,
        )

    def ok(self, *command: str, where: str = ".") -> str:
        ended = self.run(*command, where=where)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def installed(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Installed by pip with its extra; its stack is ended however the tests end."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DAGSTER_", "PLAYGROUND_", "PYTHON", "VIRTUAL_ENV", "UV_"))
    }
    own = {"PATH": f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    found = Installed(folder, {**kept, **own})
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
    subprocess.run(
        [
            str(folder / "venv" / "bin" / "pip"),
            "install",
            *options,
            f"{wheel_in(packages)}[local]",
        ],
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=True,
    )
    state = folder / "my-stack" / ".playground"
    guardian = Guardian(folder / "my-stack", state)
    yield found
    guardian.dismiss()


def test_init_and_bootstrap_are_all_it_takes(installed: Installed) -> None:
    installed.ok("playground-ops", "init", "my-stack", "--yes")
    stack = installed.folder / "my-stack"
    file = stack / "configvalues.yaml"
    file.write_text(file.read_text().replace("  # port: 3000", f"  port: {free_port()}"))
    said = installed.ok("playground-ops", "bootstrap", where="my-stack")
    address = re.findall(r"http://127\.0\.0\.1:\d+", said)[-1]
    with urlopen(f"{address}/server_info", timeout=stretched(10)) as answer:
        assert json.load(answer)["dagster_webserver_version"]
    status = json.loads(installed.ok("playground-ops", "status", "--json", where="my-stack"))
    assert {one["name"] for one in status["locations"] if one["ready"]} == {"ops", "a", "b"}
    assert {path.name for path in stack.iterdir()} >= {".playground", "configvalues.yaml"}
    assert not list((installed.folder / "venv").rglob(".playground*")), "no state beside the program"


def test_from_a_folder_below_it_is_the_same_stack(installed: Installed) -> None:
    assert "a " in installed.ok("playground-ops", "status", where="my-stack/ops")
    assert installed.run("playground-ops", "status").returncode == 1, (
        "nothing is deployed in the folder above"
    )
