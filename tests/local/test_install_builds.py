"""Attacks by what a repository has built: by its builds, its programs, and what they leave running."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from playground_ops.targets.common.project import read_project
from playground_ops.targets.packages import in_box, own_build
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.installed import installed
from playground_ops.targets.packages.interpreters import choose
from tests.local.installs import ABOUT, PKG_BESIDE, made, module, package, refusal
from tests.local.own_packages import write
from tests.local.watched_index import PASSWORD, USER, Watched, source
from tests.projects import lock

needs_landlock = pytest.mark.skipif(in_box.landlock_version() < 1, reason="this kernel has no Landlock")


class TestBuilds:
    SPELLINGS: Mapping[str, Mapping[str, str]] = {
        "a path": {"requirements.txt": "dagster\n./pkg\n"},
        "editable": {"requirements.txt": "dagster\n-e ./pkg\n"},
        "allowed by a line": {
            "requirements.txt": "--only-binary :none:\n--no-binary :all:\ndagster\n./pkg\n"
        },
        "allowed by uv.toml": {"requirements.txt": "dagster\n./pkg\n", "uv.toml": "no-build = false\n"},
        "allowed by [tool.uv]": {
            "pyproject.toml": ABOUT.format(needs='"dagster", "pkg"')
            + '[tool.uv]\nno-build = false\n[tool.uv.sources]\npkg = {path = "pkg", editable = true}\n'
        },
        "the project's own": {"requirements.txt": "dagster\n-e .\n"},
    }

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_one_has_no_credentials(
        self, spelling: str, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        secret = write(tmp_path / "secret" / "password", PASSWORD)
        package(checkout / "pkg", secret, index.port)
        for name, text in self.SPELLINGS[spelling].items():
            write(checkout / name, text)
        if spelling == "the project's own":
            write(checkout / "pyproject.toml", ABOUT.format(needs='"dagster", "pkg"') + PKG_BESIDE)
        found = made(environments, checkout)
        seen = ast.literal_eval(module(environments, found, "pkg/seen.py").removeprefix("SEEN = "))
        assert PASSWORD not in str(seen["variables"])
        assert not {name for name in seen["variables"] if name.startswith(("UV_", "PIP_"))}
        assert seen["variables"]["HOME"].startswith(str(environments.folder))

    @needs_landlock
    @pytest.mark.parametrize("spelling", ["a path", "allowed by [tool.uv]"])
    def test_in_a_pod_one_reaches_nothing_else_either(
        self, spelling: str, index: Watched, checkout: Path, tmp_path: Path
    ) -> None:
        secret = write(tmp_path / "secret" / "password", PASSWORD)
        package(checkout / "pkg", secret, index.port)
        for name, text in self.SPELLINGS[spelling].items():
            write(checkout / name, text)
        environments = Environments(tmp_path / "environments", box=Box.ALWAYS)
        found = made(environments, checkout)
        seen = ast.literal_eval(module(environments, found, "pkg/seen.py").removeprefix("SEEN = "))
        refused = "PermissionError"
        assert [seen[name] for name in ("secret", "beside", "caller", "index")] == [refused] * 4
        assert not secret.with_name("written").exists()

    @needs_landlock
    def test_nor_does_one_that_tells_dependencies_or_the_project_s_own_metadata(
        self, index: Watched, checkout: Path, tmp_path: Path
    ) -> None:
        secret = write(tmp_path / "secret" / "password", PASSWORD)
        own = package(checkout / "own", secret, index.port)
        write(own / "needs.txt", "dagster")
        write(own / "playground" / "definitions.py", "")
        write(checkout / ".git", "gitdir: elsewhere")  # as in a worktree
        project = read_project(checkout, "own")
        # when
        environments = Environments(tmp_path / "environments", box=Box.ALWAYS)
        found = environments.ensure(project, lambda line: None)
        how = own_build.How(choose, Box.ALWAYS)
        built = own_build.ensure(project, "0" * 40, tmp_path / "built", how, lambda line: None)
        # then
        assert installed(environments.folder / found.key) == {"dagster": "1.13.0"}
        text = (built.generated / "own" / "own" / "seen.py").read_text()
        seen = ast.literal_eval(text.removeprefix("SEEN = "))
        assert PASSWORD not in text
        assert [seen[name] for name in ("secret", "beside", "caller", "index")] == ["PermissionError"] * 4
        assert not (built.generated / ".git").exists()

    def test_a_source_on_the_index_is_built_without_them_too(
        self, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        tree = package(tmp_path / "sources" / "only", tmp_path / "none", index.port)
        source(index.folder, tree)
        write(checkout / "requirements.txt", "dagster\nonly>=1\n")
        found = made(environments, checkout)
        assert PASSWORD not in module(environments, found, "only/seen.py")
        assert index.given == {f"{USER}:{PASSWORD}"}

    def test_where_none_is_allowed_there_is_none_whatever_the_repository_says(
        self, index: Watched, checkout: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_NO_BUILD", "1")
        package(checkout / "pkg", checkout / "none", index.port)
        for spelling in ("a path", "editable", "allowed by a line", "allowed by uv.toml"):
            for name, text in self.SPELLINGS[spelling].items():
                write(checkout / name, text)
            assert "`UV_NO_BUILD` allows wheels alone" in refusal(environments, checkout)


class TestPythons:
    @pytest.mark.parametrize("request_", ["./python", "{here}/python", "python", "bin"])
    def test_a_file_that_asks_for_one_runs_no_program_of_the_repository(
        self, request_: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = tmp_path / "ran"
        for place in ("python", "bin/python", ".venv/bin/python", "bin/bin/python"):
            program = write(checkout / place, f'#!/bin/sh\ntouch {ran}\nexec {sys.executable} "$@"\n')
            program.chmod(0o755)
        write(checkout / ".venv" / "pyvenv.cfg", "home = /usr/bin\n")
        write(checkout / ".python-version", request_.format(here=checkout))
        monkeypatch.chdir(checkout)
        found = choose(read_project(checkout), "environment/.")
        assert found.path == Path(sys.executable)
        assert not ran.exists()

    def test_nor_does_making_its_environment(
        self, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        write(
            checkout / "pyproject.toml",
            ABOUT.format(needs='"dagster"') + "[tool.uv]\npython-preference = 'system'\n",
        )
        lock(checkout)
        ran = tmp_path / "ran"
        for folder in (".venv", "env"):
            write(checkout / folder / "pyvenv.cfg", "home = /usr/bin\nversion = 3.11\n")
            program = write(checkout / folder / "bin" / "python", f"#!/bin/sh\ntouch {ran}\nexit 1\n")
            program.chmod(0o755)
        write(checkout / ".python-version", "./env/bin/python\n")
        write(checkout / "sitecustomize.py", f"open({str(ran)!r}, 'w')\n")
        write(checkout / "compileall.py", f"open({str(ran)!r}, 'w')\n")
        made(environments, checkout)
        assert not ran.exists()


@needs_landlock
class TestBox:
    def test_what_is_left_running_is_ended(self, tmp_path: Path) -> None:
        program = (
            "setsid sh -c 'echo $$ > number; exec sleep 600' & while [ ! -s number ]; do :; done; exit 7"
        )
        done = subprocess.run([*confined(tmp_path), "/bin/sh", "-c", program], cwd=tmp_path, check=False)
        assert done.returncode == 7
        assert not Path("/proc", (tmp_path / "number").read_text().strip()).exists()

    def test_a_program_ends_as_it_ended(self, tmp_path: Path) -> None:
        assert (
            subprocess.run([*confined(tmp_path), "/bin/sh", "-c", "kill -9 $$"], check=False).returncode
            == 137
        )
        missing = subprocess.run(
            [*confined(tmp_path), "/bin/none"], capture_output=True, text=True, check=False
        )
        assert (missing.returncode, "No such file" in missing.stderr) == (127, True)


def confined(folder: Path) -> list[str]:
    places = [part for place in ("/usr", "/bin", "/lib", "/lib64") for part in ("--read", place)]
    program = [sys.executable, "-I", "-S", str(Path(in_box.__file__))]
    return [*program, *places, "--write", str(folder), "--write", os.devnull, "--"]
