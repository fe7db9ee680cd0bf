"""Runs uv so that it asks nobody and downloads no Python, and explains its errors."""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain, transient
from playground_ops.core.redact import redact
from playground_ops.core.target import Say
from playground_ops.diagnose import git_errors
from playground_ops.targets.common.command import Finished, Inherited, TimedOut, quiet_environment, run
from playground_ops.targets.packages.indexes import with_indexes, without_indexes

EVIDENCE_LINES = 30

_CERTAIN, _TRANSIENT, _CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY

# In order: "No solution found" is also said, with a hint, when the index wants credentials.
_FAILURES = (
    (
        r"No space left on device|Disk quota exceeded|os error 28\b",
        _CAPACITY,
        "The disk is full.",
        "uv found no room for the environment or its cache.",
        "Free some space (`uv cache prune` helps; on Kubernetes on the claim `dagster-artifacts`, which "
        "`kubernetes: artifacts:` makes larger), then try again.",
    ),
    (
        r"40[13] (?:Unauthorized|Forbidden)|lack of valid authentication|Missing credentials",
        _CERTAIN,
        "The package index wants credentials.",
        "uv has none here that it accepts.",
        "Give uv the index's credentials: on a machine by `uv auth login`, a keyring or `.netrc`, on "
        "Kubernetes by the Secret `kubernetes: packages: secret:`.",
    ),
    (
        r"error sending request|dns error|tcp connect|connection (?:refused|reset|closed|error)|timed? ?out|"
        r"HTTP status server error|429 Too Many|Request failed after|error decoding response|unexpected eof",
        _TRANSIENT,
        "The package index can't be reached.",
        "The network or the index had a hiccup.",
        "Check the network; it is tried again until the deadline.",
    ),
    (
        r"No interpreter found|Python requirement|requires Python|Requires-Python|"
        r"Python version .* (?:does not satisfy|not satisfy)|requires-python",
        _CERTAIN,
        "Its packages do not go with this Python.",
        "The project or one of its packages requires another version of Python.",
        "Install that Python (on Kubernetes: name an image that has it as `pod: image:`), or widen "
        "`requires-python` and lock again.",
    ),
    (
        r"Hash mismatch",
        _CERTAIN,
        "A package is not the one that was locked.",
        "The index serves other bytes under the same version.",
        "Run `uv lock --upgrade-package NAME` and push, or find out who changed the package.",
    ),
    (
        r"HTTP status client error \((?:404|410)",
        _CERTAIN,
        "A package is not on its index.",
        "It was locked from there, and was withdrawn, or lies on another index.",
        "Run `uv lock --upgrade-package NAME` and push, or put the package back.",
    ),
    (
        r"No solution found|unsatisfiable|not found in the package registry|no versions? of",
        _CERTAIN,
        "Its dependencies can't be resolved.",
        "Two requirements exclude each other, or a package or version does not exist.",
        "Run `uv lock` in the project, mend what it names, and push.",
    ),
    (
        r"(?:extra|group) [`'\"]?[\w.-]+[`'\"]? (?:is not defined|was not found)|Requested extra not found",
        _CERTAIN,
        "The project has no such extra or group.",
        "The configuration of the location names it.",
        "Correct `extras` or `groups` in the configuration, or add it to the project and lock again.",
    ),
    (
        r"Failed to build|build backend|Failed to prepare|Distribution not found at|"
        r"doesn't have a source dist",
        _CERTAIN,
        "A package can't be built or installed.",
        "It has no wheel for this machine and its build failed, or its source is missing.",
        "See uv's words below; `uv sync` in the project must work on this machine.",
    ),
    (
        r"Failed to parse|TOML parse error|Unable to find lockfile|lockfile.*(?:version|outdated|update)|"
        r"Couldn't parse requirement|Expected package name",
        _CERTAIN,
        "Its lock or requirements can't be read.",
        "The file is damaged, unmerged, or written by a newer uv.",
        "Run `uv lock` in the project and push; upgrade uv here if the lock is newer.",
    ),
)


def explain(thing: str, words: str) -> Finding:
    """Explain `words`, uv's standard error, for `thing`. Unknown errors may pass: they are transient."""
    if "Git operation failed" in words or "failed to fetch commit" in words:
        return git_errors.explain(thing, words)
    for pattern, kind, observed, cause, fix in _FAILURES:
        if re.search(pattern, words, re.I):
            return Finding(
                kind=kind,
                object=thing,
                observed=_naming(observed, words),
                cause=cause,
                fix=fix,
                evidence=tail(words),
            )
    return transient(
        object=thing,
        observed="uv could not make the environment.",
        cause=f"It said: {tail(words).splitlines()[0] if words.strip() else 'nothing'}",
        fix="Run `uv sync` in the project to see it whole.",
        evidence=tail(words),
    )


