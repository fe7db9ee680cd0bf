"""The location's own test of a candidate: a job or an asset check, run before the switch.

It runs in the release's own environment, beside the candidate, and is recorded in the instance like any run.
The script is run by that Python: it must work on every Dagster that a project may have and knows nothing of
this package.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from playground_ops.core.errors import Finding, certain
from playground_ops.core.model import Release
from playground_ops.core.redact import redact
from playground_ops.diagnose.server_log import last_raised

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


@dataclass(frozen=True)
class SmokeTest:
    """A job or a check that the location of `release` names."""

    release: Release
    kind: str
    name: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of SCRIPT, after the module."""
        return (self.kind, self.name, self.release.name)

    @property
    def seconds(self) -> int:
        return self.release.location.smoke_timeout_seconds

    def waiting(self) -> str:
        return f"smoke {self.kind} {self.name}; waiting up to {self.seconds} s"

    def failed(self, output: str) -> Finding:
        """Return a finding with the end of `output`."""
        tail = redact("\n".join(output.splitlines()[-KEPT_LINES:])).strip()
        return self._finding(_last_words(tail), tail)

    def too_late(self) -> Finding:
        return self._finding(f"it did not end within {self.seconds} s", "")

    def _finding(self, observed: str, evidence: str) -> Finding:
        return certain(
            object=f"release/{self.release.name}",
            observed=f"The smoke {self.kind} {self.name} did not pass: {observed.rstrip('.')}.",
            cause="The definitions load, and what the location named to be tried before the switch fails.",
            fix="Mend the code, or the check if it is wrong, and redeploy.",
            evidence=evidence,
        )


def wanted(release: Release) -> Iterator[SmokeTest]:
    location = release.location
    for kind, name in (("job", location.smoke_job), ("check", location.smoke_check)):
        if name is not None:
            yield SmokeTest(release, kind, name)


def _last_words(tail: str) -> str:
    raised = last_raised(tail)
    return raised.headline if raised else (tail.splitlines() or ["it printed nothing"])[-1]
