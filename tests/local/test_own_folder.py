"""The state folder and the way to its sockets: no other user of the machine reaches them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.local import own_folder
from playground_ops.targets.local.control import Control, ensure_supervisor
from playground_ops.targets.local.folder import open_to_others, write_atomically
from playground_ops.targets.local.locks import lease
from playground_ops.targets.local.own_folder import NotOurs, made_private, runtime_folder
from playground_ops.targets.local.processes import ProcessSpec
from playground_ops.targets.local.target import LocalTarget
from tests.asking import eventually

SOMEBODY = 65534
ROOT = os.geteuid() == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def generous() -> Iterator[None]:
    """A person whose files everybody may read, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user may enter. Where root runs the tests, another user tries."""
    with tempfile.TemporaryDirectory(prefix="pg-own-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_somebody(code: str, *arguments: Path) -> str:
    """Run code as another user. Returns what it wrote to standard error."""
    become = f"import os; os.setgroups([]); os.setgid({SOMEBODY}); os.setuid({SOMEBODY})\n"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys\n{become}{code}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stderr


@pytest.mark.usefixtures("generous")
def test_it_is_made_for_its_owner_alone_whoever_writes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_folder, "SHORT", tmp_path)

    def locked(state: Path) -> None:
        with lease(state / "locations" / "a" / "lock.json", "a", "me", "now"):
            pass

    for number, write in enumerate(
        (
            lambda state: write_atomically(state / "deploy.json", "x"),
            locked,
            runtime_folder,
            made_private,
        )
    ):
        state = tmp_path / str(number) / "state"
        write(state)
        assert mode(state) == 0o700


@pytest.mark.usefixtures("generous")
def test_another_user_reaches_nothing_of_one_that_was_open(reachable: Path) -> None:
    state = reachable / "state"
    database = state / "dagster_home" / "history" / "runs.db"
    database.parent.mkdir(parents=True)
    database.write_text("runs")
    link = runtime_folder(state)
    (state / "run" / "a.location.sock").write_text("")
    state.chmod(0o755)
    read = "open(sys.argv[1]).read()"
    assert not ROOT or as_somebody(read, database) == ""
    LocalTarget(state, reachable)
    assert mode(state) == 0o700
    for path in (database, link / "a.location.sock"):
        assert not ROOT or "PermissionError" in as_somebody(read, path)
    link.unlink()


def test_one_of_somebody_else_is_used_by_nobody(reachable: Path) -> None:
    theirs = reachable / "state"
    theirs.mkdir()
    if ROOT:
        os.chown(theirs, SOMEBODY, SOMEBODY)
    else:
        theirs = Path("/")
    with pytest.raises(NotOurs, match="belongs to user"):
        made_private(theirs)
    for use in (lambda: LocalTarget(theirs, reachable), lambda: Control(theirs).hello()):
        with pytest.raises(PlaygroundError) as caught:
            use()
        assert caught.value.finding.kind is FindingKind.CERTAIN
        assert "belongs to user" in caught.value.finding.observed


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_somebody_made_in_the_way_to_the_sockets_is_not_taken(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "short"
    short.mkdir()
    monkeypatch.setattr(own_folder, "SHORT", short)
    link = runtime_folder(tmp_path / "state")
    link.unlink()
    {"file": link.touch, "folder": link.mkdir, "link": lambda: link.symlink_to(tmp_path)}[what]()
    with pytest.raises(PlaygroundError) as caught:
        Control(tmp_path / "state").hello()
    assert "is in the way" in caught.value.finding.observed
    assert caught.value.finding.kind is FindingKind.CERTAIN


def test_a_place_where_everybody_may_replace_the_way_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "short"
    short.mkdir()
    monkeypatch.setattr(own_folder, "SHORT", short)
    short.chmod(0o777)
    with pytest.raises(NotOurs, match="chmod"):
        runtime_folder(tmp_path / "state")
    short.chmod(0o1777)
    assert runtime_folder(tmp_path / "state").parent == short


def test_a_file_system_that_keeps_no_permissions_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (found,) = open_to_others(tmp_path)
    assert found.whose == "surroundings"
    tmp_path.chmod(0o700)
    assert open_to_others(tmp_path) == open_to_others(tmp_path / "nowhere") == []


@pytest.mark.usefixtures("generous")
def test_a_persons_code_writes_for_others_outside_of_it_as_the_person_does(
    state: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    control = ensure_supervisor(state)
    control.start(ProcessSpec("a-1", ("sh", "-c", f"echo x > {report}"), "/", restart="never"))
    eventually("the report", lambda: report.exists() and report.read_text() == "x\n")
    assert mode(report) == 0o644
    assert mode(state) == 0o700
    assert mode(state / "logs" / "a-1.log") == mode(state / "processes" / "a-1.json") == 0o600
