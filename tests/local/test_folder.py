"""Files of the state folder: complete or absent, and the system's errors are reported."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.model import Location, Release, Revision
from playground_ops.targets.local.addresses import Addresses, lead_to, serving_number
from playground_ops.targets.local.folder import (
    read_value,
    set_aside,
    write_atomically,
    write_value,
)
from playground_ops.targets.local.releases import RecordFiles, ReleaseFiles
from tests.asking import eventually


class Value(BaseModel):
    number: int


def release(number: int) -> Release:
    return Release(
        location=Location(name="a-1"),
        number=number,
        revision=Revision(repository=None, commit="1" * 40),
        configuration="c",
        created_at="t",
    )


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(PlaygroundError) as caught:
        action()
    assert caught.value.finding.kind is FindingKind.CAPACITY
    return caught.value.finding.observed


def test_a_reader_finds_the_old_or_the_new_over_kills_of_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    code = (
        "import itertools, sys; from pathlib import Path\n"
        "from playground_ops.targets.local.folder import write_atomically\n"
        "for number in itertools.count():\n"
        "    write_atomically(Path(sys.argv[1]), '{\"number\": %d}' % number + ' ' * 100_000)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
        try:
            first = eventually("a value", lambda: read_value(path, Value), 10.0)
            eventually("another", lambda first=first: read_value(path, Value) != first, 10.0, 0.0)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        assert read_value(path, Value)
    assert list(tmp_path.rglob("*.corrupt")) == []


def test_a_file_that_may_not_grow_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        assert "too large" in refused(lambda: write_atomically(path, "x" * 2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"number": "x"}', "\x00", "[" * 100_000])
def test_what_is_no_value_is_set_aside_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert read_value(path, Value) is None
    set_aside(path)  # another process was quicker
    assert [found.name for found in tmp_path.rglob("*.corrupt")] == ["x.json.corrupt"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").mkdir()
    (tmp_path / "file").write_text("")
    assert "directory" in refused(lambda: read_value(tmp_path / "x.json", Value))
    assert "directory" in refused(lambda: read_value(tmp_path / "file" / "x.json", Value))


UNWRITABLE = """
import os, sys
from pathlib import Path
from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.local.control import Control, ensure_supervisor
from playground_ops.targets.local.folder import write_atomically
from playground_ops.targets.local.locks import lease
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)  # nobody
state = Path(sys.argv[1])
for action in (
    lambda: ensure_supervisor(state),
    lambda: Control(state).hello(),
    lambda: Control(state).shutdown(0.1),
    lambda: write_atomically(state / "x.json", "x"),
    lambda: lease(state / "a" / "lock.json", "a", "me", "now").__enter__(),
):
    try:
        action()
    except PlaygroundError as error:
        assert "Permission denied" in str(error) or "belongs to user" in str(error), error
        assert error.finding.fix
    else:
        raise AssertionError("it was not refused")
"""


def test_a_folder_of_somebody_else_is_told_by_every_writer() -> None:
    with tempfile.TemporaryDirectory(prefix="pg-unwritable-") as name:  # where any user may go
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / "state").chmod(0o555)
        folder.chmod(0o755)
        ended = subprocess.run(
            [sys.executable, "-c", UNWRITABLE, str(folder / "state")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr


class TestReleases:
    def test_marks_are_kept_and_go_with_the_release(self, tmp_path: Path) -> None:
        files = ReleaseFiles(tmp_path)
        assert (files.numbers(), files.served_at(release(1))) == ([], None)
        files.add(release(1))
        files.mark_served(release(1), "then")
        files.mark_draining(release(1), "later")
        assert (files.served_at(release(1)), files.is_draining(release(1))) == ("then", True)
        files.unmark_draining(release(1))
        assert not files.is_draining(release(1))
        files.remove(release(1))
        files.remove(release(1))
        assert list((tmp_path / "releases").iterdir()) == []

    def test_a_mark_of_strange_bytes_is_a_mark(self, tmp_path: Path) -> None:
        files = ReleaseFiles(tmp_path)
        files.add(release(1))
        (tmp_path / "releases" / "1.served").write_bytes(b"\xff\x00")
        assert files.served_at(release(1)) is not None

    def test_a_file_where_the_folder_should_be_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "releases").write_text("")
        (tmp_path / "records").write_text("")
        assert "directory" in refused(lambda: ReleaseFiles(tmp_path).numbers())
        assert "directory" in refused(lambda: RecordFiles(tmp_path).all())
        refused(lambda: ReleaseFiles(tmp_path).mark_served(release(1), "t"))
        refused(lambda: ReleaseFiles(tmp_path).remove(release(1)))


class TestAddresses:
    @pytest.fixture
    def addresses(self, tmp_path: Path) -> Addresses:
        return Addresses(tmp_path)

    def test_it_leads_to_one_release_and_then_to_another(self, addresses: Addresses) -> None:
        assert serving_number(addresses, "a-1") is None
        for number in (1, 12, 1):
            lead_to(addresses, release(number))
            assert serving_number(addresses, "a-1") == number
            assert addresses.serving("a-1").parent / addresses.serving("a-1").readlink() == addresses.own(
                release(number)
            )

    @pytest.mark.parametrize("target", ["", "a.sock", "a-x.sock", "/nowhere", "a-1"])
    def test_what_is_no_address_of_ours_leads_nowhere_and_is_replaced(
        self, addresses: Addresses, target: str
    ) -> None:
        link = addresses.serving("a-1")
        if target:
            link.symlink_to(target)
        else:
            link.write_text("a file")
        assert serving_number(addresses, "a-1") is None
        lead_to(addresses, release(3))
        assert serving_number(addresses, "a-1") == 3

    def test_a_full_disk_moves_nothing(self, addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        lead_to(addresses, release(1))
        monkeypatch.setattr(Path, "symlink_to", full)
        assert "No space left" in refused(lambda: lead_to(addresses, release(2)))
        assert serving_number(addresses, "a-1") == 1


def test_values_are_written_whole(tmp_path: Path) -> None:
    write_value(tmp_path / "below" / "x.json", Value(number=3))
    assert read_value(tmp_path / "below" / "x.json", Value) == Value(number=3)
