"""What a repository brings gets no credentials of a package index, runs nowhere near them, and stays its own.

Each test is an attack: by a repository's settings, its addresses, its builds, and packages that it names.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.project import read_project
from playground_ops.targets.packages import in_box, own_build
from playground_ops.targets.packages.box import Box
from playground_ops.targets.packages.environments import Environment, Environments
from playground_ops.targets.packages.installed import installed
from playground_ops.targets.packages.interpreters import choose
from tests.local.git_servers import http_server
from tests.local.own_packages import BACKEND, SYSTEM, sha256, write
from tests.local.watched_index import PASSWORD, USER, Watched, source, watched
from tests.projects import commit_all, lock, repository

needs_landlock = pytest.mark.skipif(in_box.landlock_version() < 1, reason="this kernel has no Landlock")
ABOUT = '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = [{needs}]\n'
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


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The configured index, with its credentials, as a pod has them, and nothing that is kept from before."""
    wheel(tmp_path / "index", "dagster", "1.13.0")
    wheel(tmp_path / "index", "greeter", "1.0")
    with watched(tmp_path / "index", login=True) as found:
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url.replace("//", f"//{USER}:{PASSWORD}@"))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_NO_CONFIG", "1")
        yield found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Watched]:
    """A server of the attacker's, which asks for a login to be given one."""
    wheel(tmp_path / "elsewhere", "greeter", "1.0", {"stolen.py": ""})
    with watched(tmp_path / "elsewhere") as found:
        yield found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write(tmp_path / "checkout" / "playground" / "definitions.py", "")
    return tmp_path / "checkout"


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


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


PKG_BESIDE = '[tool.uv.sources]\npkg = {path = "pkg"}\n'


