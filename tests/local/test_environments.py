from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.common.sources import content_hash
from playground_ops.targets.local.checkouts import Checkouts
from playground_ops.targets.local.git import resolve
from playground_ops.targets.packages.environments import Environments, shared
from playground_ops.targets.packages.installed import check_dagster, goes_with, installed
from playground_ops.targets.packages.uv import explain
from tests.local.git_servers import closed_port, silent_server
from tests.projects import OLDER_DAGSTER, add_definitions, lock, monorepo, package


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return monorepo(tmp_path_factory)


@pytest.fixture
def checkout(origin: Path, tmp_path: Path) -> Path:
    """A checkout that a test may change."""
    commit = resolve(str(origin), "main").commit
    return Checkouts(tmp_path / "checkouts").ensure(str(origin), commit, silent)


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


def requiring(folder: Path, *lines: str) -> Project:
    (folder / "playground").mkdir(parents=True, exist_ok=True)
    (folder / "playground" / "definitions.py").write_text("")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
    return read_project(folder)


def installing(caller: int) -> psutil.Process:
    """Return the uv below `caller` that asks the index for what is required, as soon as it runs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process(caller).children(recursive=True):
            with suppress(psutil.Error):
                if "requirements.in" in child.cmdline():
                    return child
        time.sleep(0.02)
    raise AssertionError("uv was never started")


def refused(
    environments: Environments, project: Project, say: Callable[[str], None] = lambda line: None
) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        environments.ensure(project, say)
    kept = [path.name for path in environments.folder.glob("*") if path.name != ".locks"]
    assert kept == [], "what could not be made leaves nothing behind"
    return caught.value


def silent(line: str) -> None: ...


def ask(environment_python: Path, project: Project, program: str) -> str:
    command = [str(environment_python), "-c", program]
    return subprocess.check_output(command, cwd=project.module_root, text=True).strip()


class TestLocked:
    def test_a_scaffolded_project_loads_in_it(self, checkout: Path, environments: Environments) -> None:
        # given
        project = read_project(checkout, "projects/sales")
        before = content_hash([checkout])
        # when
        made = environments.ensure(project, silent)
        # then
        program = (
            "import sales.definitions as d; print(len(list(d.defs().resolve_all_asset_specs())), d.__file__)"
        )
        count, _, file = ask(made.python, project, program).partition(" ")
        assert count == "2"
        assert file.startswith(str(project.module_root))
        assert made.dagster_version.startswith("1.13.")
        assert content_hash([checkout]) == before, "a checkout never changes"

    def test_releases_that_lock_the_same_share_it(self, checkout: Path, environments: Environments) -> None:
        # given
        first = environments.ensure(read_project(checkout, "projects/sales"), silent)
        born = first.python.lstat().st_ino
        # when: another commit, with other code and the same lock
        add_definitions(checkout / "projects" / "sales", version="2")
        said: list[str] = []
        second = environments.ensure(read_project(checkout, "projects/sales"), said.append)
        # then
        assert second == first
        assert second.python.lstat().st_ino == born
        assert said == []

    def test_an_older_dagster_with_what_the_instance_needs(self, checkout: Path, tmp_path: Path) -> None:
        # given
        environments = Environments(tmp_path / "environments", ["dagster-postgres"])
        # when
        made = environments.ensure(read_project(checkout, "projects/older"), silent)
        # then
        packages = installed(environments.folder / made.key)
        assert made.dagster_version == packages["dagster"] == OLDER_DAGSTER
        assert packages["dagster-postgres"] == "0.27.12"
        locked_versions = (checkout / "projects" / "older" / "uv.lock").read_text()
        for name in ("sqlalchemy", "pydantic", "grpcio"):
            assert f'name = "{name}"\nversion = "{packages[name]}"' in locked_versions

    def test_what_does_not_go_with_the_lock_is_named(self, checkout: Path, tmp_path: Path) -> None:
        environments = Environments(tmp_path / "environments", ["sqlalchemy<1.4"])
        error = refused(environments, read_project(checkout, "projects/sales"))
        assert error.finding.kind is FindingKind.CERTAIN
        assert "The instance needs sqlalchemy<1.4" in str(error)

    def test_two_at_once_make_it_once(self, checkout: Path, environments: Environments) -> None:
        said: list[str] = []
        project = read_project(checkout, "projects/sales")
        both = [threading.Thread(target=environments.ensure, args=(project, said.append)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert len([line for line in said if line.startswith("Making")]) == 1

    def test_one_that_a_kill_left_half_made_is_made_again(
        self, checkout: Path, environments: Environments
    ) -> None:
        # given
        project = read_project(checkout, "projects/sales")
        made = environments.ensure(project, silent)
        (environments.folder / made.key / ".complete").unlink()
        shutil.rmtree(environments.folder / made.key / "lib")
        # when
        again = environments.ensure(project, silent)
        # then
        assert again == made
        assert "dagster" in installed(environments.folder / again.key)

    def test_a_uv_whose_caller_was_killed_is_waited_for(self, tmp_path: Path) -> None:
        # given: a uv that waits for an index, and lost its caller
        checkout, folder = tmp_path / "checkout", tmp_path / "environments"
        project = requiring(checkout, "six")
        program = (
            "import sys; from pathlib import Path;"
            "from playground_ops.targets.common.project import read_project;"
            "from playground_ops.targets.packages.environments import Environments;"
            "Environments(Path(sys.argv[2])).ensure(read_project(Path(sys.argv[1])), print)"
        )
        said: list[str] = []
        with silent_server() as url:
            caller = subprocess.Popen(
                [sys.executable, "-c", program, str(checkout), str(folder)],
                env={**os.environ, "UV_DEFAULT_INDEX": f"{url}/simple"},
                stdout=subprocess.DEVNULL,
            )
            orphan = installing(caller.pid)
            caller.kill()
            caller.wait()
            # when: another one wants the same environment
            other = threading.Thread(target=refused, args=(Environments(folder), project, said.append))
            other.start()
            deadline = time.monotonic() + 20
            while not said and time.monotonic() < deadline:
                time.sleep(0.02)
            # then
            assert said and said[0].startswith("Waiting for another process")
            assert orphan.is_running()
            orphan.kill()
            other.join(60)
        assert any(line.startswith("Making") for line in said)

    def test_a_damaged_lock(self, checkout: Path, environments: Environments) -> None:
        (checkout / "projects" / "sales" / "uv.lock").write_text("<<<<<<< HEAD\n")
        error = refused(environments, read_project(checkout, "projects/sales"))
        assert error.finding.kind is FindingKind.CERTAIN
        assert "projects/sales/uv.lock" in str(error)

    def test_what_no_release_uses_is_removed(self, checkout: Path, environments: Environments) -> None:
        made = environments.ensure(read_project(checkout, "projects/sales"), silent)
        assert environments.prune(set()) == []
        assert environments.prune({made.key}, recent_seconds=0) == []
        assert environments.prune(set(), recent_seconds=0) == [made.key]
        assert not made.python.exists()


class TestPackagesOfTheRepository:
    def test_they_are_copied_in_and_count(self, checkout: Path, environments: Environments) -> None:
        # given
        project = read_project(checkout, "projects/sales")
        before = content_hash([checkout])
        # when
        made = environments.ensure(project, silent)
        # then: the environment does not depend on this checkout
        assert content_hash([checkout]) == before
        file = ask(made.python, project, "import common; print(common.__file__)")
        assert file.startswith(str(environments.folder / made.key))
        # when: its code changes and the lock does not
        (checkout / "packages" / "common" / "common" / "__init__.py").write_text("ANSWER = 2\n")
        other = environments.ensure(project, silent)
        # then
        assert other.key != made.key
        assert ask(other.python, project, "import common; print(common.ANSWER)") == "2"
        assert ask(made.python, project, "import common; print(common.ANSWER)") == "1"

    def test_somebody_elses_code_in_the_monorepo_does_not(
        self, checkout: Path, environments: Environments
    ) -> None:
        project = read_project(checkout, "projects/sales")
        made = environments.ensure(project, silent)
        add_definitions(checkout / "projects" / "older", version="9")
        assert environments.ensure(project, silent).key == made.key

    def test_one_outside_the_repository_is_named(
        self, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        inner = tmp_path / "inner"
        shutil.move(checkout / "projects" / "sales", inner)
        error = refused(environments, read_project(inner))
        assert "outside its repository" in str(error)

    def test_a_member_of_a_workspace_is_made_from_the_lock_above(
        self, tmp_path: Path, environments: Environments
    ) -> None:
        # given
        folder = tmp_path / "workspace"
        package(folder / "lib", "1.0")
        package(folder / "dagster", "1.13.0")
        package(folder / "app", "1.0")
        members = '[tool.uv.workspace]\nmembers = ["lib", "dagster", "app"]\n'
        sources = "[tool.uv.sources]\nlib = { workspace = true }\ndagster = { workspace = true }\n"
        (folder / "pyproject.toml").write_text(members + sources)
        text = (folder / "app" / "pyproject.toml").read_text()
        (folder / "app" / "pyproject.toml").write_text(
            text.replace('"1.0"\n', '"1.0"\nrequires-python = ">=3.10"\ndependencies = ["lib", "dagster"]\n')
            + '[tool.dagster]\nmodule_name = "app"\n'
        )
        lock(folder)
        # when
        project = read_project(folder, "app")
        made = environments.ensure(project, silent)
        # then
        assert made.dagster_version == "1.13.0"
        assert set(installed(environments.folder / made.key)) >= {"lib", "dagster"}
        assert "app" not in installed(environments.folder / made.key)

    def test_requirements_may_name_them_too(self, tmp_path: Path, environments: Environments) -> None:
        folder = tmp_path / "checkout"
        package(folder / "dagster", "1.12.3")
        project = requiring(folder, "-r more.txt")
        (folder / "more.txt").write_text("-e ./dagster\n")
        made = environments.ensure(project, silent)
        assert made.dagster_version == "1.12.3"
        (folder / "dagster" / "dagster" / "__init__.py").write_text("ANSWER = 2\n")
        assert environments.ensure(project, silent).key != made.key
        file = ask(
            made.python, project, "import sys; sys.path.pop(0); import dagster; print(dagster.__file__)"
        )
        assert file.startswith(str(environments.folder / made.key))


class TestWhatKeepsItFromBeingMade:
    def test_nothing_declared(self, tmp_path: Path, environments: Environments) -> None:
        project = requiring(tmp_path / "checkout")
        (tmp_path / "checkout" / "requirements.txt").unlink()
        error = refused(environments, read_project(project.checkout))
        assert "declares no dependencies" in str(error)

    def test_no_dagster(self, tmp_path: Path, environments: Environments) -> None:
        error = refused(environments, requiring(tmp_path / "checkout", "six"))
        assert error.finding.kind is FindingKind.CERTAIN
        assert "no dagster among" in str(error)

    @pytest.mark.parametrize("number", ["1.9.4", "1.10.21", "1.14.0", "2.0.0"])
    def test_a_dagster_too_far_apart(self, number: str) -> None:
        with pytest.raises(PlaygroundError, match="too far apart") as caught:
            check_dagster({"dagster": number}, "environment/x")
        assert number in str(caught.value)

    def test_a_dagster_too_far_apart_leaves_no_environment(
        self, tmp_path: Path, environments: Environments
    ) -> None:
        package(tmp_path / "checkout" / "dagster", "1.9.4")
        error = refused(environments, requiring(tmp_path / "checkout", "./dagster"))
        assert "on Dagster 1.9.4" in str(error)

    def test_another_python(self, checkout: Path, environments: Environments) -> None:
        file = checkout / "projects" / "sales" / "pyproject.toml"
        file.write_text(file.read_text().replace(">=3.10,<3.15", ">=3.98,<3.99"))
        error = refused(environments, read_project(checkout, "projects/sales"))
        assert error.finding.kind is FindingKind.CERTAIN
        assert "requires Python >=3.98,<3.99; the stack runs on 3." in str(error)

    def test_requirements_that_exclude_each_other(self, tmp_path: Path, environments: Environments) -> None:
        project = requiring(tmp_path / "checkout", "dagster==1.13.27", "pydantic<1.5")
        error = refused(environments, project)
        assert error.finding.kind is FindingKind.CERTAIN
        assert "can't be resolved" in str(error)
        assert "pydantic" in error.finding.evidence

    def test_an_index_that_is_away_may_come_back(
        self, tmp_path: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{closed_port()}/simple")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        error = refused(environments, requiring(tmp_path / "checkout", "six"))
        assert error.finding.kind is FindingKind.TRANSIENT
        assert "index can't be reached" in str(error)

    def test_a_full_disk_is_nobodys_fault(self) -> None:
        words = "error: Failed to install: six\n  Caused by: No space left on device (os error 28)"
        assert explain("environment/x", words).kind is FindingKind.CAPACITY

    def test_a_package_with_a_telling_name_is_no_network_failure(self) -> None:
        words = "Resolved 500 packages\n  × No solution found: there are no versions of networkx"
        assert explain("environment/x", words).kind is FindingKind.CERTAIN

    def test_what_was_installed_before_is_no_evidence(self) -> None:
        assert " + six" not in explain("environment/x", " + six==1.0\nerror: boom").evidence


@pytest.mark.parametrize(
    ("package", "dagster", "expected"),
    [
        ("dagster-postgres", "1.11.12", "dagster-postgres==0.27.12"),
        ("dagster-k8s", "1.12.0", "dagster-k8s==0.28.0"),
        ("dagster-postgres", "1.13.27", "dagster-postgres==0.29.27"),
        ("dagster-graphql", "1.13.27", "dagster-graphql==1.13.27"),
        ("psycopg2-binary", "1.13.27", "psycopg2-binary"),
    ],
)
def test_what_goes_with_a_dagster(package: str, dagster: str, expected: str) -> None:
    assert goes_with(package, dagster) == expected


def test_the_shared_one_is_the_stacks_own() -> None:
    assert shared().dagster_version.startswith("1.13.")
