"""Makes an image of another image and some files above it, like a location's own image."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path


def layered(out: Path, base: Path, name: str, files: dict[str, str]) -> None:
    """Write the image that is `base` (an archive that `write` made) and above it `files`: text by path."""
    above = io.BytesIO()
    with tarfile.open(fileobj=above, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, text in sorted(files.items()):
            _add(tar, path.lstrip("/"), text.encode())
    with tarfile.open(base) as below, tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        (manifest,) = json.loads(_read(below, "manifest.json"))
        config = json.loads(_read(below, manifest["Config"]))
        layer = hashlib.sha256(above.getvalue()).hexdigest()
        config["rootfs"]["diff_ids"].append(f"sha256:{layer}")
        whole = json.dumps(config).encode()
        named = f"{hashlib.sha256(whole).hexdigest()}.json"
        tar.addfile(below.getmember("layer.tar"), below.extractfile("layer.tar"))
        _add(tar, "above.tar", above.getvalue())
        _add(tar, named, whole)
        told = [{"Config": named, "RepoTags": [name], "Layers": ["layer.tar", "above.tar"]}]
        _add(tar, "manifest.json", json.dumps(told).encode())


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    found = tar.extractfile(name)
    assert found is not None, f"{name} is no file of the archive"
    return found.read()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    found = tarfile.TarInfo(name)
    found.size = len(data)
    tar.addfile(found, io.BytesIO(data))
