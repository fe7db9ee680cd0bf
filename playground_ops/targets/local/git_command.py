"""Runs git so that it uses the credentials of this machine, asks nobody and comes back in time."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.redact import learn, redact
from playground_ops.diagnose.git_errors import explain, missing, too_slow
from playground_ops.targets.common.command import Finished, Inherited, TimedOut, quiet_environment, run

# A transfer that is stuck for half a minute is broken off, long before the deadline. The person's own hooks
# and maintenance settings must not apply here.
_OPTIONS = (
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=30",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)

_HELPER = (
    '!f() { test "$1" = get && '
    'printf "username=%s\\npassword=%s\\n" "$PLAYGROUND_GIT_USER" "$PLAYGROUND_GIT_WORD"; }; f'
)


@dataclass(frozen=True)
class Remote:
    """A repository's URL, its credentials apart, so that no argument list and no message shows them."""

    url: str
    user: str = ""
    password: str = ""

    @property
    def thing(self) -> str:
        return f"repository/{redact(self.url)}"

    @property
    def is_here(self) -> bool:
        """Return whether it lies on this machine."""
        return self.url.startswith(("/", "file://"))


def remote(url: str) -> Remote:
    """Split off the credentials, which are masked from now on. `~` is the home folder. Raises nothing."""
    if url.startswith("~"):
        return Remote(str(Path(url).expanduser()))
    if not re.match(r"https?://[^/]*:[^/]*@", url):
        return Remote(url)
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    learn([password])
    return Remote(parts._replace(netloc=host).geturl(), user, password)


def git(
    arguments: Sequence[str],
    source: Remote,
    *,
    seconds: float,
    folder: Path | None = None,
    hear: Callable[[str], None] = lambda line: None,
) -> Finished:
    """Run git about `source`; an exit code other than 0 is the caller's to judge.

    Raises PlaygroundError when git is not there or `seconds` are over.
    """
    environment = quiet_environment(os.environ)
    options = [*_OPTIONS, *_credential_options(source)]
    if source.is_here:
        # A repository on this machine may have neighbours as submodules; one from elsewhere may not read this
        # machine's files, which is git's own default.
        options.append("protocol.file.allow=always")
    environment.update(PLAYGROUND_GIT_USER=source.user, PLAYGROUND_GIT_WORD=source.password)
    try:
        if "GIT_SSH_COMMAND" not in environment and "GIT_SSH" not in environment:
            _batch_ssh(environment)
        chosen = [word for option in options for word in ("-c", option)]
        command = ["git", *chosen, *arguments]
        return run(command, Inherited(environment, folder), seconds=seconds, hear=hear)
    except TimedOut as error:
        raise PlaygroundError(too_slow(source.thing, seconds, error.words)) from error
    except FileNotFoundError as error:
        if folder is not None and not folder.is_dir():
            raise  # git is there, but the folder it was to work in is not
        raise PlaygroundError(missing(source.thing)) from error


def git_or_raise(
    arguments: Sequence[str],
    source: Remote,
    *,
    seconds: float,
    folder: Path | None = None,
    hear: Callable[[str], None] = lambda line: None,
) -> str:
    """Return git's standard output. Raises PlaygroundError with git's own words, explained."""
    finished = git(arguments, source, seconds=seconds, folder=folder, hear=hear)
    if finished.code != 0:
        raise PlaygroundError(explain(source.thing, finished.words))
    return finished.output


def _credential_options(source: Remote) -> list[str]:
    # A URL with a password would show in the process list. It is given by a credential helper instead, to its
    # own host only; the helper reads it from its environment, never from an argument.
    if not source.password:
        return []
    parts = urlsplit(source.url)
    key = f"credential.{parts.scheme}://{parts.netloc}.helper"
    return [f"{key}=", f"{key}={_HELPER}"]


def _batch_ssh(environment: dict[str, str]) -> None:
    own = run(["git", "config", "--get", "core.sshCommand"], Inherited(environment), seconds=10)
    if own.code != 0:
        environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes -o ConnectTimeout=15"
