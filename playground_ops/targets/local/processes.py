"""Specs and states of supervised processes, as values and as files. Light imports, for the supervisor."""

from __future__ import annotations  # the types of fields are read as they are written

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

MARKER = "PLAYGROUND_PROCESS"
"""Environment variable of every supervised process: `<state folder>::<name>`. Run workers inherit it."""

Restart = Literal["always", "never"]


@dataclass(frozen=True)
class ProcessSpec:
    """A process that is to run."""

    name: str
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment. May hold secrets: only the owner can read its file."""
    restart: Restart = "always"
    grace_seconds: float = 10.0
    """Seconds between SIGTERM, to the process alone, and SIGKILL, to its process group."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Variables beneath those of `env`; their values are masked in all that is shown of the process."""


@dataclass(frozen=True)
class ProcessState:
    """The state of a process. `serial` grows with every change, over restarts of the supervisor too."""

    name: str
    serial: int
    running: bool
    restart: Restart
    pid: int | None = None
    birth: str | None = None
    """Together with the pid it identifies the process for good: see `birth_of`."""
    since: str | None = None
    """Start of the process now running, or end of the last one; UTC, ISO 8601."""
    restarts: int = 0
    exit_text: str = ""
    stopping: bool = False
    asked_to_end: bool = False
    """Whether it was sent SIGTERM, which a code server that drains must not get twice."""


def folder_of(state: Path) -> Path:
    return state / "processes"


def read_spec(state: Path, name: str) -> ProcessSpec | None:
    """Return None when it is not there, or is no valid spec: then it is set aside as `*.corrupt`."""
    found = _read(folder_of(state) / f"{name}.json", ProcessSpec, name)
    return ProcessSpec(**{**found, "argv": tuple(found["argv"])}) if found else None


def secrets_of(state: Path) -> Iterator[str]:
    """Yield the values that are masked, of all processes; a spec that can't be read has none."""
    for name in names(state):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            found = json.loads((folder_of(state) / f"{name}.json").read_bytes()).get("secrets") or {}
            yield from filter(None, map(str, found.values()))


def read_state(state: Path, name: str) -> ProcessState | None:
    """Return None when it is not there, or is no valid state: then it is set aside as `*.corrupt`."""
    found = _read(folder_of(state) / f"{name}.state.json", ProcessState, name)
    if found is None:
        return None
    process = ProcessState(**found)
    # Its supervisor has not written that it ended: it was killed, or has not done so yet.
    if process.running and not is_alive(process):
        return replace(process, running=False, exit_text="it ended, and how is not known yet")
    return process


def is_alive(process: ProcessState) -> bool:
    return process.pid is not None and birth_of(process.pid) == process.birth is not None


def birth_of(pid: int) -> str | None:
    """Identify this process among all that had or will have its pid; None when there is none.

    On Linux it is the start in clock ticks since boot, with the boot's id: setting the clock does not change
    it. Elsewhere it is the start time from psutil.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read once a second, keep it cheap
            fields = file.read().rsplit(b")", 1)[1].split()
    except FileNotFoundError:
        return _birth_elsewhere(pid) if not Path("/proc/self").exists() else None
    except ProcessLookupError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return f"{_boot_id()}:{fields[19].decode()}"


def names(state: Path) -> Iterator[str]:
    folder = folder_of(state)
    if folder.is_dir():
        for path in sorted(folder.glob("*.json")):
            if not path.name.endswith(".state.json"):
                yield path.name.removesuffix(".json")


def write_spec(state: Path, spec: ProcessSpec) -> None:
    _write(folder_of(state) / f"{spec.name}.json", asdict(spec))


def write_state(state: Path, process: ProcessState) -> None:
    _write(folder_of(state) / f"{process.name}.state.json", asdict(process))


def remove_files(state: Path, name: str) -> None:
    for path in _files(state, name):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.corrupt").unlink(missing_ok=True)


def has_files(state: Path, name: str) -> bool:
    return all(path.exists() for path in _files(state, name))


def was_known(state: Path, name: str) -> bool:
    """Return whether any of its files is left, even a corrupted one."""
    return any(folder_of(state).glob(f"{name}.*"))


def _files(state: Path, name: str) -> tuple[Path, Path]:
    return folder_of(state) / f"{name}.json", folder_of(state) / f"{name}.state.json"


def _read(path: Path, kind: type, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError, IsADirectoryError, PermissionError):
        found = None
    if not _is_one(found, kind) or found["name"] != name:
        with contextlib.suppress(OSError):  # another process set it aside, or the folder can't be written
            path.replace(path.with_name(f"{path.name}.corrupt"))
        return None
    return dict(found)


_IS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int and 0 <= value < 2**31,
    "bool": lambda value: isinstance(value, bool),
    "float": lambda value: type(value) in (int, float) and math.isfinite(value),
    "str | None": lambda value: value is None or isinstance(value, str),
    "int | None": lambda value: value is None or _IS["int"](value),
    "Restart": lambda value: value in ("always", "never"),
    "tuple[str, ...]": lambda value: isinstance(value, list) and value != [] and _all_text(value),
    "dict[str, str]": lambda value: isinstance(value, dict) and _all_text(value.values()),
}
"""Checks by the type as written above: importing a library for it would cost the supervisor too much."""


def _is_one(found: Any, kind: type) -> bool:
    expected = {entry.name: _IS[str(entry.type)] for entry in fields(kind)}
    if not isinstance(found, dict) or not found.keys() <= expected.keys():
        return False
    try:
        kind(**found)
    except TypeError:
        return False
    return all(expected[key](value) for key, value in found.items())


def _all_text(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, json.dumps(document))


def write_atomically(path: Path, text: str) -> None:
    """Write so that a reader, or a kill at any time, finds the old content or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _birth_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def _boot_id() -> str:
    global _BOOT_ID  # noqa: PLW0603 - one file read per process
    if not _BOOT_ID:
        _BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return _BOOT_ID


_BOOT_ID = ""
