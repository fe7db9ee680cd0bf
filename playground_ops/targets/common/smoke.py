"""The location's own word on a candidate: a job or an asset check, run before the switch.

It runs in the release's own environment, beside the candidate, and is recorded in the instance like any
run. The script is given to that Python: it must run on every Dagster that a project may have and knows
nothing of this package.
"""

from __future__ import annotations

from collections.abc import Iterator

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import Location, Release
from playground_ops.core.redact import redact
from playground_ops.diagnose.traceback import last_raised

TELL_SECONDS = 5.0
KEPT_LINES = 40

SCRIPT = """
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
"""`python -c SCRIPT MODULE job|check NAME RELEASE`, from the folder that the release is loaded from."""


def wanted(location: Location) -> Iterator[tuple[str, str]]:
    """Kind and name of what the location names."""
    for kind, name in (("job", location.smoke_job), ("check", location.smoke_check)):
        if name is not None:
            yield kind, name


def waiting(location: Location, kind: str, name: str) -> str:
    return f"smoke {kind} {name}; waiting up to {location.smoke_timeout_seconds} s"


def failed(release: Release, kind: str, name: str, output: str) -> Finding:
    """By what it printed."""
    tail = redact("\n".join(output.splitlines()[-KEPT_LINES:])).strip()
    return _finding(release, kind, name, _last_words(tail), tail)


def too_late(release: Release, kind: str, name: str) -> Finding:
    observed = f"it did not end within {release.location.smoke_timeout_seconds} s"
    return _finding(release, kind, name, observed, "")


def _last_words(tail: str) -> str:
    raised = last_raised(tail)
    return raised.headline if raised else (tail.splitlines() or ["it printed nothing"])[-1]


def _finding(release: Release, kind: str, name: str, observed: str, evidence: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"release/{release.name}",
        observed=f"The smoke {kind} {name} did not pass: {observed.rstrip('.')}.",
        cause="The definitions load, and what the location named to be tried before the switch fails.",
        fix="Mend the code, or the check if it is wrong, and redeploy.",
        evidence=evidence,
    )
