"""A release's own metadata, generated files, and what commands prepare before its server starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.model import Location, Release, Revision
from playground_ops.targets.common.process_variables import Given, variables
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.common.sources import content_hash
from playground_ops.targets.local.prepared import Caller, Prepared
from playground_ops.targets.packages.environments import Environment, shared
from tests.local.git_servers import closed_port

COMMIT = "ab" * 20
OWN = Environment("own", Path(sys.executable), "1.13.0")
"""The packages of the tests, as an environment of the project's own."""
STATIC = '[project]\nname = "sales"\nversion = "1.4"\n'
GENERATED = """\
[project]
name = "sales"
dynamic = ["version"]
[project.entry-points.shops]
here = "sales.definitions"
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
[tool.hatch.version]
source = "vcs"
[tool.hatch.build.hooks.vcs]
version-file = "src/sales/_version.py"
"""


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return Prepared(tmp_path / "prepared", lambda _: tmp_path / "dagster_home")


def project(folder: Path, files: dict[str, str]) -> Project:
    sources = {"src/sales/__init__.py": "", "src/sales/definitions.py": "", **files}
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read_project(folder, module="sales.definitions")


def release(number: int = 1, **settings: Any) -> Release:
    return Release(
        location=Location(name="sales", repository="/x", **settings),
        number=number,
        revision=Revision(repository="/x", commit=COMMIT),
        configuration="",
        created_at="",
    )


