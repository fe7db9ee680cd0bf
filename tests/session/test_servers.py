"""The servers of tests go on serving, whatever they say."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.cluster import gitservers
from tests.session.deadlines import stretched

TALKATIVE = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        reached, _ = server.accept()
        with reached:
            print("x" * 200_000, file=sys.stderr, flush=True)
            reached.sendall(b"served")
"""
"""A server that says more of each connection than a pipe holds."""


def test_a_server_that_says_much_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitservers, "HOST", "127.0.0.1")
    port = gitservers._free_port()
    with gitservers._server([sys.executable, "-c", TALKATIVE, str(port)], port):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=stretched(5)) as reached:
                assert reached.recv(6) == b"served"


def test_one_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitservers, "HOST", "127.0.0.1")
    with (
        pytest.raises(RuntimeError, match="no such key"),
        gitservers._server([sys.executable, "-c", "raise SystemExit('no such key')"], 1),
    ):
        pass
