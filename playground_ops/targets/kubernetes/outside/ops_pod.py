"""A short command of this project in the pod that serves `ops`: none has to be started for it.

A pod of its own takes seconds before its command begins, and whoever goes back to an earlier release at
night has no time for that. Long commands have a Job: it outlives the pod of `ops`, which may be replaced
meanwhile.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from playground_ops.config import OPS
from playground_ops.core import decisions
from playground_ops.core.messages import LINES
from playground_ops.core.redact import redact
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.render.jobs import Command
from playground_ops.render.release import SERVER, directory
from playground_ops.render.release import project as project_folder
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.outside.executing import Place, execute
from playground_ops.targets.kubernetes.releases import archive
from playground_ops.targets.kubernetes.releases.deployments import Releases

SHORT = ("rollback", "health", "compare")
"""Commands that end within seconds, or go on in a pod that is started for a release."""
TOGETHER = ("sh", "-c", 'exec "$@" 2>&1', "sh")
"""One stream, as a container's log is."""

Hear = Callable[[str], None]


def fits(arguments: Sequence[str]) -> bool:
    """Whether the command is short, and does not replace the pod that it would run in."""
    return bool(arguments) and arguments[0] in SHORT and OPS.name not in arguments[1:]


def run(connection: Connection, namespace: str, project: Path, command: Command, hear: Hear) -> int | None:
    """The command's exit code.

    None where nothing was run: no pod of `ops` is ready, it is of other code than this, or whoever asks may
    run nothing in pods. Raises PlaygroundError when the connection breaks; the command goes on then.
    """
    place = _place(connection, namespace, project)
    if place is None:
        return None
    where, folder = place
    own = [
        "env",
        f"PYTHONPATH={folder}",
        f"PLAYGROUND_PROJECT={folder}",
        f"PLAYGROUND_BY={command.by}",
        f"{LINES}=json",
    ]
    words = [*TOGETHER, *own, "python", "-m", "playground_ops", *command.arguments]
    told = _Lines(hear)
    try:
        ended = execute(connection, where, words, told.hear)
    except Refusal:
        return None
    told.end()
    return ended.code


def _place(connection: Connection, namespace: str, project: Path) -> tuple[Place, str] | None:
    releases = Releases(connection, namespace)
    serving = decisions.serving(releases.all(OPS.name))
    if serving is None:
        return None
    # From git it is the code, and has the configuration, that is in force; else it has to be the clone's.
    release = serving.release
    is_from_git = release.revision.repository is not None
    if not is_from_git and release.revision.commit != archive.revision(OPS, project).commit:
        return None
    pods, _ = releases.pods(serving.release)
    if not pods or not assess(Collected(pods[0])).ready:
        return None
    where = Place(namespace, pods[0].name, SERVER)
    return where, project_folder(release) if is_from_git else directory(release)


class _Lines:
    """Pieces of text, told line by line."""

    def __init__(self, hear: Hear) -> None:
        self._hear, self._rest = hear, b""

    def hear(self, piece: bytes) -> None:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._hear(redact(line.decode(errors="replace")))

    def end(self) -> None:
        if self._rest:
            self.hear(b"\n")
