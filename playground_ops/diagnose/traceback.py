"""The exception that matters in a server's log: the code's own, without Dagster's wrapping around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CHAIN = re.compile(
    r"\n\n(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)\n\n"
)
_START = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_CHECKOUT = re.compile(r"/(?:[0-9a-f]{40}|content-[0-9a-f]+)/")
_LIBRARY = ("site-packages/", "/lib/python", "<frozen", "<string>")
_WRAPPERS = ("dagster._core.errors.DagsterUserCodeLoadError", "dagster._core.errors.DagsterImportError")
"""What Dagster raises around an exception of the code that it loads."""


@dataclass(frozen=True)
class Raised:
    """One exception as Python printed it."""

    message: str
    """`ValueError: ...`, with all its lines."""
    excerpt: str
    """From the first frame of the person's own code on."""
    where: str
    """The last frame of the person's own code, `package/file.py, line 3`; empty if there is none."""

    @property
    def headline(self) -> str:
        return self.message.splitlines()[0] if self.message else ""


def last_raised(log: str) -> Raised | None:
    """The last exception of the log that is not Dagster's wrapping of another one; None without any."""
    start = log.rfind(_START)
    if start < 0:
        return None
    chain = [block for block in _CHAIN.split(log) if _START in block]
    exceptions = [_raised(block[block.rfind(_START) + len(_START) :]) for block in chain]
    own = [found for found in exceptions if found.message and not found.message.startswith(_WRAPPERS)]
    return (own or exceptions)[-1] if exceptions else None


def _raised(block: str) -> Raised:
    lines = block.splitlines()
    # Frames and their source are indented; a message may have any lines after its first.
    first = next(
        (number for number, line in enumerate(lines) if line and not line.startswith(" ")), len(lines)
    )
    message = "\n".join(lines[first:]).strip()
    frames = [frame for frame in _FRAME.finditer(block) if _is_own(frame["file"])]
    if not frames:
        return Raised(message, block.strip("\n"), "")
    where = f"{_in_its_repository(frames[-1]['file'])}, line {frames[-1]['line']}"
    return Raised(message, block[frames[0].start() :].rstrip(), where)


def _in_its_repository(file: str) -> str:
    """The path below the checkout, as the person knows it; of any other file the last parts."""
    return _CHECKOUT.split(file)[-1] if _CHECKOUT.search(file) else "/".join(file.split("/")[-3:])


def _is_own(file: str) -> bool:
    return not any(part in file for part in _LIBRARY)
