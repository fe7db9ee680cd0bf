"""What a release has beside its commit, in pods: prepared by its server, kept on the claim for others."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import pytest

from playground_ops.core import messages
from playground_ops.core.errors import PlaygroundError
from playground_ops.render.packages import LIVE, LIVE_AS_OF
from playground_ops.targets.common import own_metadata
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.kubernetes.inside import installing
from playground_ops.targets.kubernetes.inside.installing import Wanted
from playground_ops.targets.kubernetes.inside.prepared import Orders, Places, Prepared
from tests.local.git_servers import closed_port

COMMIT = "cd" * 20
MADE = (
    "sh",
    "-c",
    "date +%N > made.txt; echo changed > src/sales/data.txt; mkdir -p t; ln -s ../made.txt t/link",
)
SERVER = Orders((MADE,), 60.0, is_server=True)
RUN = Orders(None, 60.0, is_server=False)


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    folder = tmp_path / "claim"
    folder.mkdir()
    return folder


def checkout(folder: Path, version: str = "1.4") -> Project:
    """Return the project as git-sync leaves it: its files can't be written by the server's user."""
    place = folder / COMMIT
    (place / "src" / "sales").mkdir(parents=True)
    files = {"definitions.py": "", "data.txt": "as committed\n", "__init__.py": ""}
    for name, text in files.items():
        (place / "src" / "sales" / name).write_text(text)
    (place / "pyproject.toml").write_text(f'[project]\nname = "sales"\nversion = "{version}"\n')
    return read_project(place, module="sales.definitions")


def pod(folder: Path, claim: Path, orders: Orders, **variables: str) -> Project:
    """Return the project as a new pod of the release has it."""
    app = folder / "app"
    app.mkdir(parents=True, exist_ok=True)
    places = Places(app / "metadata", app / "prepared", claim, folder, app / "own")
    own = {"PLAYGROUND_LOCATION": "sales", "PLAYGROUND_RELEASE": "3", "PLAYGROUND_COMMIT": COMMIT}
    container = {"PATH": os.environ["PATH"], **own, **variables}
    found = Prepared(container, None, lambda project: container, places)
    return found.ensure(checkout(folder / "app" / "repo"), orders)


def contents(project: Project) -> dict[str, str]:
    files = ("made.txt", "t/link", "src/sales/data.txt")
    return {name: (project.checkout / name).read_text() for name in files}


def test_what_a_server_prepares_is_there_for_its_runs_and_for_a_pod_that_is_made_anew(
    tmp_path: Path, claim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    first = pod(tmp_path / "first", claim, SERVER)
    told = [found["line"] for found in messages.of_kind(messages.PREPARING, capsys.readouterr().out)]
    anew = pod(tmp_path / "anew", claim, SERVER)
    run = pod(tmp_path / "run", claim, RUN)
    # then: the time in nanoseconds is that of the one time that it ran
    assert contents(first) == contents(anew) == contents(run)
    assert first.checkout == tmp_path / "first" / "app" / "prepared" / COMMIT
    assert first.module_root == first.checkout / "src"
    assert (tmp_path / "first/app/repo" / COMMIT / "src/sales/data.txt").read_text() == "as committed\n"
    assert (told[0].partition(" `")[0], told[-1]) == ("Preparing it by", ""), "the rollout sees begin and end"
    assert capsys.readouterr().out == "", "nothing was prepared again"
    (kept,) = (claim / ".prepared" / "sales").iterdir()
    assert kept.name == f"3-{COMMIT}.tar"


def test_another_release_or_commit_prepares_for_itself(tmp_path: Path, claim: Path) -> None:
    first = pod(tmp_path / "first", claim, SERVER)
    again = pod(tmp_path / "again", claim, SERVER, PLAYGROUND_RELEASE="4")
    other = pod(tmp_path / "other", claim, SERVER, PLAYGROUND_COMMIT="ef" * 20)
    assert len({contents(one)["made.txt"] for one in (first, again, other)}) == 3


def test_a_run_prepares_nothing_and_a_release_without_anything_is_not_copied(
    tmp_path: Path, claim: Path
) -> None:
    for name, orders in {"run": replace(SERVER, is_server=False), "server": Orders((), 1.0, True)}.items():
        found = pod(tmp_path / name, claim, orders)
        assert found.checkout == tmp_path / name / "app" / "repo" / COMMIT
        assert not (tmp_path / name / "app" / "prepared").exists()
        assert found.metadata is not None
        assert (found.metadata / "sales-1.4.dist-info" / "METADATA").is_file()


def test_what_failed_is_not_kept(tmp_path: Path, claim: Path) -> None:
    with pytest.raises(PlaygroundError) as caught:
        pod(tmp_path / "first", claim, Orders((("sh", "-c", "touch x; exit 4"),), 60.0, True))
    assert "exit code 4" in caught.value.finding.observed
    assert caught.value.finding.object == "release/sales-3"
    assert list(claim.rglob("*.tar")) == []


def test_ops_takes_nothing_that_others_can_write(tmp_path: Path, claim: Path) -> None:
    found = pod(tmp_path / "ops", claim, SERVER, PLAYGROUND_LOCATION="ops")
    assert (found.checkout.parent.name, found.metadata) == ("repo", None)


def test_what_a_build_made_is_laid_over_the_copy(tmp_path: Path, claim: Path) -> None:
    # given: what the container that installs packages leaves
    build = tmp_path / "first" / ".own" / f"sales-3-{COMMIT}"
    (build / "generated" / "src" / "sales").mkdir(parents=True)
    (build / "generated" / "src" / "sales" / "_version.py").write_text("V = 1\n")
    own_metadata.write(own_metadata.Declared("sales", "9.9"), build / "metadata")
    (tmp_path / "first" / "app").mkdir()
    (tmp_path / "first" / "app" / "own").write_text(build.name)
    # when
    found = pod(tmp_path / "first", claim, RUN)
    # then
    assert (found.module_root / "sales" / "_version.py").read_text() == "V = 1\n"
    assert found.checkout.parent.name == "prepared"
    assert found.metadata == build / "metadata"


def test_what_was_prepared_for_releases_that_are_gone_is_removed(tmp_path: Path, claim: Path) -> None:
    for number in ("1", "2", "3"):
        pod(tmp_path / number, claim, SERVER, PLAYGROUND_RELEASE=number)
    other = claim / ".prepared" / "other" / f"1-{COMMIT}.tar"
    other.parent.mkdir()
    other.touch()
    pod(tmp_path / "next", claim, SERVER, PLAYGROUND_RELEASE="4", PLAYGROUND_LIVE="2 3")
    kept = sorted(file.name.partition("-")[0] for file in (claim / ".prepared" / "sales").iterdir())
    assert (kept, other.exists()) == (["2", "3", "4"], True)


def test_a_build_is_made_once_for_a_release_and_found_without_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a project that only its `setup.py` tells of, and builds of releases that are gone and that live
    found = checkout(tmp_path / "repo")
    (found.directory / "pyproject.toml").unlink()
    (found.directory / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='sales', version='2')\n"
    )
    (tmp_path / "own" / "bin").mkdir(parents=True)
    (tmp_path / "own" / "bin" / "python").symlink_to(sys.executable)
    for name in ("sales-1", "sales-2"):
        place = tmp_path / ".own" / f"{name}-{COMMIT}"
        place.mkdir(parents=True)
        os.utime(place, (0, 0))
    monkeypatch.setenv(LIVE, "sales-2 sales-3")
    monkeypatch.setenv(LIVE_AS_OF, "2030-01-01T00:00:00+00:00")
    wanted = Wanted("sales-3", "own")
    # when
    made = installing.build(found, tmp_path, wanted, print)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{closed_port()}/simple")
    again = installing.build(found, tmp_path, wanted, print)
    # then
    (one,) = distributions(path=[str(again.metadata)])
    assert (one.metadata["Name"], one.version, again.place) == ("sales", "2", made.place)
    kept = {place.name for place in (tmp_path / ".own").iterdir() if place.name[0] != "."}
    assert kept == {f"sales-2-{COMMIT}", f"sales-3-{COMMIT}"}
