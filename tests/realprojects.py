"""Small projects of the layouts, build tools and lock files that are met in the wild, and a page about them.

`python -m tests.realprojects` writes docs/real-projects.md from what the product says of each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.own_metadata import declared, needs_build
from playground_ops.targets.common.project import read_project
from tests.stacks import ROOT

PAGE = ROOT / "docs" / "real-projects.md"
CODE = "import dagster as dg\n\ndefs = dg.Definitions()\n"
ABOUT = '[project]\nname = "sales"\nversion = "1.2"\ndependencies = ["dagster>=1.13"]\n'
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
DG = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "sales"\n'
DAGSTER = '[tool.dagster]\nmodule_name = "sales.definitions"\n'
UV_LOCK = 'version = 1\n[[package]]\nname = "sales"\nversion = "1.2"\nsource = { editable = "." }\n'
POETRY = '[tool.poetry]\nname = "sales"\nversion = "1.2"\n[tool.poetry.dependencies]\ndagster = "^1.13"\n'
SETUP_PY = """from setuptools import setup
setup(name="sales", version="1.2", install_requires=["dagster"])
"""
SETUP_CFG = """[metadata]
name = sales
version = 1.2
[options]
install_requires =
    dagster
"""
VERSION_FROM_GIT = """[tool.hatch.version]
source = "vcs"
[tool.hatch.build.hooks.vcs]
version-file = "src/sales/_version.py"
"""
PINS = "dagster==1.13.27\n"
BOM = "\ufeff"
SRC = {"src/sales/__init__.py": "", "src/sales/definitions.py": CODE}
FLAT = {"sales/__init__.py": "", "sales/definitions.py": CODE}
Files = Mapping[str, str]


@dataclass(frozen=True)
class Real:
    """A project, and what is expected of it."""

    name: str
    files: Files
    takes: str | None = None
    """The file that its packages come from."""
    metadata: str = "written"
    """How its name, version and entry points come to be known: `written`, `built`, or `none`."""
    folder: str = "."
    chosen: Selection = field(default_factory=Selection)
    refused: str = ""
    """Words of the sentence by which it is refused."""


KNOWN: Sequence[Real] = (
    Real(
        "`create-dagster project`, with its lock",
        {**SRC, "pyproject.toml": ABOUT + HATCH + DG, "uv.lock": UV_LOCK},
        "uv.lock",
    ),
    Real(
        "Components: a `defs` folder that loads itself",
        {
            "src/sales/__init__.py": "",
            "src/sales/defs/__init__.py": "",
            "src/sales/defs/ingest/defs.yaml": "type: sales.Ingest\n",
            "pyproject.toml": ABOUT + HATCH + DG + "autoload_defs = true\n",
        },
        "pyproject.toml",
    ),
    Real(
        "dbt, its manifest not committed",
        {
            **FLAT,
            "pyproject.toml": ABOUT.replace('1.13"]', '1.13", "dagster-dbt"]') + SETUPTOOLS + DAGSTER,
            "dbt_project/dbt_project.yml": "name: sales\n",
        },
        "pyproject.toml",
    ),
    Real(
        "A member of a uv workspace",
        {
            **{f"packages/sales/{name}": text for name, text in SRC.items()},
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
            "uv.lock": UV_LOCK.replace('"."', '"packages/sales"'),
            "packages/sales/pyproject.toml": ABOUT + HATCH + DG,
        },
        "../../uv.lock",
        folder="packages/sales",
    ),
    Real("Poetry 1", {**FLAT, "pyproject.toml": POETRY + DAGSTER, "poetry.lock": ""}, "poetry.lock"),
    Real("Poetry 2", {**FLAT, "pyproject.toml": ABOUT + DAGSTER, "poetry.lock": ""}, "poetry.lock"),
    Real(
        "Poetry without package mode",
        {
            **FLAT,
            "pyproject.toml": POETRY.replace("[tool.poetry]", "[tool.poetry]\npackage-mode = false")
            + DAGSTER,
        },
        "pyproject.toml",
    ),
    Real(
        "PDM",
        {
            **SRC,
            "pyproject.toml": ABOUT
            + '[build-system]\nrequires = ["pdm-backend"]\nbuild-backend = "pdm.backend"\n'
            + DAGSTER,
            "pdm.lock": "",
        },
        "pdm.lock",
    ),
    Real(
        "pipenv",
        {**FLAT, "pyproject.toml": DAGSTER, "Pipfile": "[packages]\ndagster = '*'\n", "Pipfile.lock": "{}"},
        "Pipfile.lock",
        "none",
    ),
    Real(
        "`pylock.toml` (PEP 751)",
        {**SRC, "pyproject.toml": ABOUT + HATCH + DAGSTER, "pylock.toml": 'lock-version = "1.0"\n'},
        "pylock.toml",
    ),
    Real("Hatch", {**SRC, "pyproject.toml": ABOUT + HATCH + DAGSTER}, "pyproject.toml"),
    Real(
        "Hatch with a version from git, and a generated `_version.py`",
        {
            **SRC,
            "pyproject.toml": '[project]\nname = "sales"\ndynamic = ["version"]\ndependencies = ["dagster"]\n'
            + HATCH.replace('"hatchling"]', '"hatchling", "hatch-vcs"]')
            + DAGSTER
            + VERSION_FROM_GIT,
        },
        "pyproject.toml",
        "built",
    ),
    Real(
        "pip-tools: pinned `requirements.txt` beside ranges",
        {**FLAT, "pyproject.toml": ABOUT + SETUPTOOLS + DAGSTER, "requirements.txt": PINS},
        "requirements.txt",
    ),
    Real(
        "`requirements.txt` with `-r` and `-e`",
        {
            **FLAT,
            "pyproject.toml": DAGSTER,
            "requirements.txt": "-r more.txt\n-e libs/shared\n",
            "more.txt": PINS,
            "libs/shared/pyproject.toml": ABOUT,
        },
        "requirements.txt",
        "none",
    ),
    Real(
        "setuptools with `setup.py`",
        {
            **FLAT,
            "pyproject.toml": DAGSTER,
            "setup.py": SETUP_PY,
        },
        "setup.py",
        "built",
    ),
    Real(
        "setuptools with `setup.cfg`",
        {
            **FLAT,
            "pyproject.toml": SETUPTOOLS + DAGSTER,
            "setup.cfg": SETUP_CFG,
        },
        "setup.cfg",
    ),
    Real(
        "A monorepo with a shared library",
        {
            **{f"projects/sales/{name}": text for name, text in FLAT.items()},
            "projects/sales/pyproject.toml": DAGSTER,
            "projects/sales/requirements.txt": PINS + "../../libs/shared\n",
            "libs/shared/pyproject.toml": ABOUT,
        },
        "requirements.txt",
        "none",
        folder="projects/sales",
    ),
    Real(
        "A namespace package",
        {
            "acme/sales/definitions.py": CODE,
            "pyproject.toml": ABOUT + '[tool.dagster]\nmodule_name = "acme.sales.definitions"\n',
        },
        "pyproject.toml",
    ),
    Real(
        "Data files in the package",
        {**SRC, "src/sales/seed.csv": "1\n", "pyproject.toml": ABOUT + HATCH + DAGSTER},
        "pyproject.toml",
    ),
    Real(
        "Extras, chosen by `extras`",
        {
            **SRC,
            "pyproject.toml": ABOUT
            + '[project.optional-dependencies]\nruntime = ["six"]\n'
            + HATCH
            + DAGSTER,
        },
        "pyproject.toml",
        chosen=Selection(extras=("runtime",)),
    ),
    Real(
        "Dependency groups, chosen by `groups`",
        {**SRC, "pyproject.toml": ABOUT + '[dependency-groups]\nruntime = ["six"]\n' + HATCH + DAGSTER},
        "pyproject.toml",
        chosen=Selection(groups=("runtime",)),
    ),
    Real(
        "Another file, by `dependencies_from`",
        {**FLAT, "pyproject.toml": ABOUT + DAGSTER, "deploy/pins.txt": PINS},
        "deploy/pins.txt",
        chosen=Selection(file="deploy/pins.txt"),
    ),
    Real(
        "Windows line ends",
        {
            name: text.replace("\n", "\r\n")
            for name, text in {**FLAT, "pyproject.toml": ABOUT + DAGSTER, "requirements.txt": PINS}.items()
        },
        "requirements.txt",
    ),
    Real(
        "Spaces and other letters than ASCII in names",
        {
            **{f"Zahlen für März/{name}": text for name, text in FLAT.items()},
            "Zahlen für März/pyproject.toml": ABOUT + DAGSTER,
        },
        "pyproject.toml",
        folder="Zahlen für März",
    ),
    Real("Nothing declared: the stack's own packages", {**FLAT, "pyproject.toml": DAGSTER}, None, "none"),
    Real(
        "conda alone",
        {**FLAT, "pyproject.toml": DAGSTER, "environment.yml": "dependencies: [dagster]\n"},
        None,
        "none",
    ),
    Real(
        "A byte order mark in `pyproject.toml`",
        {**FLAT, "pyproject.toml": BOM + ABOUT + DAGSTER},
        refused="byte order mark",
    ),
    Real(
        "A file `dagster.py`, or a package `dagster`, of its own",
        {**FLAT, "dagster/__init__.py": "", "pyproject.toml": ABOUT + DAGSTER},
        refused="dagster",
    ),
    Real(
        "A module that is not in the commit",
        {**FLAT, "pyproject.toml": ABOUT + '[tool.dagster]\nmodule_name = "retail"\n'},
        refused="not in the repository at this commit",
    ),
)

ELSEWHERE: Sequence[tuple[str, str, str]] = (
    (
        "No `dagster` among its dependencies",
        "Refused: “There is no dagster among the project's dependencies.”",
        "tests/local/test_environments.py",
    ),
    (
        "`@dg.repository`, jobs at module level, several `Definitions` (`attribute`)",
        "Loaded as Dagster loads it, by smoke tests too; of several without `attribute` all are named.",
        "tests/local/test_smoke_script.py",
    ),
    (
        "Git LFS",
        "Fetched where git-lfs is there; else a warning that names the files.",
        "tests/local/test_large_files.py",
    ),
    ("Submodules", "Fetched with the commit.", "tests/local/test_checkouts.py"),
    (
        "A private authority for https",
        "On Kubernetes `ca.crt` in the git Secret (`secret git --ca-file`); on one machine git's settings.",
        "tests/unit/test_gitfiles.py",
    ),
    (
        "Poetry, PDM, pipenv, `pylock.toml`: really installed",
        "Exactly what is locked, with hashes; a lock that does not fit what is declared is refused.",
        "tests/local/test_exact_dependencies.py",
    ),
    (
        "Libraries of the repository: really installed",
        "Copied in; a change of such a library makes a new environment.",
        "tests/local/test_own_packages.py",
    ),
    (
        "Its own version, generated files, `prepare`",
        "Kept with the release, as are the results of `prepare`.",
        "tests/local/test_prepared.py",
    ),
)
"""What is decided after the files were read: what happens, and the test that shows it."""


def written(real: Real, folder: Path) -> Path:
    for name, text in real.files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, newline="")
    return folder


def row(real: Real) -> list[str]:
    """Return what the product makes of it: module, file, how it is told, and its metadata."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            project = read_project(written(real, Path(folder)), real.folder, selection=real.chosen)
        except PlaygroundError as error:
            return ["–", f"Refused: “{error.finding.observed}” {error.finding.fix}", "–"]
        found = declared(project)
        metadata = "a build" if needs_build(project) else f"{found.name} {found.version}" if found else "–"
        root = project.module_root.relative_to(project.directory).as_posix()
        where = f"`{project.module}`" + ("" if root == "." else f" in `{root}`")
        return [where, project.declared.told() or "Those of the stack.", metadata]


def page() -> str:
    rows = [f"| {' | '.join([real.name, *row(real)])} |" for real in KNOWN]
    others = [f"| {what} | {then} | `{test}` |" for what, then, test in ELSEWHERE]
    return "\n".join(
        [
            "# Real projects",
            "",
            "What a location gets from the files of its project. Made by `python -m tests.realprojects` from",
            "small projects of each kind; a test keeps it so.",
            "",
            "| project | loads | its packages | its own name and version, from |",
            "|---|---|---|---|",
            *rows,
            "",
            "Which file counts, and why: [configuration](configuration.md#which-packages-a-location-gets).",
            "",
            "| beyond the files | what happens | shown by |",
            "|---|---|---|",
            *others,
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
