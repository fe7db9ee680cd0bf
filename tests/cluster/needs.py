"""What a machine must have to run the cluster, in one sentence where it hasn't."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

TOOLS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "tc": "iproute2",
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "git": "git",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
}
"""The Debian package of each command."""
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def missing() -> str:
    """Return why no cluster can run here; empty when one can."""
    if platform.system() != "Linux":
        return f"the test cluster needs Linux, this is {platform.system()}: give --kube-context NAME"
    if os.geteuid() != 0:
        return "the test cluster needs root (namespaces, mounts): run as root, or give --kube-context NAME"
    packages = {package for tool, package in TOOLS.items() if shutil.which(tool, path=path()) is None}
    if not any((folder / "ptp").exists() for folder in CNI_FOLDERS):
        packages.add("containernetworking-plugins")
    if packages:
        return f"the test cluster needs packages: apt-get install {' '.join(sorted(packages))}"
    return ""


def path() -> str:
    """Return where commands are searched: an ordinary PATH may lack the administrator's folders."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def tool(name: str) -> str:
    """Return its full path. Raises FileNotFoundError."""
    found = shutil.which(name, path=path())
    if found is None:
        raise FileNotFoundError(f"{name} is not installed (Debian package {TOOLS.get(name, name)})")
    return found


def cni_folder() -> Path:
    return next(folder for folder in CNI_FOLDERS if (folder / "ptp").exists())
