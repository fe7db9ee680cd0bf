"""The files of a repository: a stranger's data. Whatever of a commit is read is read through here.

Paths are resolved step by step and never leave the checkout; only regular files are read, up to a bound.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.redact import one_line

LONGEST = 16_000_000
"""Bytes of a file; the largest locks have a third of it."""
MOST_LINKS = 40
"""Links on the way to one file, as in Linux's path_resolution(7)."""
_GIT = ".git"
_SHOWN = 200
_KINDS = {stat.S_IFDIR: "It is a folder, where a file is wanted"}
_MISSING = (errno.ENOENT, errno.ENOTDIR)


def inside(checkout: Path, path: Path, named_by: str = "") -> Path:
    """Return where `path` leads, without links; nothing need be there. `checkout` is a real path.

    `named_by`: the file and key that the path stands in. Raises PlaygroundError (certain) where it leads out
    of the checkout, to git's own folder, or nowhere.
    """
    if not path.is_relative_to(checkout):
        raise PlaygroundError(_leads_out(checkout, path, "It is absolute", named_by))
    waiting = list(reversed(path.relative_to(checkout).parts))
    found: list[str] = []
    why, links = "It has too many `..`", 0
    while waiting:
        step = waiting.pop()
        if step == ".." and found:
            found.pop()
        elif step == "..":
            raise PlaygroundError(_leads_out(checkout, path, why, named_by))
        elif step.lower() == _GIT:
            raise PlaygroundError(_leads_out(checkout, path, "It lies in git's own folder", named_by))
        elif step not in ("", "."):
            found.append(step)
            target = _target(checkout, "/".join(found), path)
            if target is None:
                continue
            why, links = f"`{shown('/'.join(found))}` is a link to `{shown(target)}`", links + 1
            found.pop()
            if target.startswith("/"):
                raise PlaygroundError(_leads_out(checkout, path, why, named_by))
            if links > MOST_LINKS:
                raise PlaygroundError(_loop(checkout, path))
            waiting += reversed(target.split("/"))
    return checkout.joinpath(*found)


def is_inside(checkout: Path, path: Path) -> bool:
    """Return whether it leads to a place in the checkout, where nothing need be."""
    try:
        inside(checkout, path)
    except PlaygroundError:
        return False
    return True


def stays_inside(checkout: Path, path: Path) -> bool:
    """Return whether `path`, found by a walk that follows no links, is no link out of the checkout."""
    return not path.is_symlink() or is_inside(checkout, path)


def is_file(checkout: Path, path: Path, named_by: str = "") -> bool:
    """Return whether a regular file is there. Raises PlaygroundError, as `inside`."""
    return stat.S_ISREG(_mode(inside(checkout, path, named_by)))


def is_folder(checkout: Path, path: Path, named_by: str = "") -> bool:
    """Return whether a folder is there. Raises PlaygroundError, as `inside`."""
    return stat.S_ISDIR(_mode(inside(checkout, path, named_by)))


def read(checkout: Path, path: Path, at_most: int = LONGEST) -> bytes | None:
    """Return the content of a file; None where nothing is.

    Raises PlaygroundError: certain for what leads out, is no regular file, or has more than `at_most` bytes;
    transient where this machine can't read it.
    """
    place, name = inside(checkout, path), name_of(checkout, path)
    if (mode := _mode(place)) and not stat.S_ISREG(mode):
        raise PlaygroundError(_no_file(name, _KINDS.get(stat.S_IFMT(mode), "It is no file")))
    try:
        content = _content(place, at_most)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise PlaygroundError(_unreadable(name, error)) from error
    if len(content) > at_most:
        raise PlaygroundError(_no_file(name, f"It has more than {at_most:,} bytes"))
    return content


def read_or_nothing(checkout: Path, path: Path, at_most: int = LONGEST) -> bytes:
    """Return the content of a file that nothing names, as one of many that are searched; else nothing."""
    try:
        return read(checkout, path, at_most) or b""
    except PlaygroundError:
        return b""


