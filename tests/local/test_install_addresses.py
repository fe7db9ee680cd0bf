"""Attacks by addresses and lines: nobody else is given credentials, and no other file is read."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.installed import installed
from tests.local.installs import ABOUT, made, module, package, refusal, to_the_attacker, wheel
from tests.local.own_packages import write
from tests.local.watched_index import PASSWORD, USER, Watched
from tests.projects import lock


@pytest.fixture
def same_name(index: Watched, elsewhere: Watched, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an index of the name of a configured one, which leads to the attacker's server."""
    monkeypatch.setenv("UV_INDEX", f"more={index.url}")
    monkeypatch.setenv("UV_INDEX_MORE_USERNAME", USER)
    monkeypatch.setenv("UV_INDEX_MORE_PASSWORD", PASSWORD)
    named = f'[[tool.uv.index]]\nname = "more"\nurl = "{elsewhere.url}"\nexplicit = true\n'
    named += '[tool.uv.sources]\ngreeter = {index = "more"}\n'
    write(checkout / "pyproject.toml", ABOUT.format(needs='"dagster", "greeter"') + named)
    return checkout


class TestAddresses:
    def test_an_index_of_the_same_name_gets_none(
        self, elsewhere: Watched, same_name: Path, environments: Environments
    ) -> None:
        elsewhere.asks_for_login = True
        refusal(environments, same_name)
        assert to_the_attacker(elsewhere) == set()

    def test_nor_where_a_lock_names_it_and_gives_no_hash(
        self,
        elsewhere: Watched,
        same_name: Path,
        environments: Environments,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        elsewhere.gives_hashes = False
        with monkeypatch.context() as without:
            without.delenv("UV_INDEX")
            lock(same_name)
        elsewhere.seen.clear()
        elsewhere.asks_for_login = True
        monkeypatch.setenv("UV_CACHE_DIR", str(same_name.parent / "another"))
        with pytest.raises(PlaygroundError):
            made(environments, same_name)
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
