"""The stand-in for the official `postgres` image: Debian's server behind an entrypoint of the same contract.

Stands in for: uid and gid 999, PGDATA, the POSTGRES_* variables and their `_FILE` forms, refusal without a
password, the init folder, a first server on a Unix socket alone. Not: locales; and the first password, which
has to be ASCII, is hashed once where Postgres does it 4096 times. Dagster connects for each query, and those
rounds were half of what that cost, on both sides.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.images.archive import PATH, Settings
from tests.cluster.images.debian import debian, inside

VERSION = "15"
"""Debian's version, so that the name is true."""
NAME = f"docker.io/library/postgres:{VERSION}"
DATA = "/var/lib/postgresql/data"
ENTRYPOINT = Path(__file__).parent / "docker-entrypoint.sh"
SETTINGS = Settings(
    entrypoint=("docker-entrypoint.sh",),
    command=("postgres",),
    env=(
        f"PATH={PATH}:/usr/lib/postgresql/{VERSION}/bin",
        f"PGDATA={DATA}",
        "LANG=C.UTF-8",
        f"PG_MAJOR={VERSION}",
    ),
    volumes=(DATA,),
)


def build(root: Path) -> None:
    debian(root, [f"postgresql-{VERSION}", "util-linux"])
    for left in ("var/lib/postgresql", "etc/postgresql", "var/run/postgresql", "run/postgresql"):
        shutil.rmtree(root / left, ignore_errors=True)
    inside(root, "groupmod", "--gid", "999", "postgres")
    inside(root, "usermod", "--uid", "999", "--gid", "999", "--home", "/var/lib/postgresql", "postgres")
    for folder, mode in (("/var/lib/postgresql", "755"), (DATA, "777"), ("/var/run/postgresql", "3777")):
        inside(root, "mkdir", "-p", folder)
        inside(root, "chown", "postgres:postgres", folder)
        inside(root, "chmod", mode, folder)
    inside(root, "mkdir", "/docker-entrypoint-initdb.d")
    sample = root / "usr/share/postgresql" / VERSION / "postgresql.conf.sample"
    sample.write_text(sample.read_text() + "\nlisten_addresses = '*'\n")
    target = root / "usr/local/bin/docker-entrypoint.sh"
    shutil.copyfile(ENTRYPOINT, target)
    target.chmod(0o755)
