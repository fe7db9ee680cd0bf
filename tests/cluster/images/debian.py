"""Root file systems from Debian packages."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.needs import tool

SUITE = "bookworm"
USELESS = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)


def debian(root: Path, packages: Sequence[str] = ()) -> None:
    """Make a minimal Debian with some packages, from debootstrap's own mirror.

    Raises RuntimeError with the log's end.
    """
    include = [f"--include={','.join(packages)}"] if packages else []
    done = subprocess.run(
        [tool("debootstrap"), "--variant=minbase", *include, SUITE, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = root / "debootstrap" / "debootstrap.log"
        end = log.read_text(errors="replace")[-3000:] if log.exists() else ""
        raise RuntimeError(f"debootstrap failed ({done.returncode}): {done.stdout[-1000:]}{done.stderr}{end}")
    for name in USELESS:
        shutil.rmtree(root / name, ignore_errors=True)


def inside(root: Path, *command: str) -> None:
    subprocess.run([tool("chroot"), str(root), *command], check=True, stdout=subprocess.DEVNULL)
