"""Exceptions as Python prints them: of a chain of them, the one that says what happened."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from playground_ops.diagnose.known import CHECKOUT

_CHAIN = re.compile(
    r"\n\n(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)\n\n"
)
_START = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_CHECKOUT = re.compile(CHECKOUT)
_LIBRARY = ("site-packages/", "/lib/python", "<frozen", "<string>")
_WRAPPERS = ("dagster._core.errors.DagsterUserCodeLoadError", "dagster._core.errors.DagsterImportError")
"""Errors that Dagster raises around an exception of the code that it loads, also on older versions."""
_FRAMEWORK = re.compile(r"/(?:site-packages|python_modules)/dagster(?:_shared)?/")
_REFUSAL = re.compile(r"[\w.]*\bDagster(?:Invalid|Invariant|Unmet|Unresolvable)\w*:")
"""Dagster's own sentences about definitions, which say more than what led to them."""
_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d")


@dataclass(frozen=True)
class Raised:
    """One exception as Python printed it."""

    message: str
    """`ValueError: ...`, with all its lines."""
    excerpt: str
    """The traceback from the first frame of the person's own code on."""
    where: str
    """The last frame of the person's own code, `package/file.py, line 3`; empty if there is none."""
    raised_in: str = ""
    """The file of the last frame of all; empty without any frame."""

    @property
    def in_library(self) -> bool:
        return bool(self.raised_in) and not _is_own(self.raised_in)

    @property
    def by_framework(self) -> bool:
        """Return whether Dagster itself raised it, and no code or library that it loads."""
        return bool(_FRAMEWORK.search(self.raised_in))

    @property
    def sentence(self) -> str:
        """Return the message, all its lines as one."""
        return " ".join(self.message.split())


def last_raised(log: str) -> Raised | None:
    """Return the last exception of the log that is no wrapping by Dagster; None without any.

    What Dagster raises around an exception of the code (a component's, a partition function's) says where it
    happened, and not what.
    """
    exceptions = [_raised(block) for block in _last_chain(log)]
    told = [found for found in exceptions if found.message] or exceptions
    around = []
    while len(told) > 1 and _wraps(*told[-2:]):
        outer = told.pop()
        if not outer.message.startswith(_WRAPPERS):
            around.append(outer.message)
    if not told:
        return None
    return replace(told[-1], excerpt="\n\n".join([told[-1].excerpt, *around]))


def _last_chain(log: str) -> list[str]:
    """Return the last exception of the log without its first line, and before it those it was raised from."""
    chain: list[str] = []
    for block in reversed(list(_blocks(log))):
        chain.insert(0, block[block.rfind(_START) + len(_START) :] if _START in block else block)
        if block.count(_START) > 1:  # what was printed before has nothing to do with it
            break
    return chain


def _blocks(log: str) -> Iterator[str]:
    first, *others = _CHAIN.split(log)
    if _START in first:
        yield first
    elif others:
        yield first.partition("\n")[2]  # the log's tail begins within a traceback, or within a line of it
    yield from (block for block in others if _START in block)


def _wraps(inner: Raised, outer: Raised) -> bool:
    if outer.message.startswith(_WRAPPERS):
        return True
    return outer.by_framework and not inner.by_framework and not _REFUSAL.match(outer.message)


def _raised(block: str) -> Raised:
    lines = block.splitlines()
    # Frames and their source are indented; a message may have any lines after its first.
    first = next(
        (number for number, line in enumerate(lines) if line and not line.startswith(" ")), len(lines)
    )
    said = itertools.takewhile(lambda line: not _LOG_LINE.match(line), lines[first:])
    message = "\n".join(said).strip()
    every = list(_FRAME.finditer(block))
    raised_in = every[-1]["file"] if every else ""
    frames = [frame for frame in every if _is_own(frame["file"])]
    if not frames:
        return Raised(message, block.strip("\n"), "", raised_in)
    where = f"{_in_its_repository(frames[-1]['file'])}, line {frames[-1]['line']}"
    return Raised(message, block[frames[0].start() :].rstrip(), where, raised_in)


def _in_its_repository(file: str) -> str:
    """Return the path below the checkout, as the person knows it; for any other file the last parts."""
    return _CHECKOUT.split(file)[-1] if _CHECKOUT.search(file) else "/".join(file.split("/")[-3:])


def _is_own(file: str) -> bool:
    return not any(part in file for part in _LIBRARY)
