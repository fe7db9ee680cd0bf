"""The daemon starts after the locations that are being rolled out answer."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from playground_ops.targets.local import daemon
from playground_ops.targets.local.folder import StateFolder
from tests.asking import eventually
from tests.session.deadlines import stretched


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    found = StateFolder(tmp_path)
    servers = [{"grpc_server": {"location_name": name, "socket": name}} for name in ("a", "b")]
    found.instance().workspace.parent.mkdir(parents=True)
    found.instance().workspace.write_text(yaml.safe_dump({"load_from": servers}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # a socket's path is short
        yield found


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for one in made:
        one.close()


def listen(listening: list[socket.socket], name: str) -> None:
    made = socket.socket(socket.AF_UNIX)
    made.bind(name)
    made.listen()
    listening.append(made)


def test_a_location_that_is_rolled_out_is_waited_for(
    folder: StateFolder, listening: list[socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    listen(listening, "a")
    lock = folder.lock("b")
    lock.parent.mkdir(parents=True)
    lock.touch()
    waiting = threading.Thread(target=daemon.wait_for_locations, args=(folder, folder.instance().workspace))
    waiting.start()
    eventually("it to say so", lambda: "waiting until b answers" in capsys.readouterr().out)
    waiting.join(daemon.SOON_SECONDS + 1)
    assert waiting.is_alive(), "though nobody has begun with b for some seconds, as far as its socket tells"
    listen(listening, "b")
    waiting.join(10)
    assert not waiting.is_alive()
    assert "does not answer" not in capsys.readouterr().out


def test_a_location_that_nobody_rolls_out_keeps_it_for_seconds_alone(
    folder: StateFolder, listening: list[socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    listen(listening, "a")
    daemon.wait_for_locations(folder, folder.instance().workspace)
    assert "b does not answer" in capsys.readouterr().out


def test_without_a_workspace_it_is_the_daemon_that_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "playground_ops.targets.local.daemon", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=stretched(60), check=False)
    assert (ended.returncode, "does not exist" in ended.stdout + ended.stderr) == (2, True), ended
