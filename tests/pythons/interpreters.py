"""The other Pythons that the project supports: where one is, and an environment of its packages for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.places import cached, key_of

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"
UV = str(Path(sys.executable).with_name("uv"))
DOWNLOAD_SECONDS = 120


def supported() -> list[str]:
    """Return the versions that pyproject.toml promises, such as `3.10`."""
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', PROJECT.read_text(), re.MULTILINE)
    assert found is not None, "requires-python is no range of versions of Python 3"
    return [f"3.{minor}" for minor in range(int(found[1]), int(found[2]))]


def others() -> list[str]:
    """Return those that this session does not run on."""
    return [one for one in supported() if one != f"3.{sys.version_info.minor}"]


def interpreter(version: str) -> Path | None:
    """Return a Python of that version that runs; pyenv's commands on the PATH may lead to none."""
    return next((one for one in _candidates(version) if _told_by(one) == version), None)


def _candidates(version: str) -> Iterator[Path]:
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(kept.glob(f"{version}.*/bin/python"), reverse=True)
    on_path = shutil.which(f"python{version}")
    yield from [Path(on_path)] if on_path else []
    asked = _uv("python", "find", "--no-python-downloads", "--managed-python", version)
    yield from [Path(asked.stdout.strip())] if asked.returncode == 0 else []


def _told_by(python: Path) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def download(version: str) -> str:
    """Let uv fetch it. Returns uv's words where it can't."""
    try:
        done = _uv("python", "install", "--no-bin", version, seconds=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return f"it takes uv more than {DOWNLOAD_SECONDS} s"
    return "" if done.returncode == 0 else " ".join(done.stderr.split()[-40:])


def environment(version: str, python: Path) -> Path:
    """Return a folder with the locked packages for it, made once. This project is not among them."""

    def make(folder: Path) -> None:
        frozen = ["--frozen"] if (ROOT / "uv.lock").exists() else []
        command = ("sync", "--quiet", "--no-install-project", *frozen, "--python", str(python))
        done = _uv(*command, UV_PROJECT_ENVIRONMENT=str(folder))
        assert done.returncode == 0, f"Python {version}: {done.stderr}"

    return cached("pythons", version, key_of(PROJECT.read_bytes(), str(python)), make)


def _uv(*arguments: str, seconds: float | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return subprocess.run(
        [UV, *arguments],
        cwd=ROOT,
        env={**environ, **more},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
