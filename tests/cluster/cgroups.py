"""Control groups of the cluster's nodes: made, measured, and removed with whatever still runs in them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.places import instance

ROOT = Path("/sys/fs/cgroup")
NAME = f"playground-cluster{instance()}"
WEIGHT = 6
"""The weight of all nodes together, where one process beside them has 1: about as many processes are busy in
there when a stack comes up. With a weight of 1, a group's default, a pod starves as soon as a few run
outside.
"""


def unified() -> bool:
    """Return whether it is version 2: one hierarchy instead of one per controller."""
    return (ROOT / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    if unified():
        return [ROOT]
    return [path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


def make(node: str) -> list[Path]:
    """Make the groups of a node, with its pods' below. Returns those for the node's own processes."""
    return [_make_in(hierarchy, node) for hierarchy in hierarchies()]


def _make_in(hierarchy: Path, node: str) -> Path:
    folder = hierarchy / NAME / node
    system = folder / "system"
    system.mkdir(parents=True, exist_ok=True)
    if unified():
        for parent in (ROOT, ROOT / NAME, folder):
            known = (parent / "cgroup.controllers").read_text().split()
            (parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in known))
        (ROOT / NAME / "cpu.weight").write_text(str(100 * WEIGHT))
    elif hierarchy.name == "cpu":
        (hierarchy / NAME / "cpu.shares").write_text(str(1024 * WEIGHT))
    elif hierarchy.name == "cpuset":
        for below in (hierarchy / NAME, folder, system):
            for file in ("cpuset.cpus", "cpuset.mems"):
                (below / file).write_text((hierarchy / file).read_text())
    return system


def processes() -> Iterator[int]:
    """Yield the host process ids in the cluster's groups."""
    for hierarchy in hierarchies():
        for file in (hierarchy / NAME).rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                yield from (int(line) for line in file.read_text().split())


def kill_all() -> None:
    for pid in set(processes()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def remove() -> bool:
    """Remove the deepest groups first. Returns False while a process is still ending."""
    for hierarchy in hierarchies():
        top = hierarchy / NAME
        for folder in sorted(top.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            top.rmdir()
    return not any((hierarchy / NAME).exists() for hierarchy in hierarchies())


@dataclass(frozen=True)
class Usage:
    memory_bytes: int
    """The working set, as kubelet counts it: usage without the inactive file cache."""
    cpu_seconds: float
    processes: int


def usage(pod_uid: str) -> Usage:
    """Return what all containers of a pod use now. Raises FileNotFoundError when it has no group."""
    if unified():
        folder = _group(ROOT, pod_uid)
        cpu = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        used, seconds = int((folder / "memory.current").read_text()), int(cpu["usage_usec"]) / 1e6
        idle, counted = _memory_stat(folder)["inactive_file"], folder
    else:
        memory, counted = _group(ROOT / "memory", pod_uid), _group(ROOT / "pids", pod_uid)
        used = int((memory / "memory.usage_in_bytes").read_text())
        seconds = int((_group(ROOT / "cpuacct", pod_uid) / "cpuacct.usage").read_text()) / 1e9
        idle = _memory_stat(memory)["total_inactive_file"]
    return Usage(max(0, used - idle), seconds, int((counted / "pids.current").read_text()))


def _memory_stat(folder: Path) -> dict[str, int]:
    rows = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return {name: int(value) for name, value in rows}


def _group(hierarchy: Path, pod_uid: str) -> Path:
    for folder in (hierarchy / NAME).glob(f"*/kubepods/**/pod{pod_uid}"):
        return folder
    raise FileNotFoundError(f"no control group of pod {pod_uid} below {hierarchy / NAME}")
