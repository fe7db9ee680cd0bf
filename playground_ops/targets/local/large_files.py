"""Files that git-lfs keeps elsewhere: which of a checkout are pointers to them, and fetching these."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from playground_ops.config import address
from playground_ops.core.checkout import LONGEST_SUBJECT, POINTER
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.redact import one_line
from playground_ops.diagnose.git_errors import explain
from playground_ops.targets.common.repository_files import is_file, is_inside, read_or_nothing
from playground_ops.targets.local.git_command import Remote, git, git_or_raise

FETCH_SECONDS, LOCAL_SECONDS = 600.0, 60.0
LONGEST = 1024
"""Bytes: every pointer is shorter (git-lfs, docs/spec.md)."""
PROGRAM = "git-lfs"
CONFIGURATION = ".lfsconfig"


def missing_for(location: str) -> str:
    """Return what to do about large files of a location that are not there."""
    return f"Install {PROGRAM} on this machine and `redeploy {location} --force`: it fetches them."


def pointers(tree: Path, subdirectory: str = ".") -> list[str]:
    """Return the files below `subdirectory` that are pointers, by their paths in the repository, sorted."""
    here = Remote(str(tree))
    chosen = ["ls-files", "-z", "--", f":(literal,attr:filter=lfs){subdirectory}"]
    listed = git(chosen, here, seconds=LOCAL_SECONDS, folder=tree)
    return [name for name in listed.output.split("\0") if name and _is_pointer(tree, name)]


def can_be_fetched() -> bool:
    return shutil.which(PROGRAM) is not None


def complete(source: Remote, tree: Path, say: Callable[[str], None]) -> None:
    """Fetch what is missing, in submodules too, from where the code comes from. Raises PlaygroundError.

    The checkout is told of the filter: else git would take the files for changed ones, and so would whatever
    asks it for a version.
    """
    for folder in _trees(tree):
        if missing := pointers(folder):
            _must_be_taken(source, folder)
            say(f"Fetching {len(missing)} large file(s) by {PROGRAM}.")
            install = ["lfs", "install", "--local", "--skip-repo"]
            git_or_raise(install, source, seconds=LOCAL_SECONDS, folder=folder)
            pulled = git(["lfs", "pull"], source, seconds=FETCH_SECONDS, folder=folder, hear=say)
            if pulled.code != 0 or pointers(folder):
                why = explain(source.thing, pulled.words)
                observed = f"{len(missing)} large file(s) could not be fetched by {PROGRAM}. {why.observed}"
                raise PlaygroundError(why.model_copy(update={"observed": observed}))


def _must_be_taken(source: Remote, tree: Path) -> None:
    """Raise PlaygroundError for an address in the commit's `.lfsconfig` that no repository may have here."""
    listed = git(
        ["config", "--file", CONFIGURATION, "--list", "-z"], source, seconds=LOCAL_SECONDS, folder=tree
    )
    for entry in listed.output.split("\0"):
        key, _, value = entry.partition("\n")
        if key.endswith("url"):
            try:
                found = address.parsed(value)
            except ValueError as error:
                raise PlaygroundError(_no_address(key, value, str(error))) from error
            if found.scheme not in ("https", "http", "ssh") and not source.is_here:
                raise PlaygroundError(_no_address(key, value, "a URL (https, http, ssh)"))


def _no_address(key: str, value: str, expected: str) -> Finding:
    return certain(
        object=f"file/{CONFIGURATION}",
        observed=f"`{key}` is `{one_line(value, LONGEST_SUBJECT)}`.",
        cause=f"Large files come from {expected}.",
        fix="Correct it in the repository.",
    )


def _trees(tree: Path) -> Iterator[Path]:
    yield tree
    if is_file(tree, tree / ".gitmodules"):
        # A path may have a line break.
        every = ["submodule", "--quiet", "foreach", "--recursive", "printf '%s\\0' \"$PWD\""]
        listed = git(every, Remote(str(tree)), seconds=LOCAL_SECONDS, folder=tree)
        found = (Path(one) for one in listed.output.split("\0") if one)
        yield from (one for one in found if is_inside(tree, one))


def _is_pointer(tree: Path, name: str) -> bool:
    """Return False for a link too: git-lfs keeps none."""
    file = tree / name
    content = b"" if file.is_symlink() else read_or_nothing(tree, file, LONGEST - 1)
    return content.startswith(f"{POINTER}\n".encode())
