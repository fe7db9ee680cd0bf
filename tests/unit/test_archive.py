"""This project's own code as it is sent to a cluster: small, the same every time, and enough."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from playground_ops.config import OPS
from playground_ops.render.names import SOURCE_FILE
from playground_ops.targets.kubernetes.releases.archive import archive, name_of, revision

ROOT = Path(__file__).parents[2]
LARGEST = 400_000
"""Bytes: a ConfigMap holds a million, of which base64 takes a third. Every change makes another one."""


def unpacked(folder: Path, project: Path = ROOT) -> Path:
    data = base64.b64decode(archive(project, "x")["binaryData"][SOURCE_FILE])
    assert len(data) < LARGEST
    with tarfile.open(fileobj=BytesIO(data)) as found:
        found.extractall(folder)
    return folder


def test_it_is_the_same_every_time_and_made_of_itself(tmp_path: Path) -> None:
    inside = unpacked(tmp_path)
    assert archive(ROOT, "x") == archive(ROOT, "x")
    assert name_of(inside) == name_of(ROOT)
    assert revision(OPS, inside) == revision(OPS, ROOT)
    assert archive(inside, "x") == archive(ROOT, "x")


def test_what_ops_imports_is_in_it(tmp_path: Path) -> None:
    inside = unpacked(tmp_path)
    modules = [
        "playground.definitions",
        "playground_ops.definitions",
        "playground_ops.bootstrap",
        "playground_ops.targets.kubernetes.target",
        "playground_ops.targets.kubernetes.inside.serving",
    ]
    text = f"import {', '.join(modules)}; print(playground_ops.__file__)"
    environ = {**os.environ, "PYTHONPATH": str(inside)}
    ended = subprocess.run(
        [sys.executable, "-c", text], env=environ, cwd=inside, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().startswith(str(inside))


def test_every_file_is_in_it_as_it_is(tmp_path: Path) -> None:
    inside = unpacked(tmp_path)
    for file in sorted(inside.rglob("*.py")):
        assert file.read_bytes() == (ROOT / file.relative_to(inside)).read_bytes()


def test_what_is_done_from_outside_is_not_in_it(tmp_path: Path) -> None:
    inside = unpacked(tmp_path) / "playground_ops/targets"
    assert (inside / "kubernetes/inside/serving.py").exists()
    assert not (inside / "kubernetes/outside").exists()
    assert not (inside / "local").exists()
