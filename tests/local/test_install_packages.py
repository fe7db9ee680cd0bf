"""Attacks by packages that a repository names: they run nowhere near credentials, and stay its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.atomic_folder import members
from playground_ops.targets.common.project import read_project
from playground_ops.targets.kubernetes.inside.installing import environment_of, own_folder
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.installed import goes_with
from playground_ops.targets.packages.sealed import seal_if_whole
from tests.local.git_servers import http_server
from tests.local.installs import ABOUT, made, module, package, refusal, wheel
from tests.local.own_packages import sha256, write
from tests.local.watched_index import PASSWORD, Watched
from tests.projects import commit_all, lock, repository


class TestPackages:
    @pytest.mark.parametrize("extra", [(), ("dagster-postgres",)])
    def test_one_that_python_would_run_at_its_start_does_not_run(
        self,
        extra: tuple[str, ...],
        index: Watched,
        checkout: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ran = tmp_path / "ran"
        wheel(index.folder, "starter", "1.0", {"starter.pth": f"import os; open({str(ran)!r}, 'w')\n"})
        wheel(index.folder, "dagster_postgres", "0.29.0", needs="Requires-Dist: dagster==1.13.0\n")
        write(checkout / "requirements.txt", "dagster\nstarter\n")
        monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
        environments = Environments(tmp_path / "environments", extra)
        found = made(environments, checkout)
        assert not ran.exists()
        assert list((environments.folder / found.key / "lib").rglob("starter*.pyc")), (
            "it is compiled all the same"
        )
        subprocess.run([found.python, "-c", ""], check=True)
        assert ran.exists(), "a server runs it: that is the location's own code"

    def test_what_another_project_s_lock_calls_a_package_of_the_index_is_not_had_from_the_index(
        self,
        index: Watched,
        elsewhere: Watched,
        checkout: Path,
        environments: Environments,
        tmp_path: Path,
    ) -> None:
        """Where an index gives no hashes, what uv keeps is all that tells."""
        # given: a lock with the index's name and the attacker's address
        index.gives_hashes = False
        write(checkout / "pyproject.toml", ABOUT.format(needs='"dagster", "greeter"'))
        lock(checkout)
        theirs = f"{elsewhere.server}/files/greeter-1.0-py3-none-any.whl"
        other = tmp_path / "other"
        write(other / "playground" / "definitions.py", "")
        write(other / "pyproject.toml", (checkout / "pyproject.toml").read_text())
        text = (checkout / "uv.lock").read_text()
        ours = f"{index.server}/files/greeter-1.0-py3-none-any.whl"
        assert ours in text
        write(other / "uv.lock", text.replace(ours, theirs))
        assert module(environments, made(environments, other), "stolen.py") == ""
        # when
        ranges = tmp_path / "ranges"
        write(ranges / "playground" / "definitions.py", "")
        write(ranges / "requirements.txt", "dagster\ngreeter\n")
        both = [made(environments, place) for place in (ranges, checkout)]
        # then
        for found in both:
            assert not list((environments.folder / found.key / "lib").rglob("stolen.py"))
        assert elsewhere.given == set()

    def test_one_with_another_hash_than_the_lock_s_is_refused(
        self, index: Watched, checkout: Path, environments: Environments
    ) -> None:
        right = sha256(index.folder / "dagster-1.13.0-py3-none-any.whl")
        wrong = f"greeter==1.0 --hash=sha256:{'0' * 64}"
        write(checkout / "requirements.txt", f"dagster==1.13.0 --hash=sha256:{right}\n{wrong}\n")
        assert "not the one that was locked" in refusal(environments, checkout)

    def test_one_of_another_repository_is_built_without_credentials(
        self, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        other = repository(tmp_path / "repositories" / "other")
        package(other / "pkg", tmp_path / "none", index.port)
        commit = commit_all(other, "A package")
        with http_server(tmp_path / "repositories") as url:
            needed = f"pkg @ git+{url}/other@{commit}#subdirectory=pkg"
            write(checkout / "requirements.txt", f"dagster\n{needed}\n")
            found = made(environments, checkout)
        assert PASSWORD not in module(environments, found, "pkg/seen.py")

    def test_one_of_a_repository_on_the_same_machine_is_nobody_s_business(
        self, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        """In a pod that may be the kept code of another location."""
        other = repository(tmp_path / "other")
        package(other, tmp_path / "none", index.port)
        commit = commit_all(other, "A package")
        write(checkout / "requirements.txt", f"dagster\npkg @ git+{other.as_uri()}@{commit}\n")
        with pytest.raises(PlaygroundError) as refused:
            made(environments, checkout)
        assert "transport 'file' not allowed" in refused.value.finding.evidence


def test_what_is_not_as_it_was_made_is_made_again_before_a_server_starts_from_it(
    index: Watched, checkout: Path, tmp_path: Path
) -> None:
    needed = goes_with("dagster-postgres", "1.13.0").partition("==")[2]
    wheel(index.folder, "dagster_postgres", needed)
    write(checkout / "requirements.txt", "dagster\ngreeter\n")
    project, said = read_project(checkout), list[str]()
    folder = own_folder(tmp_path / "made")
    key, sealed = environment_of(project, folder, "a-1", said.append)
    assert environment_of(project, folder, "a-2", said.append) == (key, sealed), "it is as it was made"
    (file,) = (folder / key / "lib").glob("python*/site-packages/greeter.py")
    before = file.read_text()
    file.unlink()  # uv may have linked it to what it keeps
    file.write_text("another one")
    shutil.copytree(folder / key, folder / f"{key.partition('-')[0]}-another", symlinks=True)
    again, sealed = environment_of(project, folder, "a-3", said.append)
    assert sum("is not what was made" in line for line in said) == 2
    assert (again, sealed) == (key, seal_if_whole(folder / key))
    assert file.read_text() == before
    assert members(folder) == [folder / key]
