"""Commands that run once for a release before its server: those that are configured, or those that dbt needs.

They run in a copy of the checkout, which is then what the release is loaded from: a checkout never changes.
"""

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain
from playground_ops.core.redact import redact
from playground_ops.diagnose import explain_exit
from playground_ops.diagnose.exceptions import last_raised
from playground_ops.targets.common.command import Finished, Inherited, TimedOut, run
from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import inside

KEPT_LINES = 40
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 160
"""Characters of a command that are shown."""


@dataclass(frozen=True)
class Step:
    """One command, and how it is told."""

    words: Sequence[str]
    told: str = ""
    """What it prepares; empty: the command says it."""

    @property
    def shown(self) -> str:
        text = shlex.join(self.words)
        text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        return f"Preparing {self.told}" if self.told else f"Preparing it by `{text}`"


@dataclass(frozen=True)
class Preparation:
    """All that is to be done for a release in its copy of the checkout."""

    subject: str
    """`release/NAME`."""
    steps: Sequence[Step]
    variables: Mapping[str, str]
    seconds: float
    """For all of them together."""


def configured(commands: Sequence[Sequence[str]]) -> list[Step]:
    return [Step(tuple(words)) for words in commands]


def copied(project: Project, generated: Path | None, target: Path) -> Project:
    """Copy the checkout to `target`, what a build generated over it. Returns the project there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(project.checkout, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for folder, _, _ in os.walk(target):
        # A checkout's folders may be read-only for this user, and so then are their copies.
        Path(folder).chmod(0o755)
    if generated is not None and generated.is_dir():
        _lay_over(generated, target)
    return project.moved(target)


def _lay_over(generated: Path, target: Path) -> None:
    """Copy files over the copy of a checkout. Raises PlaygroundError where a link leads out of it."""
    for folder, _, names in os.walk(generated):
        for name in names:
            file = Path(folder, name)
            place = inside(target, target / file.relative_to(generated), "what its build generated")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)


def prepare(project: Project, wanted: Preparation, say: Callable[[str], None]) -> None:
    """Run the commands in the project's folder, one after the other. Raises PlaygroundError."""
    left = wanted.seconds
    for step in wanted.steps:
        say(f"{step.shown}.")
        left -= _run(project, step, replace(wanted, seconds=left), say)


def _run(project: Project, step: Step, wanted: Preparation, say: Callable[[str], None]) -> float:
    """Run one command. Returns the seconds that it took."""
    began = time.monotonic()
    inherited = Inherited(wanted.variables, project.directory, output_is_words=True)
    try:
        # Found on the PATH that the command itself gets, not on that of this process.
        program = shutil.which(step.words[0], path=wanted.variables.get("PATH")) or step.words[0]
        done = run(
            [program, *step.words[1:]], inherited, seconds=wanted.seconds, hear=lambda line: say(_plain(line))
        )
    except TimedOut as error:
        raise PlaygroundError(_too_late(wanted, step, error.words)) from error
    except OSError as error:
        raise PlaygroundError(_not_started(wanted, step, error)) from error
    if done.code != 0:
        raise PlaygroundError(_failed(wanted, step, done))
    return time.monotonic() - began


_FIX = (
    "`prepare:` of the location has the commands; `prepare: []` runs none. Run it in the project's folder of "
    "a clone to see it whole."
)


def _failed(wanted: Preparation, step: Step, done: Finished) -> Finding:
    words, tail = _plain(done.words), _tail(done.words)
    raised, lines = last_raised(words), tail.splitlines()
    said = raised.sentence if raised else lines[-1].strip() if lines else "it printed nothing"
    why = explain_exit(wanted.subject, "", words)
    known = raised is not None and why.kind is not FindingKind.CERTAIN
    how = f"exit code {done.code}" if done.code >= 0 else f"signal {-done.code}"
    return Finding(
        kind=why.kind if known else FindingKind.CERTAIN,
        object=wanted.subject,
        observed=f"{step.shown} failed ({how}): {said[:500].rstrip('.')}.",
        cause=why.cause if known else "It runs before the server, which is not started without it.",
        fix=_FIX,
        evidence=tail,
    )


def _too_late(wanted: Preparation, step: Step, words: str) -> Finding:
    return certain(
        object=wanted.subject,
        observed=f"{step.shown} was not done when its time was over, and was ended.",
        cause="It hangs, or takes longer than `prepare_timeout_seconds` allows for all commands together.",
        fix=f"Raise `prepare_timeout_seconds` for this location if it needs longer. {_FIX}",
        evidence=_tail(words),
        whose="surroundings",
    )


def _not_started(wanted: Preparation, step: Step, error: OSError) -> Finding:
    return certain(
        object=wanted.subject,
        observed=f"{step.shown} can't be started: {error.strerror or error}.",
        cause="There is no such program in its environment, nor on the PATH.",
        fix="In `prepare:`, name a program of the project's dependencies, or one of the machine (on "
        "Kubernetes: of the image).",
    )


def _tail(words: str) -> str:
    return "\n".join(_plain(words).splitlines()[-KEPT_LINES:]).strip()


def _plain(words: str) -> str:
    return redact(_COLOUR.sub("", words))
