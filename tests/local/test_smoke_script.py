"""The smoke script against real definitions, of every form that a code server loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import Location, Release, Revision
from playground_ops.targets.common.smoke import SCRIPT, SmokeTest
from tests.session.deadlines import stretched

COMMON = """\
import dagster as dg

@dg.op
def probe() -> None:
    print("the job ran")

@dg.job
def smoke() -> None:
    probe()

@dg.asset
def total() -> None: ...

@dg.asset_check(asset=total)
def is_positive() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed={passed}, description="the total is -1")
"""
DEFINITIONS = "dg.Definitions(assets=[total], asset_checks=[is_positive], jobs=[smoke])"
FILES = {
    "plain.py": f"{COMMON.format(passed=True)}\ndefs = {DEFINITIONS}\n",
    "bad.py": f"{COMMON.format(passed=False)}\ndefs = {DEFINITIONS}\n",
    "lazy.py": f"{COMMON.format(passed=True)}\n@dg.definitions\ndef defs():\n    return {DEFINITIONS}\n",
    "repositories.py": COMMON.format(passed=True)
    + "\n@dg.repository\ndef sales():\n    return [smoke, total]\n"
    + "\n@dg.repository\ndef costs():\n    return [total, is_positive]\n",
    "alone.py": "import dagster as dg\n\n@dg.job\ndef smoke() -> None: ...\n",
    "several.py": f"{COMMON.format(passed=True)}\none = {DEFINITIONS}\nother = dg.Definitions()\n",
    "pyproject.toml": '[tool.dg.project]\nroot_module = "folder"\n',
    "folder/__init__.py": "",
    "folder/defs/__init__.py": "",
    "folder/defs/numbers.py": COMMON.format(passed=True),
    "taken.py": "raise OSError('port 7000 is taken')\n",
}

# Importing Dagster takes most of the time: one process does it for all cases.
FORKING = """\
import json, os, sys
import dagster, dagster._grpc.server, dagster._utils.test.definitions, dagster.components

script, folder = sys.argv[1:3]
os.chdir(folder)
with dagster.DagsterInstance.get() as instance:
    instance.get_runs(limit=1)
for name, arguments in json.load(sys.stdin).items():
    child = os.fork()
    if not child:
        output = os.open(name + ".log", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["-c", *arguments]
        sys.path[0] = ""
        exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})
        sys.exit(0)
    print(json.dumps([name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]), flush=True)
"""
JOB, CHECK = ("job", "smoke"), ("check", "total:is_positive")
MODULE, AUTOLOAD = "--module-name", "--autoload-defs-module-name"
WELL: Mapping[str, tuple[tuple[str, ...], tuple[str, str]]] = {
    "a job of lazy definitions": ((MODULE, "lazy"), JOB),
    "a check of another repository": ((MODULE, "repositories"), CHECK),
    "a job without any Definitions": ((MODULE, "alone"), JOB),
    "a job of a folder": ((AUTOLOAD, "folder.defs"), JOB),
}
CASES = {
    **WELL,
    "a check that fails": ((MODULE, "bad"), CHECK),
    "a job of another name": ((MODULE, "plain"), ("job", "smokes")),
    "a check of another name": (("--python-file", "plain.py"), ("check", "total:positive")),
    "a job of another attribute": ((MODULE, "several", "--attribute", "other"), JOB),
    "what loads once": ((MODULE, "taken"), JOB),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[int, str]]:
    """Return exit code and output of each case."""
    folder = tmp_path_factory.mktemp("smoke")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    asked = {name: [*what, "-d", str(folder), *test, "a-1"] for name, (what, test) in CASES.items()}
    done = subprocess.run(
        [sys.executable, "-c", FORKING, SCRIPT, str(folder)],
        input=json.dumps(asked),
        env={**os.environ, "DAGSTER_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=stretched(60),
    )
    codes = dict(json.loads(line) for line in done.stdout.splitlines())
    return {name: (code, (folder / f"{name}.log").read_text()) for name, code in codes.items()}


def finding(ended: Mapping[str, tuple[int, str]], name: str) -> Finding:
    code, output = ended[name]
    assert code != 0, output
    location, revision = Location(name="a"), Revision(repository=None, commit="0" * 40)
    release = Release(location=location, number=1, revision=revision, configuration="", created_at="")
    return SmokeTest(release, *CASES[name][1]).failed(output)


@pytest.mark.parametrize("name", WELL)
def test_it_loads_what_the_server_loads(ended: Mapping[str, tuple[int, str]], name: str) -> None:
    code, output = ended[name]
    assert code == 0, output
    assert "RUN_SUCCESS" in output, "it was recorded like any run"


def test_a_check_that_does_not_pass_says_why(ended: Mapping[str, tuple[int, str]]) -> None:
    found = finding(ended, "a check that fails")
    assert found.kind is FindingKind.CERTAIN
    assert "the total is -1" in found.observed


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("a job of another name", "There is smoke."),
        ("a check of another name", "There is total:is_positive."),
        ("a job of another attribute", "There is none."),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    ended: Mapping[str, tuple[int, str]], name: str, there: str
) -> None:
    found = finding(ended, name)
    assert found.kind is FindingKind.CERTAIN
    assert CASES[name][1][1] in found.observed
    assert there in found.cause


def test_what_the_server_could_load_is_not_held_against_the_code(
    ended: Mapping[str, tuple[int, str]],
) -> None:
    found = finding(ended, "what loads once")
    assert found.kind is FindingKind.TRANSIENT
    assert "port 7000 is taken" in found.observed
    assert "playground smoke" not in found.evidence
