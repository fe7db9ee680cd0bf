"""One checkout per commit: complete or absent, shared by releases, never changed afterwards."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.diagnose.git_errors import explain
from playground_ops.targets.common.atomic_folder import (
    RECENT_SECONDS,
    built,
    busy,
    discard,
    idle,
    locked,
    members,
    remove,
    remove_unused,
    room,
    sweep,
    used,
)
from playground_ops.targets.common.sources import CONTENT, content_hash, files_of
from playground_ops.targets.local import large_files
from playground_ops.targets.local.git import FETCH_SECONDS, LOCAL_SECONDS, fetch, kept_ref, mirror_folder
from playground_ops.targets.local.git_command import Remote, git, git_or_raise, remote


class Checkouts:
    """The checkouts in `folder`, and the mirrors that they are made from."""

    def __init__(self, folder: Path, mirrors: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.mirrors = (mirrors or folder / ".mirrors").absolute()

    def ensure(self, url: str, commit: str, say: Callable[[str], None]) -> Path:
        """Return the folder with `commit`, which is made if it is missing. An existing one needs no network.

        Raises PlaygroundError.
        """
        place = self.folder / commit
        if not _is_whole(place, commit):
            with locked(place, say), room(remote(url).thing):
                if not _is_whole(place, commit):
                    mirror = self.mirror(url)
                    fetch(url, commit, mirror, say)
                    with built(place) as building:
                        _check_out(remote(url), mirror, commit, building, say)
                        _marker(building, commit).write_text(commit)
        used(place)
        return self.path(commit)

    def ensure_from(self, url: str, commit: str, say: Callable[[str], None]) -> Path:
        """Return the folder with `commit`, also made sure to be in the repository at `url`.

        A checkout that was made from another repository does not tell. Raises PlaygroundError.
        """
        place = self.ensure(url, commit, say)
        if _origin(place) != remote(url).url:
            fetch(url, commit, self.mirror(url), say)
        return place

    def complete(self, url: str, commit: str, say: Callable[[str], None]) -> Path:
        """As `ensure_from`; what of an existing checkout was not fetched for want of git-lfs is fetched now.

        Pointers become the content that the commit has; nothing else of the checkout changes.
        """
        place = self.ensure_from(url, commit, say)
        if large_files.can_be_fetched():
            with locked(self.folder / commit, say), room(remote(url).thing):
                large_files.complete(remote(url), place, say)
        return place

    def ensure_content(self, sources: Sequence[Path], say: Callable[[str], None]) -> tuple[str, Path]:
        """Copy `sources` (packages, by their folders). Returns a name made of the content, and the copy.

        For code that has no repository. Raises PlaygroundError.
        """
        name = content_hash(sources)
        if not _is_whole(self.folder / name, name):
            name = self._copy(sources, name, say)
        used(self.folder / name)
        return name, self.path(name)

    def path(self, commit: str) -> Path:
        """Return where the checkout of `commit` (or of a content name) is or will be; a real path."""
        return (self.folder / commit).resolve()

    def mirror(self, url: str) -> Path:
        """Return the bare repository that the commits of `url` are fetched into."""
        return mirror_folder(self.mirrors, url)

    def prune(self, keep: set[str], recent_seconds: float = RECENT_SECONDS) -> list[str]:
        """Remove every checkout but those in `keep` (commits, content names). Returns what was removed.

        Checkouts that are being made, or were asked for within `recent_seconds`, are left alone too.
        """
        gone = remove_unused(self.folder, keep, recent_seconds)
        for mirror in members(self.mirrors):
            with idle(mirror) as mine:
                if mine:
                    # Listed while the mirror is locked: whoever asks for a commit from now on waits.
                    kept = keep | busy(self.folder) | {place.name for place in members(self.folder)}
                    _forget(mirror, kept)
        sweep(self.mirrors)
        return gone

    def _copy(self, sources: Sequence[Path], name: str, say: Callable[[str], None]) -> str:
        with locked(self.folder / name, say), room(f"content/{name}"):
            if _is_whole(self.folder / name, name):
                return name
            with built(self.folder / name) as building:
                for source in sources:
                    _copy_source(source, building / source.name)
                copied = content_hash([building / source.name for source in sources])
                _marker(building, copied).write_text(copied)
        if copied == name:
            return name
        # Somebody saved a file meanwhile: the copy's content does not match its name.
        remove(self.folder / name)
        return self._copy(sources, content_hash(sources), say)


def _copy_source(source: Path, target: Path) -> None:
    for file in files_of(source):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def _marker(place: Path, name: str) -> Path:
    # Not among the commit's own files: a checkout holds exactly what the commit does.
    return place / ".complete" if name.startswith(CONTENT) else place / ".git" / "complete"


def _is_whole(place: Path, name: str) -> bool:
    try:
        return _marker(place, name).read_text() == name
    except OSError:
        return False


def _check_out(source: Remote, mirror: Path, commit: str, tree: Path, say: Callable[[str], None]) -> None:
    """Make a small repository of its own, not a worktree of the mirror.

    The mirror is a cache that may be set aside when a kill damaged it; what serves must not depend on it. And
    projects that ask git for their version, or have submodules, find an ordinary repository.
    """
    say(f"Checking out {commit[:12]}.")
    here = Remote(str(mirror))

    def locally(*arguments: str) -> None:
        git_or_raise(arguments, here, seconds=LOCAL_SECONDS, folder=tree)

    locally("init", "--quiet", "--template=", ".")
    # Without credentials; for submodules with relative URLs and for large files kept elsewhere.
    locally("config", "remote.origin.url", source.url)
    # The mirror is ours: protocol 2 gives any commit by its id, and the ref says that it is complete.
    from_mirror = ("fetch", "--quiet", "--no-tags", "--depth=1", "--", str(mirror), kept_ref(commit))
    locally("-c", "protocol.version=2", *from_mirror)
    checkout = ["checkout", "--quiet", "--detach", "--force", commit]
    git_or_raise(checkout, source, seconds=FETCH_SECONDS, folder=tree, hear=say)
    if (tree / ".gitmodules").is_file():
        _submodules(source, tree, say)
    if large_files.can_be_fetched():
        large_files.complete(source, tree, say)


def _origin(checkout: Path) -> str:
    """Return the URL of the repository that it was made from."""
    asked = ["config", "--get", "remote.origin.url"]
    return git(asked, Remote(str(checkout)), seconds=LOCAL_SECONDS, folder=checkout).output.strip()


def _submodules(source: Remote, tree: Path, say: Callable[[str], None]) -> None:
    say("Fetching its submodules.")
    update = ["submodule", "update", "--init", "--recursive", "--force"]
    finished = git([*update, "--depth=1"], source, seconds=FETCH_SECONDS, folder=tree, hear=say)
    if finished.code != 0:
        # Not every server gives a commit that is at no tip.
        finished = git(update, source, seconds=FETCH_SECONDS, folder=tree, hear=say)
    if finished.code != 0:
        why = explain(source.thing, finished.words)
        observed = f"A submodule could not be fetched. {why.observed}"
        fix = f"{why.fix} The submodules are listed in `.gitmodules`."
        raise PlaygroundError(why.model_copy(update={"observed": observed, "fix": fix}))


def _forget(mirror: Path, keep: set[str]) -> None:
    """Drop commits that no checkout needs; with the last one the mirror goes. The caller holds its lock."""
    here = Remote(str(mirror))
    listed = git(["for-each-ref", "--format=%(refname)"], here, seconds=LOCAL_SECONDS, folder=mirror)
    refs = set(listed.output.split())
    if not refs & {kept_ref(commit) for commit in keep}:
        discard(mirror)
        return
    unused = {ref for ref in refs if ref.startswith(kept_ref("")) and ref[len(kept_ref("")) :] not in keep}
    if not unused:
        return
    for ref in sorted(unused | {ref for ref in refs if ref.startswith("refs/incoming/")}):
        git(["update-ref", "-d", ref], here, seconds=LOCAL_SECONDS, folder=mirror)
    git(["gc", "--quiet", "--prune=now"], here, seconds=FETCH_SECONDS, folder=mirror)
