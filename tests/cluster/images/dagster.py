"""The stand-in for the official `dagster/dagster-k8s` image: Debian's Python and the pinned packages.

As there: `python` with pip on the PATH, no git, no compiler, no uv, root as the default user.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.cluster.images.archive import Settings
from tests.cluster.images.debian import debian, inside

ROOT = Path(__file__).parents[3]
CONSTRAINTS = ROOT / "constraints.txt"
PYTHON = "3.11"
PACKAGES = ("dagster", "dagster-webserver", "dagster-graphql", "dagster-postgres", "dagster-aws", "pip==26.3")
"""With their dependencies, and dagster-k8s: kubernetes, pyyaml, pydantic, click, rich, requests, psycopg2.
The official image also has dagster-aws, dagster-gcp and dagster-azure; this one has one of these."""
SETTINGS = Settings(command=("python3",))


def version(package: str = "dagster") -> str:
    """Return the pinned version."""
    found = re.search(rf"^{package}==(\S+)", CONSTRAINTS.read_text(), re.MULTILINE)
    assert found is not None, f"{CONSTRAINTS} does not pin {package}"
    return found[1]


def name() -> str:
    return f"docker.io/dagster/dagster-k8s:{version()}"


def build(root: Path) -> None:
    debian(root, ["python3", "ca-certificates"])
    packages = root / "usr/local/lib" / f"python{PYTHON}" / "dist-packages"
    subprocess.run(
        [
            *("uv", "pip", "install", "--quiet", "--target", str(packages)),
            *("--python-version", PYTHON, "--python-platform", "linux"),
            *("--only-binary", ":all:", "--constraints", str(CONSTRAINTS)),
            *PACKAGES,
            f"dagster-k8s=={version('dagster-postgres')}",  # has the same version number
        ],
        check=True,
    )
    commands = root / "usr/local/bin"
    for script in (packages / "bin").iterdir():
        text = script.read_bytes()
        if text.startswith(b"#!"):
            first, rest = text.split(b"\n", 1)
            target = commands / script.name
            target.write_bytes(b"#!/usr/local/bin/python\n" + rest if b"python" in first else text)
            target.chmod(0o755)
    (commands / "python").symlink_to("/usr/bin/python3")
    (commands / "python3").symlink_to("/usr/bin/python3")
    inside(root, "python3", "-m", "compileall", "-q", "-j", "2", f"/{packages.relative_to(root)}")
