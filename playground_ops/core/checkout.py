"""What a release's own checkout tells of its commit: strangers' words, cut and never interpreted."""

from collections.abc import Sequence

from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.redact import redact

POINTER = "version https://git-lfs.github.com/spec/v1"
"""The first line of a file that stands for a large one (git-lfs, docs/spec.md)."""
LONGEST_SUBJECT, LONGEST_AUTHOR = 200, 100
"""Characters."""
NAMED = 3
"""How many pointers are named."""


class Checkout(FrozenModel):
    subject: str = ""
    """The first line of the commit's message; empty where it is not known."""
    author: str = ""
    warnings: tuple[str, ...] = ()
    """What is not as it should be, although it can be loaded."""


def one_line(text: str, longest: int) -> str:
    """Return the text as one line of at most `longest` characters, without control characters and secrets."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    shown = redact(plain)
    return shown if len(shown) <= longest else f"{shown[: longest - 2].rstrip()}.."


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
        subject=one_line(subject, LONGEST_SUBJECT),
        author=one_line(author, LONGEST_AUTHOR),
        warnings=tuple(pointers(files, count, fix)),
    )
