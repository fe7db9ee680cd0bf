"""The tests of values pass on each Python that the project supports.

What is left out of tests/unit asks other programs (processes, schemas, style), or Dagster, whose own tests
say on which Pythons it runs; or it is of documents and of text, and takes long.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.pythons.interpreters import ROOT, download, environment, interpreter, others

LEFT_OUT = frozenset(
    (
        *("archive", "cli_ends", "first_version_failures", "front_door_served", "house_rules", "imports"),
        *("last_rollout", "launchers", "moving", "pools", "produced", "render_valid"),
        *("artifacts_store", "awaited", "carrying", "defs", "reads", "watching"),
        *("cli_telling", "documents", "printable", "references", "render_deployments", "repeating", "schema"),
        *("address", "cli_widths", "collecting", "redact", "redact_forms"),
    )
)
SEEN = 2000
"""Fewer tests than there are: that all of them ran."""


def chosen() -> list[str]:
    files = sorted((ROOT / "tests/unit").glob("test_*.py"))
    return [f"tests/unit/{one.name}" for one in files if one.stem.removeprefix("test_") not in LEFT_OUT]


@pytest.mark.parametrize("version", others())
def test_the_pure_tests_pass_on(version: str) -> None:
    python = interpreter(version)
    if python is None and os.environ.get("CI") and not (why := download(version)):
        python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} is on this machine{f', and {why}' if os.environ.get('CI') else ''}")
    session = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [
            *(environment(version, python) / "bin/python", "-m", "pytest", "-o", "addopts=", "-q"),
            *("-p", "tests.pythons.sparing", "-p", "no:cacheprovider", "--tb=short", "-rfEs"),
            *("tests/pythons/modules.py", *chosen()),
        ],
        cwd=ROOT,
        env=session,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", done.stdout.splitlines()[-1])
    assert done.returncode == 0 and passed and int(passed[1]) > SEEN, f"Python {version}:\n{done.stdout}"
