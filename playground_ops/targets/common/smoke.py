"""The location's own test of a candidate: a job or an asset check, run before the switch.

It runs in the release's own environment, beside the candidate, and is recorded in the instance like any run.
The script is run by that Python: it must work on every Dagster that a project may have and knows nothing of
this package. What keeps it from running the job or check is never held against the code.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from playground_ops.core.errors import Finding, certain, transient
from playground_ops.core.model import Release
from playground_ops.core.redact import redact
from playground_ops.diagnose.exceptions import last_raised

TELL_SECONDS = 5.0
KEPT_LINES = 40
READ_LINES = 400
"""Lines that may hold the exception: Dagster prints more around it than is kept."""
LISTED = 10
_NOUNS = {"job": "job", "check": "asset check"}

TOLD = "playground smoke: "
"""The beginning of the line by which the script tells what is no failure of the job or the check."""
SCRIPT = """
import argparse, json, sys, traceback


def end(outcome, **more):
    print("\\nplayground smoke: " + json.dumps({"outcome": outcome, **more}), flush=True)
    sys.exit(3)


options = argparse.ArgumentParser()
for names in (("-m", "--module-name"), ("-f", "--python-file"), ("-a", "--attribute"),
              ("-d", "--working-directory"), ("--autoload-defs-module-name",)):
    options.add_argument(*names)
for name in ("kind", "name", "release"):
    options.add_argument(name)
given = options.parse_args()
try:
    import dagster as dg
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._grpc.server import LoadedRepositories

    target = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name=given.module_name,
        python_file=given.python_file,
        attribute=given.attribute,
        working_directory=given.working_directory,
        autoload_defs_module_name=given.autoload_defs_module_name,
    )
    loaded = LoadedRepositories(
        target, container_image=None, entry_point=["dagster"], container_context=None
    )
    repositories = list(loaded.definitions_by_name.values())
    there = {}
    for repository in repositories:
        if given.kind == "job":
            there.update({name: repository for name in repository.job_names})
        else:
            there.update({key.asset_key.to_user_string() + ":" + key.name: (repository, key)
                          for key in repository.asset_graph.asset_check_keys})
    if given.name not in there:
        end("missing", names=sorted(name for name in there if not name.startswith("__")))
    if given.kind == "job":
        job = there[given.name].get_job(given.name)
    else:
        repository, key = there[given.name]
        job = repository.get_implicit_global_asset_job_def().get_subset(asset_check_selection={key})
    instance = dg.DagsterInstance.get()
except dg.DagsterInvalidSubsetError:
    raise  # a check that can't be run without its asset
except Exception:
    traceback.print_exc()
    end("not begun")
with instance:
    result = job.execute_in_process(instance=instance, raise_on_error=True,
                                    tags={"playground/smoke": given.release})
    try:
        checked = [] if given.kind == "job" else result.get_asset_check_evaluations()
        bad = [e for e in checked if not e.passed]
    except Exception:
        traceback.print_exc()
        end("not begun")
    if bad:
        said = "; ".join(str(e.description or e.check_name) for e in bad)
        sys.exit("the asset check did not pass: " + said)
    if given.kind == "check" and not checked:
        sys.exit("the asset check gave no result")
"""
"""`python -c SCRIPT OPTIONS job|check NAME RELEASE`; the options are those of `dagster api grpc`
that say what to load. It loads by the very class that the server loads by."""


@dataclass(frozen=True)
class SmokeTest:
    """A job or a check that the location of `release` names."""

    release: Release
    kind: str
    name: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of SCRIPT, after the options that say what to load."""
        return (self.kind, self.name, self.release.name)

    @property
    def seconds(self) -> int:
        return self.release.location.smoke_timeout_seconds

    def waiting(self) -> str:
        return f"smoke {self.kind} {self.name}; waiting up to {self.seconds} s"

    def failed(self, output: str) -> Finding:
        """Return a finding with the end of `output`."""
        told = _told(output)
        kept = [line for line in output.splitlines() if not line.startswith(TOLD)]
        words = _last_words(redact("\n".join(kept[-READ_LINES:])).strip())
        tail = redact("\n".join(kept[-KEPT_LINES:])).strip()
        if told.get("outcome") == "missing":
            return self._missing(told.get("names", []))
        if told.get("outcome") == "not begun":
            return self._not_begun(words, tail)
        return self._finding(words, tail)

    def too_late(self) -> Finding:
        return self._finding(f"it did not end within {self.seconds} s", "")

    def _missing(self, names: Sequence[str]) -> Finding:
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        there = f"There is {', '.join(names[:LISTED])}{more}" if names else "There is none"
        return certain(
            object=f"release/{self.release.name}",
            observed=f"The commit has no {_NOUNS[self.kind]} {self.name}, which the location's "
            f"`smoke_{self.kind}` names.",
            cause=f"It was renamed or taken away, or the name is misspelt. {there}.",
            fix=f"Correct `smoke_{self.kind}` in the configuration, or bring it back and push.",
        )

    def _not_begun(self, observed: str, evidence: str) -> Finding:
        """Explain it as transient: the server has loaded it, so the commit is not to blame."""
        return transient(
            object=f"release/{self.release.name}",
            observed=f"The smoke {self.kind} {self.name} did not get to run: {observed.rstrip('.')}.",
            cause="The server has loaded the same definitions; a second process beside it could not do so, "
            "or could not open the Dagster instance.",
            fix="It is not held against the commit: redeploy. If it happens again, let no code that is "
            "imported take what only one process can have, such as a port or a lock.",
            evidence=evidence,
        )

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
    return raised.sentence if raised else (tail.splitlines() or ["it printed nothing"])[-1]


def _told(output: str) -> dict[str, Any]:
    """Return what the script told as its last line; nothing when it ended in another way."""
    lines = output.rstrip().splitlines()
    if not lines or not lines[-1].startswith(TOLD):
        return {}
    try:
        found = json.loads(lines[-1].removeprefix(TOLD))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