class TestAddresses:
    def test_an_index_of_the_same_name_gets_none(
        self,
        index: Watched,
        elsewhere: Watched,
        checkout: Path,
        environments: Environments,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("UV_INDEX", f"more={index.url}")
        monkeypatch.setenv("UV_INDEX_MORE_USERNAME", USER)
        monkeypatch.setenv("UV_INDEX_MORE_PASSWORD", PASSWORD)
        named = f'[[tool.uv.index]]\nname = "more"\nurl = "{elsewhere.url}"\nexplicit = true\n'
        named += '[tool.uv.sources]\ngreeter = {index = "more"}\n'
        elsewhere.asks_for_login = True
        write(checkout / "pyproject.toml", ABOUT.format(needs='"dagster", "greeter"') + named)
        refusal(environments, checkout)
        assert to_the_attacker(elsewhere) == set()

    def test_nor_where_a_lock_names_it_and_gives_no_hash(
        self,
        index: Watched,
        elsewhere: Watched,
        checkout: Path,
        environments: Environments,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("UV_INDEX", f"more={index.url}")
        monkeypatch.setenv("UV_INDEX_MORE_USERNAME", USER)
        monkeypatch.setenv("UV_INDEX_MORE_PASSWORD", PASSWORD)
        elsewhere.gives_hashes = False
        named = f'[[tool.uv.index]]\nname = "more"\nurl = "{elsewhere.url}"\nexplicit = true\n'
        named += '[tool.uv.sources]\ngreeter = {index = "more"}\n'
        write(checkout / "pyproject.toml", ABOUT.format(needs='"dagster", "greeter"') + named)
        with monkeypatch.context() as without:
            without.delenv("UV_INDEX")
            lock(checkout)
        elsewhere.seen.clear()
        elsewhere.asks_for_login = True
        monkeypatch.setenv("UV_CACHE_DIR", str(checkout.parent / "another"))
        with pytest.raises(PlaygroundError):
            made(environments, checkout)
        assert to_the_attacker(elsewhere) == set()

    @pytest.mark.parametrize(
        "line", ["greeter @ {url}", "{url}", "-f {links}\ngreeter==1.0", "-i {simple}\ngreeter==1.0"]
    )
    def test_another_server_gets_none_by_whatever_address(
        self, line: str, index: Watched, elsewhere: Watched, checkout: Path, environments: Environments
    ) -> None:
        place = f"{elsewhere.server}/files/greeter-1.0-py3-none-any.whl"
        (index.folder / "greeter-1.0-py3-none-any.whl").unlink()
        text = line.format(url=place, links=f"{elsewhere.server}/simple/greeter/", simple=elsewhere.url)
        write(checkout / "requirements.txt", f"dagster\n{text}\n")
        found = made(environments, checkout)
        assert module(environments, found, "stolen.py") == ""
        assert to_the_attacker(elsewhere) == set()

    @pytest.mark.parametrize("name", ["x%2F..%2F..%2F..%2Fescaped", "..", "%00", "%2E%2E%2Fescaped"])
    def test_a_name_in_an_address_is_that_of_one_file(
        self, name: str, index: Watched, elsewhere: Watched, checkout: Path, tmp_path: Path
    ) -> None:
        before = set(tmp_path.rglob("*escaped*"))
        write(checkout / "requirements.txt", f"dagster\ngreeter @ {elsewhere.server}/files/{name}\n")
        refusal(Environments(tmp_path / "environments"), checkout)
        assert set(tmp_path.rglob("*escaped*")) == before

    def test_a_redirect_takes_none_along(
        self, index: Watched, elsewhere: Watched, checkout: Path, environments: Environments
    ) -> None:
        name = "greeter-1.0-py3-none-any.whl"
        index.redirects[f"/files/{name}"] = f"{elsewhere.server}/files/{name}"
        (index.folder / name).write_bytes((elsewhere.folder / name).read_bytes())
        write(checkout / "requirements.txt", "dagster\ngreeter\n")
        made(environments, checkout)
        assert to_the_attacker(elsewhere) == set()

    @pytest.mark.parametrize("written", ["-i {other}", "--extra-index-url {other}", "-f {other}/greeter/"])
    def test_another_index_on_the_same_server_is_refused(
        self, written: str, index: Watched, checkout: Path, environments: Environments
    ) -> None:
        other = f"{index.server}/others/simple"
        write(checkout / "requirements.txt", f"{written.format(other=other)}\ndagster\ngreeter\n")
        assert "which is not among the stack's package indexes" in refusal(environments, checkout)
        assert not [path for path, _ in index.seen if path.startswith("/others")]

    def test_a_file_elsewhere_on_the_same_server_gets_none(
        self, index: Watched, checkout: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        below = f"{index.server}/mine/simple"
        monkeypatch.setenv("UV_DEFAULT_INDEX", below.replace("//", f"//{USER}:{PASSWORD}@"))
        write(checkout / "requirements.txt", f"{index.server}/others/greeter-1.0-py3-none-any.whl\n")
        with pytest.raises(PlaygroundError):
            made(environments, checkout)
        assert {login for path, login in index.seen if path.startswith("/others")} == {""}

    def test_a_wheel_s_own_addresses_are_not_followed(
        self, index: Watched, checkout: Path, environments: Environments, tmp_path: Path
    ) -> None:
        ran = tmp_path / "ran"
        write(checkout / "evil" / "setup.py", f"open({str(ran)!r}, 'w')\n")
        wheel(
            checkout,
            "direct",
            "1.0",
            needs=f"Requires-Dist: evil @ {(checkout / 'evil').as_uri()} ; python_version < '3'\n",
        )
        write(checkout / "requirements.txt", "dagster\n./direct-1.0-py3-none-any.whl\n")
        found = made(environments, checkout)
        assert set(installed(environments.folder / found.key)) == {"dagster", "direct"}
        assert not ran.exists()


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


class TestLines:
    """A text of the repository that becomes a line of a file for uv stays one line."""

    @pytest.mark.parametrize(
        "needs",
        [
            'greeter ; python_version != "3\\n-r {secret}\\n"',
            'greeter ; "x\\n-r {secret}\\n" != os_name',
        ],
    )
    @pytest.mark.parametrize("where", ["dependencies", "constraint-dependencies", "requires"])
    def test_no_other_file_is_read(
        self,
        needs: str,
        where: str,
        index: Watched,
        checkout: Path,
        environments: Environments,
        tmp_path: Path,
    ) -> None:
        secret = write(tmp_path / "password", "hunter2-hunter2\n")
        told = " + needs.format(secret=secret) + "
        told = '"' + needs.format(secret=secret).replace('"', '\\"') + '"'
        about = ABOUT.format(needs='"dagster"' + (f", {told}" if where == "dependencies" else ', "pkg"'))
        about += '[tool.uv.sources]\npkg = {path = "pkg"}\n'
        package(checkout / "pkg", tmp_path / "none", index.port)
        if where == "requires":
            file = checkout / "pkg" / "pyproject.toml"
            write(file, file.read_text().replace("requires = []", f"requires = [{told}]"))
        if where == "constraint-dependencies":
            about += f"[tool.uv]\nconstraint-dependencies = [{told}]\n"
        write(checkout / "pyproject.toml", about)
        try:
            made(environments, checkout)
        except PlaygroundError as error:
            assert "hunter2" not in error.finding.model_dump_json()

    def test_nor_by_the_name_in_a_wheel_or_a_lock(
        self, index: Watched, checkout: Path, tmp_path: Path
    ) -> None:
        secret = write(tmp_path / "password", "hunter2-hunter2\n")
        wheel(checkout, "direct", "1.0", needs="")
        named = wheel(tmp_path / "made", "direct", "1.0")
        with ZipFile(checkout / named.name, "w") as archive:
            text = f"Metadata-Version: 2.1\nName: direct\n -r {secret}\nVersion: 1.0\n"
            archive.writestr("direct-1.0.dist-info/METADATA", text)
        write(checkout / "requirements.txt", "dagster\n./direct-1.0-py3-none-any.whl\n")
        environments = Environments(tmp_path / "environments", ["dagster-postgres"])
        assert "hunter2" not in refusal(environments, checkout)
        # and
        write(
            checkout / "pylock.toml",
            LOCK_WITH_A_NAME.replace("SECRET", str(secret)).replace("URL", index.server),
        )
        assert "hunter2" not in refusal(environments, checkout)


LOCK_WITH_A_NAME = """\
lock-version = "1.0"
created-by = "x"
[[packages]]
name = "dagster"
version = "1.13.0"
wheels = [{url = "URL/files/dagster-1.13.0-py3-none-any.whl", hashes = {sha256 = "00"}}]
[[packages]]
name = "x\\n-r SECRET\\n"
version = "1"
wheels = [{url = "URL/files/greeter-1.0-py3-none-any.whl", hashes = {sha256 = "00"}}]
"""


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
