"""Runs a short command of this project in the pod that serves `ops`, without starting another one.

A pod of its own would take seconds to start, and somebody waits for a redeploy and a rollback. What may
replace that pod, and long commands, get a Job, which outlives it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from playground_ops.config import OPS, Configuration
from playground_ops.core import decisions
from playground_ops.core.messages import LINES
from playground_ops.core.redact import redact
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.render.jobs import Command
from playground_ops.render.release import SERVER, directory, prepared
from playground_ops.render.release import project as project_folder
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.outside import ahead
from playground_ops.targets.kubernetes.outside.executing import Place, execute
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases

ALWAYS = ("rollback", "promote", "health", "compare")
"""Commands that end within seconds, or wait for a pod that is started for a release."""
TOGETHER = (
    *("sh", "-c"),
    'code="$1"; [ -d "$1/playground_ops" ] || code="$2"; shift 2; '
    'export PYTHONPATH="$code" PLAYGROUND_PROJECT="$code"; exec "$@" 2>&1',
    "sh",
)
"""Takes two folders, of which the first that is there has the code, and a command.

Joins both output streams, as a container's log does.
"""

Hear = Callable[[str], None]


def fits(arguments: Sequence[str]) -> bool:
    """Return whether the command is short and does not replace the pod it would run in.

    A `redeploy` without names may mean `ops` too; a `compare` that makes runs waits for them.
    """
    if not arguments or OPS.name in arguments[1:] or (arguments[0] == "compare" and "--run" in arguments):
        return False
    names_locations = arguments[0] == "redeploy" and any(not word.startswith("-") for word in arguments[1:])
    return arguments[0] in ALWAYS or names_locations


def run(
    connection: Connection, configuration: Configuration, project: Path, command: Command, hear: Hear
) -> int | None:
    """Return the command's exit code; None if it can't run in a pod of `ops`.

    That is when no pod is ready, it has other code, or the caller has no right to execute in pods. Raises
    PlaygroundError when the connection breaks; the command goes on then.
    """
    if (place := _place(connection, configuration.kubernetes.namespace, project)) is None:
        return None
    where, folders = place
    own = [f"PLAYGROUND_BY={command.by}", f"{LINES}=json"]
    told = _Lines(hear)
    with ahead.resolving(connection, configuration, command.arguments) as started:
        python = ["python", "-m", "playground_ops", *command.arguments]
        words = ["env", *own, *started, *TOGETHER, *folders, *python]
        try:
            ended = execute(connection, where, words, told.hear)
        except Refusal:
            return None
    told.end()
    return ended.code


def _place(connection: Connection, namespace: str, project: Path) -> tuple[Place, list[str]] | None:
    releases = Releases(connection, namespace)
    serving = decisions.serving(releases.all(OPS.name))
    if serving is None:
        return None
    # If it is from git, its code and configuration are in force; else it must have the clone's code.
    release = serving.release
    is_from_git = release.revision.repository is not None
    if not is_from_git and release.revision.commit != archive.revision(OPS, project).commit:
        return None
    pods, _ = releases.pods(serving.release)
    if not pods or not assess(Collected(pods[0])).ready:
        return None
    where = Place(namespace, pods[0].name, SERVER)
    code = project_folder(release) if is_from_git else directory(release)
    return where, [prepared(release) if is_from_git else code, code]


class _Lines:
    """Splits pieces of text into lines."""

    def __init__(self, hear: Hear) -> None:
        self._hear, self._rest = hear, b""

    def hear(self, piece: bytes) -> None:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._hear(redact(line.decode(errors="replace")))

    def end(self) -> None:
        if self._rest:
            self.hear(b"\n")
