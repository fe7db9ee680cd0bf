"""A terminal of a given width, in place of standard output and standard error of this process."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


class Sent:
    """What was sent to the terminal; whole when its context has ended."""

    def __init__(self) -> None:
        self.raw = b""

    @property
    def lines(self) -> list[str]:
        return self.raw.decode().replace("\r\n", "\n").splitlines()


@contextmanager
def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """Let this process write to a terminal, which is read all the while: it holds a few kilobytes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    sent = Sent()

    def read() -> None:
        with suppress(OSError):  # Linux says so when the other side was closed
            while piece := os.read(ours, 65536):
                sent.raw += piece

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with monkeypatch.context() as patched, os.fdopen(theirs, "w", encoding="utf-8") as stream:
        patched.setattr(sys, "stdout", stream)
        patched.setattr(sys, "stderr", stream)
        patched.setenv("TERM", "dumb")  # no live line
        patched.delenv("COLUMNS", raising=False)
        yield sent
    reader.join()
    os.close(ours)
