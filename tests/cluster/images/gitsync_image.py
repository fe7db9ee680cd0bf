"""The image of the git-sync stand-in: git, ssh, curl, grep, sed and bash as sh; no coreutils."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.binaries import program
from tests.cluster.images.archive import Settings
from tests.cluster.images.debian import debian, inside
from tests.cluster.places import HERE

NAME = "registry.k8s.io/git-sync/git-sync:v4.2.4"
SOURCES = HERE / "images" / "gitsync"
UID = 65533
SETTINGS = Settings(
    entrypoint=("/git-sync",), user=f"{UID}:{UID}", workdir="/tmp", env=("HOME=/tmp", *Settings().env)
)


def build(root: Path) -> None:
    debian(root, ["git", "openssh-client", "curl", "ca-certificates"])
    inside(root, "ln", "-sf", "bash", "/bin/sh")
    inside(root, "groupadd", "--gid", str(UID), "git-sync")
    inside(root, "useradd", "--uid", str(UID), "--gid", str(UID), "--home-dir", "/tmp", "git-sync")
    (compiled,) = program(SOURCES).iterdir()
    shutil.copy(compiled, root / "git-sync")
    listed = (root / "var/lib/dpkg/info/coreutils.list").read_text().split()
    for path in listed:
        if path.startswith(("/bin/", "/usr/bin/", "/usr/sbin/")):
            (root / path.lstrip("/")).unlink(missing_ok=True)
