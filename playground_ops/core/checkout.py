"""What a release's own checkout tells of its commit: strangers' words, cut and never interpreted."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.redact import one_line, printable

POINTER = "version https://git-lfs.github.com/spec/v1"
"""The first line of a file that stands for a large one (git-lfs, docs/spec.md)."""
LONGEST_SUBJECT, LONGEST_AUTHOR = 200, 100
"""Characters."""
NAMED = 3
"""How many pointers are named."""


def _cut(longest: int) -> AfterValidator:
    """What was stored as JSON was redacted before, and there is much of it."""

    def shown(text: str, info: ValidationInfo) -> str:
        return printable(text)[:longest] if info.mode == "json" else one_line(text, longest)

    return AfterValidator(shown)


Subject = Annotated[str, _cut(LONGEST_SUBJECT)]
"""The first line of a commit's message; empty where it is not known."""
Author = Annotated[str, _cut(LONGEST_AUTHOR)]


class Checkout(FrozenModel):
    subject: Subject = ""
    author: Author = ""
    warnings: tuple[str, ...] = ()
    """What is not as it should be, although it can be loaded."""


def pointers(files: Sequence[str], count: int, fix: str) -> list[str]:
    """Return a warning of `count` pointers, the first of which are `files`; none without any."""
    if not count:
        return []
    names = ", ".join(one_line(name, LONGEST_SUBJECT) for name in files[:NAMED])
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return [
        f"{count} file(s) of the project are pointers of git-lfs and not their content: {names}{more}. "
        f"Code that reads them gets three lines of text. {fix}"
    ]


def told(message: str, commit: str, fix: str) -> Checkout:
    """Return what the script around git-sync told of this commit; nothing where it did not.

    `message`: the commit, its subject, its author, names of pointers, and their number, a line each.
    """
    lines = message.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) < 3 or lines[0] != commit:
        return Checkout()
    subject, author, *files = lines[1:]
    count = int(files.pop()) if files and files[-1].isdecimal() else 0
    return Checkout(
        subject=subject,
        author=author,
        warnings=tuple(pointers(files, count, fix)),
    )
