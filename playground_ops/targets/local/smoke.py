"""The location's own word on a candidate: a job or an asset check, run before the switch.

It runs in the release's own environment, as a process beside the candidate, and is recorded in the
instance like any run. The script below is given to that Python: it must run on every Dagster that a
project may have and knows nothing of this package.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from playground_ops.errors import Finding, FindingKind, RolloutFailed
from playground_ops.model import Release
from playground_ops.redact import redact
from playground_ops.targets.base import Say
from playground_ops.targets.local.folder import StateFolder

if TYPE_CHECKING:
    from playground_ops.targets.local.code import Code

TIMEOUT_SECONDS = 600

_SCRIPT = """
import importlib, sys
import dagster as dg

module, kind, name = sys.argv[1:4]
loaded = importlib.import_module(module)
found = [value for value in vars(loaded).values() if isinstance(value, dg.Definitions)]
if not found:
    found = [value() for value in vars(loaded).values() if type(value).__name__ == "LazyDefinitions"]
defs = found[0]
if kind == "job":
    job = defs.get_job_def(name) if hasattr(defs, "get_job_def") else defs.resolve_job_def(name)
else:
    asset, _, check = name.partition(":")
    key = dg.AssetCheckKey(dg.AssetKey(asset.split("/")), check)
    probe = dg.define_asset_job("playground_smoke", selection=dg.AssetSelection.checks(key))
    defs = dg.Definitions.merge(defs, dg.Definitions(jobs=[probe]))
    job = defs.get_job_def("playground_smoke") if hasattr(defs, "get_job_def") else (
        defs.resolve_job_def("playground_smoke"))
with dg.DagsterInstance.get() as instance:
    result = job.execute_in_process(instance=instance, raise_on_error=True,
                                    tags={"playground/smoke": sys.argv[4]})
    bad = [] if kind == "job" else [e for e in result.get_asset_check_evaluations() if not e.passed]
    if bad:
        said = "; ".join(str(e.description or e.check_name) for e in bad)
        sys.exit("the asset check did not pass: " + said)
"""


def run(release: Release, code: Code, folder: StateFolder, say: Say) -> None:
    """Does nothing where the location names none. Raises RolloutFailed when it does not pass."""
    location = release.location
    wanted = [("job", location.smoke_job), ("check", location.smoke_check)]
    for kind, name in wanted:
        if name is not None:
            say(f"smoke {kind} {name}; waiting up to {TIMEOUT_SECONDS} s")
            _run(release, code, folder, kind, name)


def _run(release: Release, code: Code, folder: StateFolder, kind: str, name: str) -> None:
    project, environment = code.prepare(release, lambda message: None)
    environ = {
        **os.environ,
        **release.location.environment,
        "DAGSTER_HOME": str(folder.dagster_home),
        "PLAYGROUND_LOCATION": release.location.name,
        "PYTHONPATH": str(project.working_directory),
    }
    try:
        ended = subprocess.run(
            [str(environment.python), "-c", _SCRIPT, project.module, kind, name, release.name],
            cwd=project.working_directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RolloutFailed(_failed(release, kind, name, "did not end in time", "")) from error
    if ended.returncode != 0:
        tail = redact("\n".join((ended.stdout + ended.stderr).splitlines()[-40:]))
        raise RolloutFailed(_failed(release, kind, name, tail.strip().splitlines()[-1] if tail else "", tail))


def _failed(release: Release, kind: str, name: str, observed: str, evidence: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"release/{release.name}",
        observed=f"The smoke {kind} {name} did not pass: {observed}.",
        cause="The definitions load, and what the location named to be tried before the switch fails.",
        fix="Mend the code, or the check if it is wrong, and redeploy.",
        evidence=evidence,
    )
