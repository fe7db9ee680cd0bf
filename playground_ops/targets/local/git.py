"""Code from git: resolves a ref, and fetches exactly that commit."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from playground_ops.core.checkout import Checkout
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.model import Revision
from playground_ops.core.redact import redact
from playground_ops.diagnose.git_errors import explain, lacking
from playground_ops.targets.common import refs
from playground_ops.targets.common.atomic_folder import built, discard, locked, room
from playground_ops.targets.local.git_command import Remote, git, git_or_raise, remote

RESOLVE_SECONDS = 30.0
FETCH_SECONDS = 600.0
LOCAL_SECONDS = 60.0

# Servers that give a commit only at a tip (git's old protocol, plain web servers) say one of these.
_ONLY_WHOLE = re.compile(r"unadvertised object|dumb http transport|does not support shallow", re.I)
# Errors after a git that was killed half-way.
_DAMAGED = re.compile(
    r"\.lock': File exists|not a git repository: '?\.'?|object file .* is empty|loose object .* corrupt|"
    r"index-pack died|bad shallow|shallow file has changed|missing blob|unable to read tree|"
    r"packfile .* cannot",
    re.I,
)


def resolve(url: str, ref: str | None, seconds: float = RESOLVE_SECONDS) -> Revision:
    """Pin `ref` (None: the repository's HEAD) to a full commit, by one query to the repository.

    A full commit is taken as it is, without a query; `fetch` finds out whether it exists. The revision names
    the repository without its credentials. Raises PlaygroundError.
    """
    return refs.the_one(resolve_each(url, [ref], seconds))


def resolve_each(
    url: str, wanted: Sequence[str | None], seconds: float = RESOLVE_SECONDS
) -> list[refs.Answer]:
    """Resolve several refs by one query."""
    source = _remote(url)

    def ask(names: Sequence[str]) -> tuple[str, Callable[[], str]]:
        answer = git_or_raise(["ls-remote", "--", source.url, *names], source, seconds=seconds)
        return answer, lambda: _all_names(source, seconds)

    return refs.each(source.url, wanted, ask)


def mirror_folder(folder: Path, url: str) -> Path:
    """Return the folder of the mirror of `url` in `folder`: one per URL, whatever its credentials."""
    return folder / hashlib.sha256(remote(url).url.encode()).hexdigest()[:16]


def fetch(
    url: str, commit: str, mirror: Path, say: Callable[[str], None], seconds: float = FETCH_SECONDS
) -> None:
    """Fetch `commit` from `url` into the bare repository `mirror`, unless it is there already.

    Only that commit is fetched, without history, where the server allows it. One process at a time; a mirror
    that a kill left damaged is set aside and made anew. Raises PlaygroundError.
    """
    source = _remote(url)
    with locked(mirror, say), room(source.thing):
        for attempt in range(2):
            _open(mirror, source)
            if _has(mirror, commit, source):
                return
            say(f"Fetching {commit[:12]} from {redact(source.url)}.")
            words = _fetch_into(mirror, source, commit, say, seconds)
            if not words:
                break
            if attempt or not _DAMAGED.search(words):
                raise PlaygroundError(explain(source.thing, words))
            # An orphan of the killed process may still write: it works in `.` and so writes into the folder
            # that is renamed and removed.
            say("The copy of the repository was damaged by an earlier kill; it is fetched anew.")
            discard(mirror)
        if not _has(mirror, commit, source):
            raise PlaygroundError(lacking(source.thing, commit))


def describe(repository: Path, commit: str) -> Checkout:
    """Return subject and author of a commit. Raises PlaygroundError when it is not in this repository."""
    show = ["-c", "log.showSignature=false", "show", "-s", "--format=%s%x00%an", "--encoding=UTF-8"]
    here, commits = Remote(str(repository)), [f"{commit}^{{commit}}", "--"]
    output = git_or_raise([*show, *commits], here, seconds=LOCAL_SECONDS, folder=repository)
    subject, _, author = output.strip("\n").partition("\0")
    return Checkout(subject=subject, author=author)


def kept_ref(commit: str) -> str:
    """Return the ref under which a mirror keeps a commit; it exists once the commit is complete."""
    return f"refs/playground/{commit}"


def _remote(url: str) -> Remote:
    source = remote(url)
    here = re.match(r"[\w+.-]+::?", source.url) is None and not re.match(r"[^/]+:", source.url)
    if source.url.startswith("-") or (here and not source.url.startswith("/")):
        raise PlaygroundError(_not_a_url(source))
    return source


def _open(mirror: Path, source: Remote) -> None:
    if (mirror / "HEAD").exists():
        return
    with built(mirror) as folder:
        init = ["init", "--quiet", "--bare", "--template=", "."]
        git_or_raise(init, source, seconds=LOCAL_SECONDS, folder=folder)


def _has(mirror: Path, commit: str, source: Remote) -> bool:
    asked = ["rev-parse", "--verify", "--quiet", kept_ref(commit)]
    return git(asked, source, seconds=LOCAL_SECONDS, folder=mirror).code == 0


def _fetch_into(mirror: Path, source: Remote, commit: str, say: Callable[[str], None], seconds: float) -> str:
    """Fetch and keep the commit. Returns git's error when that failed, else nothing."""
    flags = ["fetch", "--progress", "--no-tags", "--force", "--no-recurse-submodules"]
    one = [*flags, "--depth=1", "--", source.url, f"+{commit}:refs/incoming/{commit}"]
    finished = git(one, source, seconds=seconds, folder=mirror, hear=say)
    if finished.code != 0 and _ONLY_WHOLE.search(finished.words):
        say("This server gives no single commit: fetching all branches and tags.")
        shallow = ["--unshallow"] if (mirror / "shallow").exists() else []
        names = ["+refs/heads/*:refs/incoming/heads/*", "+refs/tags/*:refs/incoming/tags/*"]
        every = [*flags, *shallow, "--prune", "--", source.url, *names]
        finished = git(every, source, seconds=seconds, folder=mirror, hear=say)
    if finished.code != 0:
        return finished.words
    return _keep(mirror, source, commit)


def _keep(mirror: Path, source: Remote, commit: str) -> str:
    kind = git(["cat-file", "-t", commit], source, seconds=LOCAL_SECONDS, folder=mirror)
    if kind.code != 0:
        return f"fatal: remote error: upload-pack: not our ref {commit}"
    if kind.output.strip() != "commit":
        raise PlaygroundError(_not_a_commit(source, commit, kind.output.strip()))
    kept = git(["update-ref", kept_ref(commit), commit], source, seconds=LOCAL_SECONDS, folder=mirror)
    return kept.words if kept.code != 0 else ""


def _all_names(source: Remote, seconds: float) -> str:
    listed = git(["ls-remote", "--heads", "--tags", "--refs", "--", source.url], source, seconds=seconds)
    return listed.output


def _not_a_url(source: Remote) -> Finding:
    return certain(
        object=source.thing,
        observed="It is neither a URL nor an absolute path.",
        cause="A relative path would mean another folder wherever the stack is started from.",
        fix="Give an absolute path, or a URL (https://, ssh://, git@HOST:PATH, file://).",
    )


def _not_a_commit(source: Remote, name: str, kind: str) -> Finding:
    return certain(
        object=source.thing,
        observed=f"`{name}` is not a commit.",
        cause=f"It is the id of a {kind} object.",
        fix="Give the tag's name, or the commit (`git rev-parse TAG^{commit}` shows it).",
    )
