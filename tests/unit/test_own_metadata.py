"""A project's own metadata, read from its files; and which projects only a build can tell of."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from playground_ops.targets.common.own_metadata import (
    declared,
    has_version_from_git,
    needs_build,
    write,
)
from playground_ops.targets.common.project import Project, read_project

HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
STATIC = '[project]\nname = "My.Sales"\nversion = "1.0"\n'
SETUP = "from setuptools import setup\nsetup(name='sales', version='2.1')\n"


def project(folder: Path, **files: str) -> Project:
    """Make a project of `files`, by their names with `_` for the dot."""
    (folder / "src" / "sales").mkdir(parents=True)
    (folder / "src" / "sales" / "definitions.py").write_text("")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return read_project(folder, module="sales.definitions")


def installed(found: Project, folder: Path) -> Distribution:
    known = declared(found)
    assert known is not None
    write(known, folder / "metadata")
    (one,) = distributions(path=[str(folder / "metadata")])
    return one


def test_all_that_a_project_declares_is_found_as_after_an_install(tmp_path: Path) -> None:
    about = STATIC + (
        'description = "What is\\nsold"\nrequires-python = ">=3.10"\ndependencies = ["dagster>=1.13"]\n'
        "[project.optional-dependencies]\nplots = [\"plotly; python_version > '3'\"]\n"
        '[project.scripts]\nsales = "sales.main:run"\n'
        '[project.entry-points."dagster_dg_cli.registry_modules"]\nsales = "sales.components"\n'
    )
    one = installed(project(tmp_path / "p", pyproject_toml=about + HATCHLING), tmp_path)
    assert (one.metadata["Name"], one.version) == ("My.Sales", "1.0")
    assert one.metadata["Summary"] == "What is sold"
    assert one.metadata["Requires-Python"] == ">=3.10"
    assert one.requires == ["dagster>=1.13", "plotly; (python_version > '3') and extra == 'plots'"]
    assert {(point.group, point.name, point.value) for point in one.entry_points} == {
        ("console_scripts", "sales", "sales.main:run"),
        ("dagster_dg_cli.registry_modules", "sales", "sales.components"),
    }
    assert {file.name for file in one.files or ()} == {
        *("INSTALLER", "METADATA", "RECORD", "entry_points.txt")
    }


@pytest.mark.parametrize(
    ("files", "version", "builds"),
    [
        ({"pyproject_toml": STATIC + HATCHLING}, "1.0", False),
        ({"pyproject_toml": STATIC}, "1.0", False),
        ({"pyproject_toml": f"{STATIC}[tool.uv]\npackage = false\n"}, "1.0", False),
        ({"pyproject_toml": '[tool.poetry]\nname = "sales"\nversion = "1.2"\n'}, "1.2", False),
        ({"setup_cfg": "[metadata]\nname = sales\nversion = 3.0\n"}, "3.0", False),
        ({"setup_cfg": "[metadata]\nname = sales\nversion = attr: sales.V\n"}, None, False),
        ({"setup_py": SETUP}, None, True),
        ({"setup_py": SETUP, "pyproject_toml": STATIC}, "1.0", False),
        ({"setup_py": "setup(ext_modules=[x])", "pyproject_toml": STATIC}, "1.0", True),
        ({"pyproject_toml": f'[project]\nname = "a"\ndynamic = ["version"]\n{HATCHLING}'}, None, True),
        ({"pyproject_toml": '[project]\nname = "a"\ndynamic = ["version"]\n'}, None, False),
        (
            {
                "pyproject_toml": '[tool.poetry]\nname = "a"\nversion = "0.0.0"\n'
                "[tool.poetry-dynamic-versioning]\nenable = true\n"
                '[build-system]\nrequires = []\nbuild-backend = "poetry_dynamic_versioning.backend"\n'
            },
            None,
            True,
        ),
        ({"pyproject_toml": STATIC + HATCHLING + "[tool.hatch.build.hooks]\n"}, "1.0", False),
        ({"pyproject_toml": STATIC + HATCHLING + "[tool.hatch.build.hooks.custom]\n"}, "1.0", True),
        (
            {"pyproject_toml": STATIC + HATCHLING + '[tool.hatch.build.hooks.custom]\npath="h.py"'},
            "1.0",
            True,
        ),
        (
            {"pyproject_toml": f"{STATIC}[tool.hatch.build.targets.wheel.hooks.x]\na=1\n{HATCHLING}"},
            "1.0",
            True,
        ),
        ({"pyproject_toml": STATIC + HATCHLING.replace("hatchling", "maturin")}, "1.0", True),
        ({"pyproject_toml": f'{STATIC}dynamic = ["readme"]\n{HATCHLING}'}, "1.0", False),
        ({"pyproject_toml": f'{STATIC}dynamic = ["entry-points"]\n{HATCHLING}'}, "1.0", True),
        ({"requirements_txt": "dagster\n"}, None, False),
        ({"pyproject_toml": STATIC.replace("1.0", "one")}, None, False),
    ],
)
def test_a_build_is_made_only_where_the_files_do_not_tell(
    tmp_path: Path, files: dict[str, str], version: str | None, builds: bool
) -> None:
    found = project(tmp_path / "p", **files)
    known = declared(found)
    assert (known.version if known else None, needs_build(found)) == (version, builds)


def test_a_version_that_comes_from_git_is_recognised(tmp_path: Path) -> None:
    scm = 'build-backend = "setuptools.build_meta"\nrequires = ["setuptools", "setuptools-scm"]\n'
    assert has_version_from_git(project(tmp_path / "a", pyproject_toml=f"[build-system]\n{scm}"))
    assert not has_version_from_git(project(tmp_path / "b", setup_py=SETUP))