def asked(found: Project, program: str) -> str:
    """Return what a process of the release prints."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=found.directory,
        env=variables(Given({}, {}), found, OWN.python),
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


def refused(prepared: Prepared, one: Release, found: Project) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        prepared.ensure(one, found, OWN, Caller(silent))
    return caught.value


def silent(line: str) -> None: ...


class TestMetadata:
    def test_a_version_that_is_declared_costs_no_build_and_no_copy(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        found = project(tmp_path / "p", {"pyproject.toml": STATIC})
        said: list[str] = []
        made = prepared.ensure(release(), found, shared(), Caller(said.append))
        assert asked(made, "import importlib.metadata as m; print(m.version('sales'))") == "1.4"
        assert (made.checkout, said) == (found.checkout, [])
        assert prepared.checkout(release()) is None

    def test_a_build_s_version_entry_points_and_generated_files_are_there(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        # given
        files = {"pyproject.toml": GENERATED, ".gitignore": "_version.py\n"}
        files["src/sales/definitions.py"] = "from sales._version import __version__\nwhere = __file__\n"
        found, said = project(tmp_path / "p", files), list[str]()
        before = content_hash([found.checkout])
        # when
        made = prepared.ensure(release(), found, OWN, Caller(said.append))
        # then
        program = (
            "import importlib.metadata as m; (point,) = m.entry_points(group='shops'); code = point.load();"
            "print(m.version('sales'), code.__version__, code.where)"
        )
        version, generated, where = asked(made, program).split()
        assert version == generated == f"0.0.0+g{COMMIT[:12]}"
        assert where.startswith(str(prepared.checkout(release()))), (
            "the code is loaded from the release's copy"
        )
        assert f"/{COMMIT}/" in where, "whose path tells the commit"
        assert f"git's tags, which are not fetched: it is {version}" in " ".join(said)
        assert content_hash([found.checkout]) == before, "a checkout never changes"

    def test_an_index_that_is_away_is_waited_for(
        self, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{closed_port()}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        error = refused(prepared, release(), project(tmp_path / "p", {"pyproject.toml": GENERATED}))
        assert error.finding.kind is FindingKind.TRANSIENT
        assert not (prepared.folder / "sales-1" / ".complete").exists()

    def test_what_can_t_be_built_goes_on_with_what_is_declared(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        # given: a layout that setuptools refuses, of a project that was never meant to be installed
        files = {
            "pyproject.toml": STATIC + "[tool.setuptools_scm]\n[build-system]\nrequires = ['setuptools']\n"
        }
        files |= {
            "src/data/x.txt": "",
            "src/sales/setup.txt": "",
            "setup.py": "raise SystemExit('never built')",
        }
        said: list[str] = []
        # when
        made = prepared.ensure(release(), project(tmp_path / "p", files), OWN, Caller(said.append))
        # then
        assert asked(made, "import importlib.metadata as m; print(m.version('sales'))") == "1.4"
        assert any("goes on without its own metadata" in line for line in said)


class TestCommands:
    def test_they_run_once_in_the_project_s_folder_of_a_copy(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        # given
        found = project(tmp_path / "p", {"pyproject.toml": STATIC})
        commands = (
            ("sh", "-c", "echo $PLAYGROUND_LOCATION $SHOP $VIRTUAL_ENV $(pwd) >> made.txt"),
            ("python", "-c", "import sys, sales.definitions as d; print(sys.executable, d.__file__)"),
        )
        one, said = release(prepare=commands, environment={"SHOP": "north"}), list[str]()
        # when
        for _ in range(2):  # its start, and its smoke test or a later restart
            made = prepared.ensure(one, found, OWN, Caller(said.append))
        # then
        name, shop, environment, folder = (made.directory / "made.txt").read_text().split()
        assert (name, shop, Path(folder)) == ("sales", "north", made.directory)
        assert environment == str(Path(sys.executable).parents[1]), "its environment's programs come first"
        assert not (found.directory / "made.txt").exists()
        assert made.directory.name == COMMIT
        assert [line for line in said if line.startswith("Preparing")] == said[:2], said
        assert prepared.ensure(release(2, prepare=commands[:1]), found, OWN, Caller(silent)) != made, (
            "one a release"
        )

    def test_they_have_the_variables_that_files_give_the_server(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        file = tmp_path / "sales.env"
        file.write_text("SHOP=south\nKEY_OF_THE_HUB=hunter2-hunter2\nDAGSTER_CLOUD_GIT_BRANCH=file\n")
        of_the_stack = "$PLAYGROUND_DEPLOYMENT $DAGSTER_CLOUD_DEPLOYMENT_NAME $DAGSTER_CLOUD_GIT_BRANCH"
        script = f"echo $SHOP $KEY_OF_THE_HUB {of_the_stack} > made.txt; echo $KEY_OF_THE_HUB"
        commands = (("sh", "-c", script),)
        files, said = {"environment_files": (str(file),), "environment": {"SHOP": "north"}}, list[str]()
        one = release(prepare=commands, ref="main", deployment="next", **files)
        made = prepared.ensure(one, project(tmp_path / "p", {}), OWN, Caller(said.append))
        told = (made.directory / "made.txt").read_text()
        assert told == "north hunter2-hunter2 next next file\n", "the configuration's own count more"
        assert "hunter2" not in "".join(said)

    def test_none_are_run_where_none_are_wanted(self, prepared: Prepared, tmp_path: Path) -> None:
        files = {"src/sales/dbt.py": "DbtProject(", "x/dbt_project.yml": ""}
        made = prepared.ensure(release(prepare=()), project(tmp_path / "p", files), OWN, Caller(silent))
        assert (made.checkout, made.metadata) == (tmp_path / "p", None)

    @pytest.mark.parametrize(
        ("command", "told", "kind"),
        [
            (
                ("sh", "-c", "echo one; echo two >&2; exit 3"),
                "failed (exit code 3): two",
                FindingKind.CERTAIN,
            ),
            (("python", "-c", "raise ValueError('no vat')"), "ValueError: no vat", FindingKind.CERTAIN),
            (("python", "-c", "raise ConnectionError('hub')"), "ConnectionError: hub", FindingKind.TRANSIENT),
            (("dbd", "deps"), "can't be started: No such file", FindingKind.CERTAIN),
            (("sleep", "60"), "was not done when its time was over", FindingKind.CERTAIN),
        ],
    )
    def test_one_that_fails_is_told_with_its_output(
        self, prepared: Prepared, tmp_path: Path, command: tuple[str, ...], told: str, kind: FindingKind
    ) -> None:
        one = release(prepare=(command,), prepare_timeout_seconds=1 if command[0] == "sleep" else 60)
        finding = refused(prepared, one, project(tmp_path / "p", {})).finding
        assert told in finding.observed
        assert finding.observed.startswith(f"Preparing it by `{command[0]} ")
        assert (finding.kind, finding.object) == (kind, "release/sales-1")
        if command[0] == "sh":
            assert finding.evidence == "one\ntwo"
        assert finding.rejects == (kind is FindingKind.CERTAIN and command[0] != "sleep")

    def test_the_state_of_components_is_there_without_being_configured(
        self, prepared: Prepared, tmp_path: Path
    ) -> None:
        # given: a component that knows its assets only from its state, as those for dbt and Fivetran do
        files = {
            "pyproject.toml": f'{STATIC}[tool.dg.project]\nroot_module = "sales"\n',
            "src/sales/definitions.py": LOADED,
            "src/sales/shops.py": COMPONENT,
            "src/sales/defs/__init__.py": "",
            "src/sales/defs/shops/defs.yaml": "type: sales.shops.Shops\n",
        }
        found, said = project(tmp_path / "p", files), list[str]()
        # when
        made = prepared.ensure(release(), found, OWN, Caller(said.append))
        # then
        program = (
            "from sales.definitions import defs; print([str(k) for k in defs().resolve_all_asset_keys()])"
        )
        assert asked(made, program) == "[\"AssetKey(['north'])\"]"
        assert "dg utils refresh-defs-state" in said[0]
        assert not (found.directory / "src/sales/defs/.local_defs_state").exists()

    def test_what_a_release_had_goes_with_it(self, prepared: Prepared, tmp_path: Path) -> None:
        found = project(tmp_path / "p", {"pyproject.toml": STATIC})
        for number in (1, 2):
            prepared.ensure(release(number), found, OWN, Caller(silent))
        prepared.prune({"sales-2"})
        assert [place.name for place in prepared.folder.iterdir() if place.name[0] != "."] == ["sales-2"]


LOADED = """\
from pathlib import Path
import dagster as dg

@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
COMPONENT = """\
from dataclasses import dataclass
import dagster as dg
from dagster.components.utils.defs_state import DefsStateConfig, DefsStateManagementType

@dataclass
class Shops(dg.StateBackedComponent, dg.Resolvable):
    @property
    def defs_state_config(self) -> DefsStateConfig:
        kind = DefsStateManagementType.LOCAL_FILESYSTEM
        return DefsStateConfig(key="shops", management_type=kind, refresh_if_dev=True)

    def write_state_to_path(self, state_path) -> None:
        state_path.write_text("north")

    def build_defs_from_state(self, context, state_path) -> dg.Definitions:
        names = [state_path.read_text()] if state_path else []
        return dg.Definitions(assets=[dg.AssetSpec(name) for name in names])
"""