def read_text(checkout: Path, path: Path, at_most: int = LONGEST) -> str | None:
    """Return what `read` does as text; UTF-8, also with a byte order mark. Raises PlaygroundError."""
    content = read(checkout, path, at_most)
    return None if content is None else decoded(content, name_of(checkout, path))


def decoded(content: bytes, name: str) -> str:
    """Decode UTF-8. Raises PlaygroundError (certain), which names the file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PlaygroundError(_no_text(name, f"A byte at line {line} is not UTF-8.")) from error
    if "\0" in text:
        raise PlaygroundError(_no_text(name, "It has a NUL."))
    return text


@contextmanager
def reading(thing: str) -> Iterator[None]:
    """Around what reads a commit's files and does nothing else: what it does not foresee is a finding too.

    The same files give the same error each time. Raises PlaygroundError (certain).
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise PlaygroundError(
            certain(
                object=thing,
                observed=f"Its files can't be read: {type(error).__name__}: {shown(str(error))}.",
                cause="One of them has what this program does not expect there.",
                fix="Look at what the commit changed in `pyproject.toml` or a lock, and report this.",
            )
        ) from error


def name_of(checkout: Path, path: Path) -> str:
    """Return the path of a file in the repository, as it may be shown."""
    return shown(os.path.relpath(path, checkout) if path.is_absolute() else str(path))


def shown(text: str) -> str:
    return one_line(text, _SHOWN)


def unfit(name: str, observed: str, cause: str) -> Finding:
    """Return a finding about a file of the repository that is not as it must be."""
    return certain(object=f"file/{name}", observed=observed, cause=cause, fix="Correct it and push.")


def _content(place: Path, at_most: int) -> bytes:
    """Return what is there, or its first `at_most` + 1 bytes. Raises OSError."""
    # Whatever is put there meanwhile: no link is followed, and no pipe waited for.
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(at_most + 1)


def _target(checkout: Path, place: str, path: Path) -> str | None:
    """Return where a link leads; None for what is none, or is not there."""
    try:
        return os.readlink(f"{checkout}/{place}")  # noqa: PTH115 - for each step of each file, keep it cheap
    except ValueError as error:
        raise PlaygroundError(_no_file(name_of(checkout, path), "Its path has a NUL")) from error
    except OSError as error:
        if error.errno in (*_MISSING, errno.EINVAL):
            return None
        name = name_of(checkout, path)
        if error.errno == errno.ENAMETOOLONG:
            raise PlaygroundError(_no_file(name, "Its path is too long")) from error
        raise PlaygroundError(_unreadable(name, error)) from error


def _mode(place: Path) -> int:
    try:
        return place.lstat().st_mode
    except OSError as error:
        if error.errno in _MISSING:
            return 0
        raise PlaygroundError(_unreadable(shown(place.name), error)) from error


def _leads_out(checkout: Path, path: Path, why: str, named_by: str) -> Finding:
    name = name_of(checkout, path)
    return certain(
        object=f"file/{name}",
        observed=f"`{name}` leads out of the repository.",
        cause=f"{why}{f'; {named_by} names it' if named_by else ''}. A commit's own files alone are taken.",
        fix="Put what it leads to into the repository, name that, and push.",
    )


def _loop(checkout: Path, path: Path) -> Finding:
    name = name_of(checkout, path)
    return unfit(name, f"`{name}` leads nowhere.", f"It is a loop of links, or of more than {MOST_LINKS}.")


def _no_file(name: str, why: str) -> Finding:
    return unfit(name, "It can't be read.", f"{why}.")


def _no_text(name: str, why: str) -> Finding:
    return unfit(name, "It can't be read as text.", f"{why} It has to be UTF-8.")


def _unreadable(name: str, error: OSError) -> Finding:
    return transient(
        object=f"file/{name}",
        observed=f"It can't be read: {error.strerror}.",
        cause="The disk or the rights of this machine; the commit is not to blame.",
        fix="It is tried again; look at the disk and at who owns the checkout.",
    )
