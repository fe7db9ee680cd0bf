"""What a pod with a release's code becomes, as real processes: where it starts and with which variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playground_ops.targets.kubernetes.inside.reporting import EXIT_CERTAIN
from tests.session.deadlines import stretched

OPS = Path(__file__).parents[2]
TELL = """\
import json, os, shutil, sys
import sales.definitions, helper
names = ("VIRTUAL_ENV", "PYTHONPATH", "FROM_FILE", "BOTH", "DAGSTER_HOME")
print(json.dumps({"cwd": os.getcwd(), "argv": sys.argv[1:], "python": shutil.which("python"),
                  "helper": helper.__file__, **{name: os.environ.get(name) for name in names}}))
"""
WITH_ENVIRONMENT = """\
import sys
from pathlib import Path
from playground_ops.targets.kubernetes.inside import serving

made, sys.argv = Path(sys.argv[1]), sys.argv[1:]
serving.own_environment = lambda: made
sys.exit(serving.main(sys.argv[1:]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with a `src` layout in a subdirectory, and what it reads beside it."""
    folder = tmp_path / "checkout"
    (folder / "project" / "src" / "sales").mkdir(parents=True)
    (folder / "project" / "src" / "sales" / "definitions.py").write_text("open('seed.csv').read()\n")
    (folder / "project" / "helper.py").touch()
    (folder / "project" / "seed.csv").touch()
    (folder / "project" / ".env").write_text("FROM_FILE=1\nBOTH=file\nDAGSTER_HOME=/nowhere\n")
    (folder / "project" / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "sales"\n')
    return folder


def ran(checkout: Path, *words: str, environment: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run what a pod runs, with `words` after the checkout and its subdirectory."""
    start: Sequence[str] = ("-m", "playground_ops.targets.kubernetes.inside.serving")
    if environment:
        start = ("-c", WITH_ENVIRONMENT, str(environment))
    pod = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(OPS),
        "BOTH": "configured",
        "DAGSTER_HOME": str(checkout.parent),
    }
    return subprocess.run(
        [sys.executable, *start, str(checkout), "--subdirectory", "project", *words],
        env={key: value for key, value in pod.items() if key != "VIRTUAL_ENV"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_it_starts_in_the_project_s_folder_with_src_on_the_path(checkout: Path) -> None:
    project = checkout / "project"
    found = told(ran(checkout, "--path", "/configured", "--script", TELL, "--", "job", "smoke"))
    assert found["cwd"] == str(project)
    assert found["PYTHONPATH"] == f"{project / 'src'}:{project}:/configured", "and nothing of the stack's"
    assert found["helper"] == str(project / "helper.py")
    assert found["argv"] == ["--module-name", "sales.definitions", "-d", str(project), "job", "smoke"]
    assert (found["FROM_FILE"], found["BOTH"]) == ("1", "configured")
    assert found["DAGSTER_HOME"] == str(checkout.parent)


def test_an_environment_of_its_own_is_the_active_one(checkout: Path, tmp_path: Path) -> None:
    made = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    done = ran(checkout, "--attribute", "defs", "--script", TELL, "--", "x", environment=made)
    found = told(done)
    assert found["python"] == str(made / "bin" / "python")
    assert found["VIRTUAL_ENV"] == str(made)
    assert found["argv"][2:4] == ["--attribute", "defs"]


def test_in_a_run_the_file_replaces_nothing_that_the_pod_was_given(checkout: Path) -> None:
    """Dagster's own command line reads `.env` once more, and would take DAGSTER_HOME from there."""
    command = (sys.executable, "-m", "dagster", "instance", "info")
    done = ran(checkout, "--run", "--", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(checkout.parent) in done.stdout
    alone = subprocess.run(
        command,
        env={**os.environ, "DAGSTER_HOME": str(checkout.parent)},
        cwd=checkout / "project",
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert "/nowhere" in alone.stdout + alone.stderr, "which is what Dagster does by itself"


def test_a_file_that_can_t_be_read_is_a_reason(checkout: Path) -> None:
    (checkout / "project" / ".env").write_bytes(b"\xff")
    done = ran(checkout, "--", "x")
    assert done.returncode == EXIT_CERTAIN
    assert json.loads(done.stdout.splitlines()[-1])["object"] == "file/project/.env"
