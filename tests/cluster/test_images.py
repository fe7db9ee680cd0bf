"""The images behave in pods like the real ones whose names they have."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.images import dagster, gitsync_image, postgres
from tests.cluster.pods import a_pod, ended, inside, ready, run

pytestmark = pytest.mark.soak
POSTGRES = 999


def test_dagster_is_the_pinned_one_and_has_no_git(access: Access, namespace: str) -> None:
    look = """
import importlib.metadata as m, shutil, sys
for name in ("dagster", "dagster-webserver", "dagster-postgres", "dagster-k8s", "kubernetes", "sqlalchemy"):
    print(f"{name}=={m.version(name)}")
import dagster_postgres, dagster_k8s, psycopg2, yaml, click, rich, requests
print([name for name in ("git", "ssh", "curl", "gcc") if shutil.which(name)])
"""
    code, said = run(access, namespace, "look", "python", "-c", look)
    assert code == 0, said
    *versions, tools = said.splitlines()
    assert tools == "[]"
    pinned = dagster.CONSTRAINTS.read_text().splitlines()
    pinned.append(f"dagster-k8s=={dagster.version('dagster-postgres')}")
    assert [line for line in versions if line not in pinned] == []
    code, said = run(access, namespace, "command", "dagster", "--version")
    assert (code, said.strip()) == (0, f"dagster, version {dagster.version()}")


def a_database(name: str, **environment: str) -> dict[str, Any]:
    folders: dict[str, Any] = {
        "run": ("/var/run/postgresql", {"emptyDir": {}}),
        "data": (postgres.DATA, {"emptyDir": {}}),
    }
    env = [{"name": key, "value": value} for key, value in environment.items()]
    folder = {"name": "PGDATA", "value": f"{postgres.DATA}/pgdata"}
    container = {"env": [folder, *env], "ports": [{"containerPort": 5432}]}
    return a_pod(name, image=postgres.NAME, user=POSTGRES, volumes=folders, container=container)


def test_postgres_wants_a_password(access: Access, namespace: str) -> None:
    access.apply(a_database("open"), namespace=namespace)
    code, said = ended(access, namespace, "open")
    assert code == 1
    assert "You must specify POSTGRES_PASSWORD" in said


def test_postgres_makes_the_user_and_the_database(access: Access, namespace: str) -> None:
    settings = {"POSTGRES_USER": "ada", "POSTGRES_DB": "stack", "POSTGRES_PASSWORD": "quite' \"secret$"}
    access.apply(a_database("db", **settings), a_pod("client", *WAIT), namespace=namespace)
    database = ready(access, namespace, "db")
    ready(access, namespace, "client")

    def answer(password: str) -> str:
        return inside(
            access,
            namespace,
            "client",
            f"""
import psycopg2
try:
    link = psycopg2.connect(host={database.address!r}, user="ada", dbname="stack", password={password!r})
    cursor = link.cursor()
    cursor.execute("select current_user, current_database()")
    print(*cursor.fetchone())
except psycopg2.OperationalError as error:
    print(error)
""",
        )

    eventually("it to answer", lambda: answer(settings["POSTGRES_PASSWORD"]) == "ada stack")
    assert "password authentication failed" in answer("wrong")
    assert settings["POSTGRES_PASSWORD"] not in access.kubectl("logs", "db", namespace=namespace)


WAIT = ("python", "-c", "import time; time.sleep(3600)")


def test_git_sync_has_git_ssh_and_bash_and_no_coreutils(access: Access, namespace: str) -> None:
    names = "git ssh curl grep sed bash cat ls cp python"
    look = f"for name in {names}; do type -P $name; done; echo $UID; sh --version"
    pod = a_pod("look", "bash", "-c", look, image=gitsync_image.NAME, user=gitsync_image.UID)
    access.apply(pod, namespace=namespace)
    code, said = ended(access, namespace, "look")
    assert code == 0
    found = re.findall(r"/(\w+)$", said, re.MULTILINE)
    assert found == ["git", "ssh", "curl", "grep", "sed", "bash"]
    assert f"\n{gitsync_image.UID}\n" in said
    assert "GNU bash" in said
