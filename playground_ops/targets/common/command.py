"""Runs one command of another program (git, uv) so that it can neither ask, hang nor outlive its caller."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from playground_ops.core.redact import one_line
from playground_ops.render.git_protocols import restricted

HEAR_SECONDS = 1.0
"""Seconds between two reports of a running command's last line."""
HEARD_CHARACTERS = 300
"""A server writes into git's lines (`remote: ...`), and so does a build into uv's."""
KEPT_BYTES = 1_000_000
"""Bytes kept of each stream, from its end."""


# Variables that a surrounding git (a hook, an alias) sets would direct our commands to its repository.
_OF_ANOTHER_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_CEILING_DIRECTORIES",
)


@dataclass(frozen=True)
class Finished:
    code: int
    output: str
    words: str
    """The output on standard error."""


class TimedOut(Exception):
    """The command was still running at its deadline and was ended."""

    def __init__(self, seconds: float, words: str) -> None:
        super().__init__(f"still running after {seconds:g} s")
        self.seconds, self.words = seconds, words


@dataclass(frozen=True)
class Inherited:
    """Settings that a command gets from its caller."""

    environment: Mapping[str, str]
    folder: Path | None = None
    keep: Sequence[int] = ()
    """Descriptors that stay open in it: a lock that is to be held as long as it lives."""
    output_is_words: bool = False
    """Whether its output goes where its words go, in the order in which they come."""


def run(
    arguments: Sequence[str],
    inherited: Inherited,
    *,
    seconds: float,
    hear: Callable[[str], None] = lambda line: None,
) -> Finished:
    """Run to the end, at most `seconds`; `hear` gets its latest line, about once a second, when it changed.

    It has no terminal and no input, so nothing can prompt. Raises TimedOut, FileNotFoundError when the
    program is not there, OSError when it can't be started.
    """
    # Files, not pipes: a process that the command leaves behind on purpose (the master connection of
    # ssh, a credential cache) keeps its streams open, and a reader would wait for it.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=words if inherited.output_is_words else output,
            stderr=words,
            cwd=inherited.folder,
            env=dict(inherited.environment),
            start_new_session=True,
            pass_fds=tuple(inherited.keep),
        )
        try:
            _wait(process, words, seconds, hear)
        finally:
            if process.poll() is None:
                end_group(process)
        return Finished(process.returncode, _tail(output), _tail(words))


def quiet_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a git that can't ask anything, here or below another program (uv)."""
    kept = restricted({name: value for name, value in environ.items() if name not in _OF_ANOTHER_REPOSITORY})
    kept.update(
        LC_ALL="C",
        LANGUAGE="",
        GIT_TERMINAL_PROMPT="0",
        GIT_ASKPASS="false",
        SSH_ASKPASS="false",
        SSH_ASKPASS_REQUIRE="never",
        GCM_INTERACTIVE="never",
        GIT_OPTIONAL_LOCKS="0",
    )
    return kept


def end_group(process: subprocess.Popen[bytes], grace_seconds: float = 3.0) -> None:
    """End a process that leads a group, and its children: first by SIGTERM, so that git cleans up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGTERM:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # what is left of the group
        break
    process.wait()


def _wait(
    process: subprocess.Popen[bytes], words: IO[bytes], seconds: float, hear: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + seconds
    heard = ""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(seconds, _tail(words))
        try:
            process.wait(min(HEAR_SECONDS, left))
            return
        except subprocess.TimeoutExpired:
            line = last_line(_tail(words, 2000))
        if line and line != heard:
            heard = line
            hear(one_line(line, HEARD_CHARACTERS))


def _tail(file: IO[bytes], size: int = KEPT_BYTES) -> str:
    # pread: the descriptor's offset is shared with the child that is still writing.
    descriptor = file.fileno()
    length = os.fstat(descriptor).st_size
    start = max(0, length - size)
    return os.pread(descriptor, length - start, start).decode("utf-8", errors="replace")


def last_line(text: str) -> str:
    """Return the last line that is not empty; a carriage return ends a line, as in progress meters."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    return next((line for line in reversed(lines) if line), "")
