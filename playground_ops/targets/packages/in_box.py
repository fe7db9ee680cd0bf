"""A program that runs another one where it reaches no credentials, no network and nobody else's files.

`python -I -S in_box.py [--read PATH]... [--write PATH]... -- PROGRAM ARGUMENT...` (PROGRAM is a path)

By Landlock and seccomp, which any process may use on itself: only what is named can be read or written, other
processes can't be looked into, and there are no sockets but those between its own processes. What it leaves
running is ended with it. It exits with the command's code, and with 79 where the kernel has no Landlock.
It is a file of its own, without imports of this project, since it is run by its path.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

NO_LANDLOCK = 79
_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The numbers of the system calls, the same on every architecture."""
_NO_NEW_PRIVILEGES, _SECCOMP, _SUBREAPER, _DEATH_SIGNAL = 38, 22, 36, 1
_READ = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read a file, list a folder."""
_OF_A_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The name of the architecture and the number of `socket` for seccomp."""
_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> int:
    at = arguments.index("--")
    named = list(zip(arguments[:at:2], arguments[1:at:2], strict=True))
    version = landlock_version()
    if version < 1:
        return NO_LANDLOCK
    _checked(_libc.prctl(_SUBREAPER, 1, 0, 0, 0))
    child = os.fork()
    if child == 0:
        _become(arguments[at + 1 :], named, version)
    _, status = os.waitpid(child, 0)
    _end_the_rest()
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; less than 1 without it."""
    return int(_libc.syscall(_CREATE, None, 0, 1))


def _become(command: Sequence[str], named: Sequence[tuple[str, str]], version: int) -> None:
    try:
        _checked(_libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
        _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _restrict(named, version)
        _without_network()
        os.execv(command[0], list(command))
    except BaseException as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
    os._exit(127)


def _restrict(named: Sequence[tuple[str, str]], version: int) -> None:
    every = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    wanted = struct.pack("QQQ", every, network, scope)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _checked(_libc.syscall(_CREATE, wanted, len(wanted), 0))
    for option, path in named:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rights = every if option == "--write" else _READ
        if not Path(path).is_dir():
            rights &= _OF_A_FILE & every
        _checked(_libc.syscall(_ADD, rules, 1, struct.pack("=Qi", rights, place), 0))
        os.close(place)
    _checked(_libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _without_network() -> None:
    """Refuse every socket that is not of this machine's own kind (AF_UNIX)."""
    known = _MACHINES.get(platform.machine())
    if known is None:
        return
    name, socket = known
    refuse = 0x00050000 | 13  # EACCES
    program = [
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 1, 0, name),
        (0x06, 0, 0, refuse),
        (0x20, 0, 0, 0),  # the number of the call
        (0x35, 5, 0, 0x40000000),  # those of the x32 ABI
        (0x15, 4, 0, 425),  # io_uring_setup, which opens sockets too
        (0x15, 0, 2, socket),
        (0x20, 0, 0, 16),  # its first argument, the family
        (0x15, 0, 1, 1),
        (0x06, 0, 0, 0x7FFF0000),
        (0x06, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("HBBI", *one) for one in program)
    kept = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(kept))
    _checked(_libc.prctl(_SECCOMP, 2, head, 0, 0))


def _end_the_rest() -> None:
    """End what it left behind, whichever group or session that is in by now: all are children of this one."""
    while True:
        for one in _children():
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == os.getpid():
                found.append(int(place.name))
    return found


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"it can't be confined: {os.strerror(number)}")
    return int(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
