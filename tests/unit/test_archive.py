"""This project's own code as it travels into a cluster: small, the same every time, and enough."""

from __future__ import annotations

import ast
import base64
import gc
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from playground_ops.config import OPS
from playground_ops.render.names import SOURCE_FILE
from playground_ops.targets.kubernetes.releases import docstrings
from playground_ops.targets.kubernetes.releases.archive import archive, name_of, revision

ROOT = Path(__file__).parents[2]
LARGEST = 160_000
"""Bytes: a ConfigMap holds a million, and every change of this project makes another one."""


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


class Garbage:
    """Collected in the midst of whatever allocates, it lets other threads have a go."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(3):
            str(self)


def test_several_threads_may_make_it_at_once() -> None:
    """As deploys do that roll out several locations; Python 3.11 raised SystemError."""
    sources = [file.read_bytes() for file in sorted((ROOT / "playground_ops").rglob("*.py"))[:40]]

    def strip(_: int) -> list[bytes]:
        found = []
        for source in sources:
            Garbage()
            found.append(docstrings.without("playground_ops/a.py", source))
        return found

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as threads:
            made = list(threads.map(strip, range(6)))
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
    assert all(one == made[0] for one in made)


def test_it_has_no_docstrings_but_those_that_people_see_and_every_line_in_its_place(tmp_path: Path) -> None:
    inside = unpacked(tmp_path)
    for name in (
        "playground_ops/engine/rollout.py",
        "playground_ops/core/target.py",
        "playground_ops/core/model.py",
    ):
        ours, theirs = (lines_of_names(folder / name) for folder in (ROOT, inside))
        assert ours == theirs
        assert len((inside / name).read_bytes()) < len((ROOT / name).read_bytes())
    shown = "playground_ops/cli/location_commands.py"
    assert (inside / shown).read_bytes() == (ROOT / shown).read_bytes()


def lines_of_names(file: Path) -> list[tuple[str, int]]:
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Name, ast.Raise)
    found = (node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, kinds))
    return [(getattr(node, "name", getattr(node, "id", "")) or "", node.lineno) for node in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b'"""Alone."""\n', b"...\n"),
        (b'"""Of a module\n\nthat is long."""\n\nx = 1\n"""Of x."""\n', b"\n\n\n\nx = 1\n\n"),
        (b'def f():\n    """Says."""\n    return 1\n', b"def f():\n\n    return 1\n"),
        (b'class A:\n    """Only\n    this."""\n', b"class A:\n    ...\n\n"),
        (b'x = "no docstring"\n', b'x = "no docstring"\n'),
    ],
)
def test_docstrings_go(source: bytes, expected: bytes) -> None:
    assert docstrings.without("playground_ops/x.py", source) == expected
