"""Helm for comparison, where it is on the PATH: the very objects that `generate` writes, as a chart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.access import Access
from tests.kubernetes.stacks import ROOT

PROGRAM = shutil.which("helm")
CHART = "apiVersion: v2\nname: measured\nversion: 1.0.0\n"


def chart(config: Path, folder: Path) -> Path:
    """Write a chart without the namespace, which Helm makes itself, and the Job, which no deploy has."""
    templates = folder / "templates"
    folder.mkdir()
    (folder / "Chart.yaml").write_text(CHART)
    command = ["-m", "playground_ops", "generate", "--config", str(config), "--output", str(templates)]
    seconds([sys.executable, *command])
    (templates / "5-releases.yaml").unlink()
    for file in templates.iterdir():
        documents = file.read_text().split("\n---\n")
        kept = "\n---\n".join(one for one in documents if "\nkind: Namespace\n" not in f"\n{one}")
        # What looks like a Helm template is plain text here: CEL has braces too.
        file.write_text(kept.replace("{{", '{{ "{{" }}'))
    return folder


def seconds(command: Sequence[str], access: Access | None = None, ends: Sequence[int] = (0,)) -> float:
    """Measure a complete process. Raises RuntimeError with its stderr for other exit codes than `ends`."""
    began = time.perf_counter()
    environ = access.environ if access else os.environ
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if ended.returncode not in ends:
        raise RuntimeError(ended.stderr)
    return time.perf_counter() - began


def upgrade(access: Access, chart_folder: Path, namespace: str, *more: str) -> float:
    """Measure `helm upgrade --install` as a complete process."""
    command = [str(PROGRAM), "upgrade", "--install", "measured", str(chart_folder), "-n", namespace, *more]
    return seconds(command, access)


def template(chart_folder: Path) -> float:
    return seconds([str(PROGRAM), "template", "measured", str(chart_folder)])
