"""Resolves a branch, a tag or a commit from the answer of `git ls-remote`. No I/O.

There is one query per repository and credentials, whichever locations it serves.
"""

import difflib
import re
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias, TypeVar

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.model import Location, Revision
from playground_ops.core.redact import one_line, redact
from playground_ops.diagnose.git_errors import explain

_FULL = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{4,39}")
# git check-ref-format, and no glob: `ls-remote` would take `*` for a pattern.
LONGEST_NAME = 100
"""Characters of the name of another ref that are shown."""
_NOT_A_REF = re.compile(r"^[-/.]|[\x00-\x20~^:?*\[\\\x7f]|\.\.|//|@\{|/\.|\.lock(?:/|$)|[/.]$|^@$|^$")


def pinned(url: str, ref: str | None) -> Revision | None:
    """Return a full commit's revision, which needs no query. Raises PlaygroundError for an invalid ref."""
    if ref is not None and _FULL.fullmatch(ref.lower()):
        return Revision(repository=url, commit=ref.lower(), ref=ref)
    if ref is not None and (_NOT_A_REF.search(ref) or not ref.isprintable()):
        raise PlaygroundError(_not_a_ref(url, ref))
    return None


def names(ref: str | None) -> list[str]:
    """Return the exact names to query, and the commits that tags lead to."""
    if ref in (None, "HEAD"):
        return ["HEAD"]
    if str(ref).startswith("refs/"):
        return [str(ref), f"{ref}^{{}}"]
    return ["HEAD", f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/tags/{ref}^{{}}"]


def chosen(url: str, ref: str | None, answer: str, listed: Callable[[], str]) -> Revision:
    """Return the revision, from the answer for `names(ref)`. `listed` lists all names, to suggest others.

    Raises PlaygroundError (certain): unknown, ambiguous, or not a commit of 40 digits.
    """
    # ls-remote matches by the end of a name (`refs/remotes/x/HEAD` too): only exact names count.
    found = {name: commit for commit, _, name in (line.partition("\t") for line in answer.splitlines())}
    wanted = [name for name in names(ref) if not name.endswith("^{}")]
    commits = {name: found.get(f"{name}^{{}}", found.get(name)) for name in wanted}
    if ref not in (None, "HEAD"):
        commits.pop("HEAD", None)
    present = {name: commit for name, commit in commits.items() if commit}
    if not present:
        raise PlaygroundError(_unknown(url, ref, not found, listed))
    if len(set(present.values())) > 1:
        raise PlaygroundError(_ambiguous(url, str(ref), present))
    (commit,) = set(present.values())
    if not _FULL.fullmatch(commit):
        raise PlaygroundError(explain(thing(url), "fatal: mismatched algorithms"))
    return Revision(repository=url, commit=commit, ref=ref)


def thing(url: str) -> str:
    """Return the repository's name in findings."""
    return f"repository/{redact(url)}"


def _near(ref: str, listed: str) -> list[str]:
    there = [line.partition("\t")[2].split("/", 2)[-1] for line in listed.splitlines()]
    near = difflib.get_close_matches(ref, there, n=5, cutoff=0.3) or sorted(there)[:5]
    return [one_line(name, LONGEST_NAME) for name in near]


def _unknown(url: str, ref: str | None, empty: bool, listed: Callable[[], str]) -> Finding:
    if ref is None or ref == "HEAD":
        return certain(
            object=thing(url),
            observed="Its HEAD leads to no commit.",
            cause="The repository is empty, or its default branch does not exist.",
            fix="Push a commit, or give a branch, a tag or a full commit as the ref.",
        )
    if _SHORT.fullmatch(ref.lower()):
        return certain(
            object=thing(url),
            observed=f"`{ref}` is neither a branch nor a tag.",
            cause="It looks like a short commit, which a repository can't be asked for.",
            fix="Give all 40 digits (`git rev-parse COMMIT` shows them).",
        )
    near = [] if empty else _near(ref, listed())
    has = f"It has {', '.join(f'`{name}`' for name in near)}." if near else "No name there is like it."
    return certain(
        object=thing(url),
        observed=f"It has no branch or tag `{ref}`.",
        cause="The repository is empty." if empty else has,
        fix="Correct the ref, or push the branch.",
    )


def _ambiguous(url: str, ref: str, present: dict[str, str]) -> Finding:
    return certain(
        object=thing(url),
        observed=f"`{ref}` is both a branch and a tag, at different commits.",
        cause="; ".join(f"{name} is {commit}" for name, commit in sorted(present.items())) + ".",
        fix=f"Say which: `refs/heads/{ref}` or `refs/tags/{ref}`.",
    )


def _not_a_ref(url: str, ref: str) -> Finding:
    return certain(
        object=thing(url),
        observed=f"`{redact(ref)}` can't be the name of a branch or tag.",
        cause="git allows no spaces, `..`, `~^:?*[\\`, no leading `-` and no trailing `/` or `.lock` in "
        "names, and what can't be seen (a mark of direction, of no width) is not taken here.",
        fix="Give a branch, a tag or a full commit of 40 digits.",
    )


T = TypeVar("T")
Answer: TypeAlias = "Revision | Finding"
Asked = Callable[[Sequence[str]], tuple[str, Callable[[], str]]]
"""Takes names of refs and returns the answer of `git ls-remote`, and a function that lists all names."""


def resolve_all(
    locations: Sequence[Location],
    alike: Callable[[Location], Hashable],
    own: Callable[[Location], Revision],
    ask: Callable[[Sequence[Location]], Sequence[Answer]],
) -> list[Answer]:
    """Resolve in the order of `locations`, all at once. `own` resolves those without a repository."""
    groups: dict[Hashable, list[Location]] = {}
    for one in locations:
        groups.setdefault(alike(one) if one.repository else one.name, []).append(one)

    def answered(several: list[Location]) -> Sequence[Answer]:
        if several[0].repository is None:
            return [_tried(partial(own, one)) for one in several]
        found = _tried(partial(ask, several))
        return [found] * len(several) if isinstance(found, Finding) else found

    with ThreadPoolExecutor(max_workers=max(1, len(groups))) as pool:
        answers = list(pool.map(answered, groups.values()))
    found = {
        one.name: answer
        for several, given in zip(groups.values(), answers, strict=True)
        for one, answer in zip(several, given, strict=True)
    }
    return [found[one.name] for one in locations]


def each(url: str, wanted: Sequence[str | None], ask: Asked) -> list[Answer]:
    """Resolve every ref. Full commits need no query, and an invalid ref is not queried."""
    known: list[Answer | None] = [_tried(partial(pinned, url, ref)) for ref in wanted]
    unknown = [name for ref, found in zip(wanted, known, strict=True) if not found for name in names(ref)]
    if not unknown:
        return [found for found in known if found]
    try:
        answer, listed = ask(list(dict.fromkeys(unknown)))
    except PlaygroundError as error:
        return [found or error.finding for found in known]
    return [
        _tried(partial(chosen, url, ref, answer, listed)) if found is None else found
        for ref, found in zip(wanted, known, strict=True)
    ]


def the_one(answers: Sequence[Answer]) -> Revision:
    """Return the only answer. Raises PlaygroundError for a finding."""
    (answer,) = answers
    if isinstance(answer, Finding):
        raise PlaygroundError(answer)
    return answer


def _tried(attempt: Callable[[], T]) -> T | Finding:
    try:
        return attempt()
    except PlaygroundError as error:
        return error.finding