def may_pass(words: str) -> bool:
    """Return whether `words` are known as an error of the index or the disk, not of the packages."""
    kinds = (kind for pattern, kind, *_ in _FAILURES if re.search(pattern, words, re.I))
    return next(kinds, _CERTAIN) is not _CERTAIN


def _naming(observed: str, words: str) -> str:
    """Return the sentence with the package that uv names, if it names one."""
    file = re.search(r"Failed to [^`\n]*`[^`\s]*/([A-Za-z0-9_.]+)-(\d[^`/-]*)-[^`/]*\.whl`", words)
    if file:
        return f"{observed.rstrip('.')}: {file[1]}=={file[2]}."
    found = re.search(r"Failed to (?:download|fetch|build|prepare)[^`\n]*`([^`/\n]+)`", words) or re.search(
        r"Because (?:there (?:is|are) no versions? of )?(?:only )?([A-Za-z0-9][\w.-]*)(?:\[[^]]*])? ?"
        r"(?:was not found|\S* is available|and )",
        words,
    )
    return f"{observed.rstrip('.')}: {found[1]}." if found else observed


def too_slow(thing: str, seconds: float, words: str) -> Finding:
    return transient(
        object=thing,
        observed=f"uv was not done after {seconds:g} s and was ended.",
        cause="The package index is slow, or a package is built from source and takes long.",
        fix="Run `uv sync` in the project once by hand: what it downloads is kept for the next time.",
        evidence=tail(words),
    )


def tail(words: str) -> str:
    lines = [line.rstrip() for line in words.splitlines()]
    # Lines about installed packages don't help to find the reason.
    telling = [line for line in lines if line and not re.match(r"\s*[+~-] \S+==", line)]
    return redact("\n".join(telling[-EVIDENCE_LINES:]))


BUILD_SECONDS = 900.0
"""Seconds for one call that may download and build; uv's own limits for single requests are far shorter."""
LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class Uv:
    """uv, which is called for `thing` and works in `folder`."""

    thing: str
    folder: Path | None = None
    say: Say = lambda line: None
    keep: Sequence[int] = ()
    """The descriptor of the lock that it is called under."""
    surroundings: Callable[[Mapping[str, str]], dict[str, str]] = with_indexes
    """Which variables of this process it has: with the credentials of the indexes, or without."""

    def run(
        self,
        arguments: Sequence[str],
        *,
        seconds: float = BUILD_SECONDS,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Finished:
        """Run uv; an exit code other than 0 is the caller's to judge. `more` are further variables.

        Raises PlaygroundError when there is no uv or `seconds` are over.
        """
        variables = quiet_environment(self.surroundings(os.environ))
        variables.update(UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never", NO_COLOR="1", **more)
        command, inherited = [find_uv(self.thing), *arguments], Inherited(variables, self.folder, self.keep)
        try:
            return run(command, inherited, seconds=seconds, hear=self.say)
        except TimedOut as error:
            raise PlaygroundError(too_slow(self.thing, seconds, error.words)) from error

    def run_or_raise(
        self,
        arguments: Sequence[str],
        *,
        seconds: float = BUILD_SECONDS,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Finished:
        """Run uv. Raises PlaygroundError with uv's own words, explained."""
        finished = self.run(arguments, seconds=seconds, more=more)
        if finished.code != 0:
            raise PlaygroundError(explain(self.thing, finished.words))
        return finished

    def public_index(self) -> str:
        """Return the URL of the index that uv asks where none is configured. Raises PlaygroundError."""
        told = ["pip", "compile", "--no-config", "--offline", "--no-header", "--emit-index-url", os.devnull]
        done = replace(self, surroundings=without_indexes).run_or_raise(told, seconds=LOOK_SECONDS)
        found = re.search(r"^--(?:default-)?index(?:-url)? (\S+)$", done.output, re.M)
        return found[1] if found else ""


def find_uv(thing: str) -> str:
    """Return the uv of the `uv` package, else the one on the PATH. Raises PlaygroundError."""
    found = _packaged() or shutil.which("uv")
    if found is None:
        raise PlaygroundError(
            certain(
                object=thing,
                observed="There is no `uv` on this machine.",
                cause="A location with dependencies of its own runs in an environment that uv makes.",
                fix="Install it (`pip install uv`), or set `dependencies: shared` for the location.",
            )
        )
    return found


def _packaged() -> str | None:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None
