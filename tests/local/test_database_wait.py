"""What waits for a deployment's database, beside a real Postgres in which that is made meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.render.waiting import RESOURCES, WAIT_TO_BE_LET_IN
from tests.asking import eventually
from tests.postgres import a_server, made
from tests.session.deadlines import stretched
from tests.session.needs import POSTGRES, lacking, refuse

WORD = "a-word-of-the-deployment"
ROOM = 64 * 1024
"""KiB, as the container has."""


@pytest.fixture
def data() -> Iterator[Path]:
    if lacking(POSTGRES):
        refuse(POSTGRES)
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    yield made(folder)
    shutil.rmtree(folder)


def test_a_pod_waits_until_its_database_lets_it_in_and_says_so_without_the_password(
    data: Path, tmp_path: Path
) -> None:
    """A deploy makes role and database after Postgres is up, when the pods may be there already."""
    assert RESOURCES.limits["memory"] == f"{ROOM // 1024}Mi"
    told = tmp_path / "told"
    with a_server(data) as server, told.open("wb") as log:
        where = {"HOST": "127.0.0.1", "PORT": str(server.port), "USER": "deployment_next"}
        own = {**where, "DATABASE": "deployment_next", "PASSWORD": WORD}
        variables = {f"DAGSTER_PG_{name}": value for name, value in own.items()}
        words = [sys.executable, "-c", WAIT_TO_BE_LET_IN, '{"connect_timeout": 5}']
        process = subprocess.Popen(words, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            eventually("the role to be missed", lambda: "password authentication failed" in told.read_text())
            server.sql(f"CREATE ROLE deployment_next LOGIN PASSWORD '{WORD}'")
            eventually("the database to be missed", lambda: "does not exist" in told.read_text())
            most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            server.sql("CREATE DATABASE deployment_next OWNER deployment_next")
            status = process.wait(stretched(60))
        finally:
            process.kill()
    lines = told.read_text().splitlines()
    assert status == 0, lines
    first = f"waiting until the database deployment_next at 127.0.0.1:{server.port} lets deployment_next in: "
    assert lines[0].startswith(first)
    assert len(lines) == 3, "each reason once"
    assert lines[-1].endswith("answers deployment_next")
    assert WORD not in told.read_text()
    assert most is not None
    assert int(most[1]) < ROOM
