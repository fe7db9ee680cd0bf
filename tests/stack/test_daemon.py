"""The daemon stays up: the crash loop of the first version, by each of its causes, and the same without it.

The test starts the rendered container: its command, variables and ConfigMaps, below another folder. In a
cluster, with a database that comes late: tests/kubernetes/test_rendered.py.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import read
from playground_ops.render.daemon import LIVENESS
from playground_ops.render.names import DAEMON
from playground_ops.render.stack import render
from playground_ops.render.waiting import waiting
from playground_ops.targets.packages.uv import find_uv
from tests.asking import eventually
from tests.session.deadlines import stretched
from tests.stacks import ROOT, free_port

SQLALCHEMY = "2.1.9"
"""From 2.1 on a URL `postgresql://` means the driver psycopg, which dagster-postgres does not install."""
BIN = Path(sys.executable).parent
LONGEST_SECONDS = 90


@dataclass
class Container:
    """A container as rendered, with this folder in place of `/opt/dagster`."""

    folder: Path
    command: list[str]
    variables: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def file(self, name: str) -> Path:
        (found,) = self.folder.glob(f"*/{name}")
        return found

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the instance's settings."""
        path = self.file("dagster.yaml")
        settings = yaml.safe_load(path.read_text())
        change(settings)
        path.write_text(yaml.safe_dump(settings))

    def start(self, *command: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DAGSTER_")}
        found = subprocess.Popen(
            command or self.command,
            cwd=self.folder,
            env={**kept, **self.variables, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(found)
        return found

    def ended(self) -> tuple[int, str]:
        """Return exit code and output of a daemon that does not stay up."""
        found = self.start()
        said, _ = found.communicate(timeout=LONGEST_SECONDS)
        return found.returncode, said


@pytest.fixture
def port() -> int:
    """A port on which nothing listens, until a test does."""
    return free_port()


@pytest.fixture
def daemon(tmp_path: Path, port: int) -> Iterator[Container]:
    text = f"postgres: {{external: {{host: 127.0.0.1, port: {port}}}, password_secret: mine}}"
    rendered = render(read(text, ROOT / "configvalues.yaml"))
    (deployment,) = [one for one in rendered["daemon"] if one["metadata"]["name"] == DAEMON]
    spec = deployment["spec"]["template"]["spec"]
    (main,) = spec["containers"]
    place = str(tmp_path / "dagster")

    def here(value: str) -> str:
        return value.replace("/opt/dagster", place)

    maps = {
        one["metadata"]["name"]: one["data"]
        for objects in rendered.values()
        for one in objects
        if one["kind"] == "ConfigMap"
    }
    volumes = {one["name"]: one for one in spec["volumes"]}
    for mount in main["volumeMounts"]:
        folder = Path(here(mount["mountPath"]))
        folder.mkdir(parents=True, exist_ok=True)
        source = volumes[mount["name"]].get("configMap")
        for name, content in maps[source["name"]].items() if source else ():
            (folder / name).write_text(here(content))
    variables = {one["name"]: here(one.get("value", "of-a-secret")) for one in main["env"]}
    command = [here(word) for word in (*main["command"], *main["args"])]
    made = Container(Path(place), command, {**variables, "HOME": str(tmp_path)})
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def sqlalchemy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a later SQLAlchemy than this project's."""
    folder = tmp_path_factory.mktemp("sqlalchemy")
    wanted = ["--target", str(folder), "--no-deps", f"sqlalchemy=={SQLALCHEMY}"]
    command = [find_uv("sqlalchemy"), "pip", "install", "--no-config", "--python", sys.executable, *wanted]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=stretched(240), check=False)
    if ended.returncode != 0:
        reason = f"SQLAlchemy {SQLALCHEMY} could not be installed: {ended.stderr[-2000:]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(folder)


def without_a_database_of_its_own(settings: dict[str, Any]) -> None:
    """Use SQLite: these tests are about everything else."""
    del settings["storage"]


def test_without_a_workspace_it_ends_at_once(daemon: Container) -> None:
    daemon.edit(without_a_database_of_its_own)
    at = daemon.command.index("-w")
    del daemon.command[at : at + 2]
    code, said = daemon.ended()
    assert (code, "No arguments given" in said) == (2, True), said


def test_without_its_file_it_ends_at_once(daemon: Container) -> None:
    daemon.file("workspace.yaml").unlink()
    code, said = daemon.ended()
    assert (code, "does not exist" in said) == (2, True), said


def test_without_a_scheme_it_asks_for_a_driver_that_is_not_there(daemon: Container, sqlalchemy: str) -> None:
    daemon.variables["PYTHONPATH"] = sqlalchemy
    daemon.edit(lambda settings: settings["storage"]["postgres"]["postgres_db"].pop("scheme"))
    code, said = daemon.ended()
    assert (code, "No module named 'psycopg'" in said) == (1, True), said


def test_as_rendered_it_has_its_driver_and_without_a_database_it_ends(
    daemon: Container, sqlalchemy: str
) -> None:
    daemon.variables["PYTHONPATH"] = sqlalchemy
    code, said = daemon.ended()
    assert "psycopg2" in said
    assert "No module named" not in said
    assert (code, "too many retries for DB connection" in said) == (1, True), said


def test_its_pod_waits_for_the_database_and_says_so(daemon: Container, port: int) -> None:
    text = f"postgres: {{external: {{host: 127.0.0.1, port: {port}}}, password_secret: mine}}"
    found = read(text, ROOT / "configvalues.yaml")
    waits = daemon.start(*waiting(found, "any", found.daemon.pod)["command"])
    assert waits.stdout is not None
    assert waits.stdout.readline().startswith(f"waiting for the database at 127.0.0.1:{port}: ")
    assert waits.poll() is None
    with socket.create_server(("127.0.0.1", port)):
        said, _ = waits.communicate(timeout=LONGEST_SECONDS)
    assert (waits.returncode, said) == (0, f"the database at 127.0.0.1:{port} answers\n")


def test_as_rendered_it_stays_up_though_no_code_server_answers(daemon: Container) -> None:
    daemon.edit(without_a_database_of_its_own)
    process = daemon.start()
    assert process.stdout is not None
    said = next((line for line in process.stdout if "configured with the following daemons" in line), "")
    assert said, "it ended before its tables were made (a probe at that moment would make them too)"

    def alive() -> bool:
        """Return whether it is alive, by the probe that its pod has."""
        assert process.poll() is None, process.communicate()[0]
        return daemon.start(*LIVENESS).wait(LONGEST_SECONDS) == 0

    eventually("the daemon's first heartbeats", alive, every_seconds=0.5)
    assert process.poll() is None
    assert (Path(daemon.variables["DAGSTER_HOME"]) / "dagster.yaml").is_symlink()
