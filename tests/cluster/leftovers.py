"""What the cluster could leave on the machine: recorded before and after, and compared."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.cluster import cgroups
from tests.cluster.machine import MARK
from tests.cluster.needs import tool
from tests.cluster.network import HOST_LINK
from tests.cluster.places import run_folder

SETTINGS = (
    "net",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys",
)
CHANGING = {"nf_conntrack_count", "random", "tcp_mem", "udp_mem", "xfrm_acq_expires"}
"""Readings, or values that the kernel changes by itself."""
FOLDERS = (
    "/run/netns",
    "/run/containerd",
    "/run/sshd",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/var/log/pods",
    "/etc/cni",
)
Seen = dict[str, set[str]]


def machine() -> Seen:
    """Return mounts, links, routes, rules, named network namespaces, settings and folders of this machine."""
    return {
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "links": set(_lines("ip", "-brief", "link")),
        "addresses": set(_lines("ip", "-brief", "addr")),
        "routes": set(_lines("ip", "route", "show", "table", "all")),
        "policies": set(_lines("ip", "rule")),
        "nftables": set(_lines("nft", "list", "ruleset")),
        "control groups": {str(path.relative_to(cgroups.ROOT)) for path in _groups()},
        "folders": {
            str(path) for name in FOLDERS for path in [Path(name), *Path(name).glob("*")] if path.exists()
        },
        "settings": set(_settings()),
    }


def difference(before: Seen, after: Seen) -> dict[str, list[str]]:
    """Return what was added and removed, by kind; empty when nothing was."""
    told = {}
    for kind, was in before.items():
        changes = [f"+ {line}" for line in sorted(after[kind] - was)]
        changes += [f"- {line}" for line in sorted(was - after[kind])]
        if changes:
            told[kind] = changes
    return told


def processes() -> list[str]:
    """Return this instance's processes: in its groups, or started by it or by what it started."""
    grouped = set(cgroups.processes())
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        mark = (process.info["environ"] or {}).get(MARK)
        if process.pid in grouped or mark == str(run_folder()):
            found.append(f"{process.pid} {' '.join(process.info['cmdline'] or [])}")
    return found


def of_this_instance() -> dict[str, list[str]]:
    """Return everything that exists of it; all empty when it is down."""
    text = "\n".join(_lines("ip", "route", "show", "table", "all"))
    mounts = Path("/proc/self/mountinfo").read_text()
    return {
        "processes": processes(),
        "mounts": [line for line in mounts.splitlines() if f"{run_folder()}/" in line],
        "control groups": [str(path) for path in _groups() if cgroups.NAME in path.parts],
        "links": [HOST_LINK] if (Path("/sys/class/net") / HOST_LINK).exists() else [],
        "routes": [line for line in text.splitlines() if HOST_LINK in line],
        "files": [str(run_folder())] if run_folder().exists() else [],
    }


def _groups() -> Iterator[Path]:
    for hierarchy in cgroups.hierarchies():
        for path in hierarchy.iterdir():
            if path.is_dir():
                yield path


def _lines(*command: str) -> list[str]:
    done = subprocess.run([tool(command[0]), *command[1:]], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def _settings() -> Iterator[str]:
    for name in SETTINGS:
        top = Path("/proc/sys") / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.name in CHANGING or CHANGING & set(path.parts) or not path.is_file():
                continue
            try:
                yield f"{path} = {path.read_text().strip()}"
            except OSError:
                continue  # write-only
