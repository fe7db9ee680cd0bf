"""Writes a root file system as an image archive for `ctr images import` (docker-archive form)."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Settings:
    """How the image is run."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = (f"PATH={PATH}",)
    user: str = ""
    workdir: str = "/"
    volumes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        return {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": list(self.env),
            "User": self.user,
            "WorkingDir": self.workdir,
            "Volumes": {name: {} for name in self.volumes},
        }


def write(out: Path, name: str, root: Path, settings: Settings) -> None:
    """Write `root` as the image `name` with one layer. Devices and special files are left out."""
    layer = out.with_suffix(".layer")
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(root, arcname=".", filter=_plain)
    config = json.dumps(
        {
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": settings.document(),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, config_name, config)
        tar.add(layer, arcname="layer.tar")
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    layer.unlink()


def _plain(found: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if found.isdev() else found


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    found = tarfile.TarInfo(name)
    found.size = len(data)
    tar.addfile(found, io.BytesIO(data))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
