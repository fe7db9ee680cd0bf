"""The lock of a location: one holder, who is named, and who may die or be stopped."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playground_ops.core.errors import LockHeld, LockLost, PlaygroundError
from playground_ops.targets.local import locks
from playground_ops.targets.local.folder import cannot_write
from playground_ops.targets.local.locks import Lease, holder_of, lease
from tests.asking import eventually
from tests.session.deadlines import stretched

NOW = "2030-01-01T00:00:00Z"
HOLD = """
import sys, time
from pathlib import Path
from playground_ops.targets.local.locks import lease
with lease(Path(sys.argv[1]), "a", "the other one", "2029-12-31T00:00:00Z") as held:
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "lock.json"


def another(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_one_is_told_who_holds_it_since_when(path: Path) -> None:
    process = another(path)
    try:
        with pytest.raises(LockHeld) as refused, lease(path, "a", "me", NOW):
            pass
    finally:
        process.kill()
        process.wait()
    told = refused.value.finding.sentence()
    assert "the other one" in told
    assert "2029-12-31T00:00:00Z" in told
    assert str(process.pid) in told


def test_it_is_free_as_soon_as_its_holder_is_dead(path: Path) -> None:
    process = another(path)
    process.kill()
    process.wait()
    with lease(path, "a", "me", NOW) as held:
        held.check()
    assert holder_of(path) is None
    assert not path.exists()


def test_it_is_free_after_an_error_of_its_holder(path: Path) -> None:
    with pytest.raises(RuntimeError), lease(path, "a", "me", NOW):
        raise RuntimeError
    with lease(path, "a", "me again", NOW):
        pass


def test_a_holder_that_was_stopped_loses_it_and_finds_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = another(path)
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.0)  # as if it had been stopped for so long
    try:
        with lease(path, "a", "me", NOW) as mine:
            mine.check()
            os.kill(process.pid, signal.SIGCONT)
            mine.check()
    finally:
        process.kill()
        process.wait()

    with (
        lease(path, "a", "me", NOW) as mine,
        lease(path, "a", "somebody else", NOW),
        pytest.raises(LockLost, match="somebody else"),
    ):
        mine.check()


def test_a_holder_that_could_not_write_goes_on_renewing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "RENEW_SECONDS", 0.02)
    refusals: list[Path] = []

    def full(where: Path, value: Lease) -> None:
        refusals.append(where)
        raise PlaygroundError(cannot_write(where, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))

    with lease(path, "a", "me", NOW) as held:
        first = Lease.model_validate_json(path.read_text()).renewed
        with monkeypatch.context() as disk:
            disk.setattr(locks, "write_value", full)
            eventually("two refusals", lambda: len(refusals) >= 2)
        held.check()
        eventually("a renewal", lambda: Lease.model_validate_json(path.read_text()).renewed > first)


def test_why_a_rollout_ended_is_not_hidden_by_a_lock_that_cannot_be_deleted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="why"), lease(path, "a", "me", NOW):
        path.unlink()
        path.mkdir()
        raise RuntimeError("why")


def test_a_lock_whose_file_was_deleted_is_lost(path: Path) -> None:
    with lease(path, "a", "me", NOW) as held:
        path.unlink()
        with pytest.raises(LockLost, match="nobody"):
            held.check()


def test_a_process_that_was_stopped_at_the_file_is_waited_for_only_so_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "GUARD_SECONDS", 0.1)
    path.parent.mkdir()
    with path.with_name("lock.json.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        with pytest.raises(PlaygroundError, match="kept it to itself"), lease(path, "a", "me", NOW):
            pass
    with lease(path, "a", "me", NOW):
        pass


def test_of_many_at_once_one_gets_it(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        eventually("three refusals", lambda: sum(process.poll() is not None for process in started) == 3)
    finally:
        for process in started:
            process.kill()
    told = [process.communicate(timeout=stretched(10)) for process in started]
    assert sorted(output for output, _ in told) == ["", "", "", "held\n"]
    assert sum("LockHeld" in error for _, error in told) == 3


def test_the_clock_of_the_wall_does_not_matter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = another(path)
    try:
        for moment in (0.0, time.time() + 10**8):
            monkeypatch.setattr(time, "time", lambda moment=moment: moment)
            assert holder_of(path) is not None
    finally:
        process.kill()
        process.wait()


def test_a_recycled_pid_holds_nothing(path: Path) -> None:
    found = Lease(token="x", holder="x", since=NOW, pid=os.getpid(), birth="other", renewed=time.monotonic())
    path.parent.mkdir()
    path.write_text(found.model_dump_json())
    with lease(path, "a", "me", NOW):
        pass


@pytest.mark.parametrize("content", ["", "{", "null", '{"token": 1}', "\x00"])
def test_a_corrupted_file_is_set_aside(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with lease(path, "a", "me", NOW) as held:
        held.check()
    assert path.with_name("lock.json.corrupt").exists()


def test_it_is_renewed_while_it_is_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "RENEW_SECONDS", 0.02)
    with lease(path, "a", "me", NOW):
        first = Lease.model_validate_json(path.read_text()).renewed
        eventually("a renewal", lambda: Lease.model_validate_json(path.read_text()).renewed > first)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PlaygroundError, match="can't be"), lease(file / "lock.json", "a", "me", NOW):
        pass
