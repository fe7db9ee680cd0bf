"""The location's own word on a candidate: a job or an asset check, run before the switch.

It runs in the release's own environment, as a process beside the candidate, and is recorded in the
instance like any run. The script below is given to that Python: it must run on every Dagster that a
project may have and knows nothing of this package.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from playground_ops.diagnose.traceback import last_raised
from playground_ops.errors import Finding, FindingKind, RolloutFailed
from playground_ops.model import Release
from playground_ops.redact import redact
from playground_ops.targets.base import Say
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.processes import MARKER

if TYPE_CHECKING:
    from playground_ops.targets.local.code import Code

TIMEOUT_SECONDS = 600
TELL_SECONDS = 5.0

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
            _run(release, code, folder, kind, name, say)


def _run(release: Release, code: Code, folder: StateFolder, kind: str, name: str, say: Say) -> None:
    project, environment = code.prepare(release, lambda message: None)
    environ = {
        **os.environ,
        **release.location.environment,
        "DAGSTER_HOME": str(folder.dagster_home),
        "PLAYGROUND_LOCATION": release.location.name,
        "PYTHONPATH": str(project.working_directory),
        MARKER: f"{os.path.realpath(folder.root)}::{release.name}-smoke",
    }
    process = subprocess.Popen(
        [str(environment.python), "-c", _SCRIPT, project.module, kind, name, release.name],
        cwd=project.working_directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = _output_of(process, say)
    except subprocess.TimeoutExpired as error:
        observed = f"it did not end within {TIMEOUT_SECONDS} s"
        raise RolloutFailed(_failed(release, kind, name, observed, "")) from error
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        tail = redact("\n".join(output.splitlines()[-40:])).strip()
        raise RolloutFailed(_failed(release, kind, name, _last_words(tail), tail))


def _output_of(process: subprocess.Popen[str], say: Say) -> str:
    """Raises TimeoutExpired, and whatever `say` raises when the rollout is cancelled."""
    waited = 0.0
    while True:
        try:
            return process.communicate(timeout=TELL_SECONDS)[0]
        except subprocess.TimeoutExpired:
            waited += TELL_SECONDS
            if waited >= TIMEOUT_SECONDS:
                raise
            say(f"it runs since {waited:g} s; waiting up to {TIMEOUT_SECONDS} s")


def _last_words(tail: str) -> str:
    raised = last_raised(tail)
    return raised.headline if raised else (tail.splitlines() or ["it printed nothing"])[-1]


def _failed(release: Release, kind: str, name: str, observed: str, evidence: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"release/{release.name}",
        observed=f"The smoke {kind} {name} did not pass: {observed.rstrip('.')}.",
        cause="The definitions load, and what the location named to be tried before the switch fails.",
        fix="Mend the code, or the check if it is wrong, and redeploy.",
        evidence=evidence,
    )
