"""Small packages of a repository, whose builds need no index and leave their traces, as setuptools does."""

from __future__ import annotations

import hashlib
from pathlib import Path

from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.packages.environments import Environment, Environments
from tests.cluster.packageindex import wheel

BACKEND = """
import pathlib, zipfile

NAME, HERE = "{name}", pathlib.Path(__file__).parent


def metadata():
    needs = (HERE / "needs.txt").read_text().replace("HERE", HERE.as_uri()).split("\\n")
    lines = [f"Metadata-Version: 2.1", f"Name: {{NAME}}", "Version: 1.0"]
    return "\\n".join([*lines, *(f"Requires-Dist: {{need}}" for need in needs if need)]) + "\\n"


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, f"{{NAME}}-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(metadata())
    return info.name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    (HERE / "build").mkdir(exist_ok=True)
    info, made = f"{{NAME}}-1.0.dist-info", f"{{NAME}}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, made), "w") as archive:
        for file in sorted((HERE / NAME).rglob("*.py")):
            archive.write(file, file.relative_to(HERE))
        archive.writestr(f"{{info}}/METADATA", metadata())
        archive.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        archive.writestr(f"{{info}}/RECORD", "")
    return made


# As a link it is only asked for what it needs; it is never built as one.
prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


DAGSTER_OF_A_BUILD = "dagster @ HERE/../wheels/dagster-1.13.0-py3-none-any.whl\n"
GREETER_OF_A_BUILD = "greeter @ HERE/../wheels/greeter-1.0-py3-none-any.whl\n"


def package(place: Path, more: str = "", needs: str = "") -> Path:
    """Make a package named `place.name`, with a build backend in its own folder."""
    name = place.name
    write(place / "backend.py", BACKEND.format(name=name))
    write(place / name / "__init__.py", "ANSWER = 1\n")
    write(place / "needs.txt", needs)
    dynamic = '"version", "dependencies"'
    write(place / "pyproject.toml", f'[project]\nname = "{name}"\ndynamic = [{dynamic}]\n{SYSTEM}{more}')
    return place


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def repository(place: Path) -> Path:
    """Make a checkout with a wheel of a Dagster and a module to load; what it depends on is the test's."""
    wheel(place / "wheels", "dagster", "1.13.0")
    write(place / "playground" / "definitions.py", "")
    return place


DAGSTER = "dagster @ file:wheels/dagster-1.13.0-py3-none-any.whl"


def project(checkout: Path, subdirectory: str = ".", selection: Selection | None = None) -> Project:
    return read_project(checkout, subdirectory, selection=selection or Selection())


def ensure(environments: Environments, wanted: Project) -> Environment:
    """Make it, and look that the checkout stays as it was."""
    before = sorted(wanted.checkout.rglob("*"))
    made = environments.ensure(wanted, lambda line: None)
    assert sorted(wanted.checkout.rglob("*")) == before, "a build leaves nothing in the checkout"
    assert environments.find(wanted) == made, "it is found without uv"
    return made


def answer(environments: Environments, made: Environment, name: str) -> str:
    """Return what the module of a package says in the environment."""
    (file,) = (environments.folder / made.key / "lib").glob(f"python*/site-packages/{name}/__init__.py")
    return file.read_text().strip()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
